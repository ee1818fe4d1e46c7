"""Needs taken in and judged as the stages do it, from a listing that is given here instead of read over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include import intake
from include.base.privacy import PersonalDataCipher
from include.domain.identifiers import make_uscc, normalise_id
from include.domain.states import IntakeKind
from include.gate import stage as gate
from include.gate.consequences import close_departments
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store.tables import register_factory, register_snapshot
from tests.support.clean_need import clean_need
from tests.support.rows import need_id

KEY = "key of needs taken in"
CIPHER = PersonalDataCipher([KEY])


def filed(number: int, **changes: Any) -> dict[str, Any]:
    """A need of a factory and a project of its own."""
    own = {
        "enterprise__uscc": make_uscc("91330100", f"MA2T{number:04d}"),
        "enterprise__contact__mobile": f"1380571{number:04d}",
        "project__project_code": f"2106-330100-04-02-{number:06d}",
        "project__content": f"建设第{number}条余热回收线，替代原有的燃煤锅炉，并配套建设能源管理中心。",
        "benefit__energy_saving_tce": f"{3000 + number}.5",
    }
    return clean_need({"need_id": need_id(number)}, **(own | changes))


class Listing:
    """The listing of one department."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._items = [json.dumps(record, ensure_ascii=False).encode() for record in records]

    def need_listing(self, **_: object) -> Iterator[NeedPage]:
        yield NeedPage.of(self._items, len(self._items))


def take_in(
    database: sa.Engine,
    run_id: str,
    records: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    quarter: str = "2026Q3",
    department_code: str = "330000",
    dry_run: bool = False,
    kind: IntakeKind = IntakeKind.QUARTERLY,
    closed: bool = True,
) -> int:
    """Begin the intake of `run_id`, or go on with it, and read a department that listed these records; its id.

    `closed`: the department's quarter is closed already, whatever the moment, so that what passes is pushed.
    """
    request = intake.IntakeRequest(
        run_id=run_id, kind=kind, quarter=quarter, departments=(department_code,), dry_run=dry_run
    )
    intake_id = intake.begin(database, request, now)
    if closed:
        with database.begin() as connection:
            close_departments(connection, quarter, [department_code], intake_id=intake_id, now=now)
    client = cast(GreenPlatformClient, Listing(records))
    intake.pull_department(
        database, client, CIPHER, intake_id=intake_id, department_code=department_code, day=Day.in_force(now)
    )
    list_factories(database, records, as_of=now.date())
    return intake_id


def list_factories(database: sa.Engine, records: Sequence[Mapping[str, Any]], *, as_of: date) -> None:
    """Put the factories of these records into the register as of a day, beside those that are there already; in Zhejiang."""
    with database.begin() as connection:
        known = set(connection.execute(sa.select(register_factory.c.uscc)).scalars())
        usccs = sorted({normalise_id(record["enterprise"]["uscc"]) for record in records} - known)
        shared = {
            "content_sha256": "all",
            "name": "浙江青禾新材料有限公司",
            "aliases": [],
            "level": "national",
            "batch": "2023年度",
            "department_code": "330000",
            "listed_on": date(2020, 1, 1),
        }
        for ordinal, uscc in enumerate(usccs, len(known)):
            connection.execute(sa.insert(register_factory).values(ordinal=ordinal, uscc=uscc, **shared))
        connection.execute(
            insert(register_snapshot)
            .values(as_of=as_of, content_sha256="all", row_count=1, taken_at=datetime(2026, 1, 1).astimezone())
            .on_conflict_do_nothing()
        )


def judge(
    database: sa.Engine,
    intake_id: int,
    *,
    now: datetime,
    department_code: str = "330000",
    rules: Policy | None = None,
) -> gate.GateSummary:
    """Judge the department."""
    return gate.judge_departments(
        database,
        CIPHER,
        intake_id=intake_id,
        department_codes=[department_code],
        day=Day(now, china_calendar(), rules or policy()),
    )


def findings(database: sa.Engine, need_id: str, intake_id: int | None = None) -> list[str]:
    """The findings of a need, of all judgements or of those of one intake."""
    with database.connect() as connection:
        return list(
            connection.execute(
                sa.text(
                    "select distinct rule_id || ' ' || field as found from finding join judgement using (judgement_id)"
                    " where finding.need_id = :need_id and intake_id = coalesce(:intake_id, intake_id) order by found"
                ),
                {"need_id": need_id, "intake_id": intake_id},
            ).scalars()
        )

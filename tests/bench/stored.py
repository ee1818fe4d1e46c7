"""From stored JSON to stored verdicts: needs taken in by the intake, then fingerprinted and judged by the stage."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from include import intake
from include.gate import stage
from include.gate.judge import Surroundings
from include.local.postgres import PostgresServer
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.privacy import PersonalDataCipher
from include.reference import policy
from include.reference.calendar import china_calendar
from include.store.database import connect, copy_rows, migrate
from include.store.tables import register_snapshot
from tests.bench.generated import CHECKED_AT, needs, register_row

_CIPHER = PersonalDataCipher(["bench"])


class _Listing:
    def __init__(self, items: list[bytes]) -> None:
        self._items = items

    def need_listing(self, **_: object) -> Iterator[NeedPage]:
        yield NeedPage(items=self._items, total=len(self._items), cursor=None)


def judge_stored(size: int, clock: Any, surroundings: Surroundings) -> None:
    """Judge `size` stored needs, department by department; the register is read from the database too."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home, PostgresServer(Path(home)) as server:
        server.create_database("bench")
        database = connect(server.url("bench"))
        migrate(database)
        intake_id, departments = _taken_in(database, size)
        with clock.running():
            stage.fingerprint_needs(database, _CIPHER, now=CHECKED_AT, policy=policy())
            for department in departments:
                stage.judge_department(
                    database,
                    _CIPHER,
                    intake_id=intake_id,
                    department_code=department,
                    now=CHECKED_AT,
                    policy=policy(),
                    calendar=china_calendar(),
                )
        with database.connect() as connection:
            judged = connection.execute(sa.text("select count(*) from judgement")).scalar_one()
        if judged != size:
            raise SystemExit(f"{judged} of {size} needs were judged")
        database.dispose()


def _taken_in(database: sa.Engine, size: int) -> tuple[int, list[str]]:
    listed: dict[str, list[bytes]] = defaultdict(list)
    for need in needs(size):
        listed[need["department_code"]].append(json.dumps(need, ensure_ascii=False).encode())
    request = intake.IntakeRequest(
        run_id="bench", kind="quarterly", quarter="2026Q3", departments=tuple(sorted(listed)), dry_run=False
    )
    intake_id = intake.begin(database, request, CHECKED_AT - timedelta(minutes=10))
    for department, items in listed.items():
        client = cast(GreenPlatformClient, _Listing(items))
        intake.pull_department(
            database, client, _CIPHER, intake_id=intake_id, department_code=department, now=CHECKED_AT
        )
    with database.begin() as connection:
        names = ("uscc", "name", "aliases", "level", "batch", "department_code", "listed_on")
        copy_rows(
            connection,
            "register_factory",
            ("content_sha256", "ordinal", *names),
            (
                ("bench", at, row.uscc, row.name, [], row.level, row.batch, row.department_code, date(2024, 3, 1))
                for at, row in enumerate(map(register_row, needs(size)))
            ),
        )
        connection.execute(
            sa.insert(register_snapshot).values(
                as_of=CHECKED_AT.date(), content_sha256="bench", row_count=size, taken_at=CHECKED_AT
            )
        )
        connection.execute(sa.text("analyze"))
    return intake_id, sorted(listed)

"""Departments are read and judged in sets; one that fails is named, and the others are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, cast

import pytest
import sqlalchemy as sa

from include import intake
from include.base.errors import PlatformUnavailable
from include.domain.states import IntakeKind
from include.gate import stage as gate
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.words.department_failures import DepartmentsFailed, DepartmentsFailedForNow
from tests.support.rows import let_history_be_changed, moment, need_id
from tests.support.taken_in import CIPHER, Listing, filed, findings, list_factories

NOW = moment("2026-09-30 18:00")
ZHEJIANG, JIANGSU = "330000", "320000"


class Platform:
    """Listings of departments; one that is None is away."""

    def __init__(self, records: Mapping[str, Sequence[Mapping[str, Any]] | None]) -> None:
        self.records = records

    def need_listing(self, *, department: str, **_: object) -> Iterator[NeedPage]:
        records = self.records[department]
        if records is None:
            raise PlatformUnavailable("平台没有应答。", "请稍后重试。")
        return Listing(records).need_listing()


def read(database: sa.Engine, run_id: str, records: Mapping[str, Sequence[Mapping[str, Any]] | None]) -> int:
    """Read these departments in one set; the id of the intake."""
    request = intake.IntakeRequest(
        run_id=run_id, kind=IntakeKind.QUARTERLY, quarter="2026Q3", departments=tuple(records), dry_run=False
    )
    intake_id = intake.begin(database, request, NOW)
    list_factories(database, [one for listed in records.values() for one in listed or ()], as_of=NOW.date())
    client = cast(GreenPlatformClient, Platform(records))
    intake.pull_departments(
        database,
        lambda: nullcontext(client),
        CIPHER,
        intake_id=intake_id,
        department_codes=list(records),
        day=Day.in_force(NOW),
    )
    return intake_id


def judge(database: sa.Engine, intake_id: int, rules: Policy | None = None) -> gate.GateSummary:
    return gate.judge_departments(
        database,
        CIPHER,
        intake_id=intake_id,
        department_codes=[ZHEJIANG, JIANGSU],
        day=Day(NOW, china_calendar(), rules or policy()),
    )


def judged(database: sa.Engine) -> list[tuple[str, str]]:
    with database.connect() as connection:
        rows = connection.execute(sa.text("select department_code, need_id from judgement order by 1, 2"))
        return list(rows.tuples())


def test_needs_of_the_departments_of_a_set_are_compared_with_each_other(database: sa.Engine) -> None:
    code = "2106-330100-04-02-999999"
    first, second = filed(1, project__project_code=code), filed(2, project__project_code=code)
    judge(database, read(database, "run", {ZHEJIANG: [second], JIANGSU: [first]}))
    assert [findings(database, need_id(number)) for number in (1, 2)] == [[], ["G01 project.project_code"]]


def test_what_two_departments_list_is_judged_once(database: sa.Engine) -> None:
    summary = judge(database, read(database, "run", {ZHEJIANG: [filed(1)], JIANGSU: [filed(1), filed(2)]}))
    assert summary.judged == 2
    assert judged(database) == [(JIANGSU, need_id(2)), (ZHEJIANG, need_id(1))]


def test_a_department_with_values_of_its_own_is_judged_by_them(database: sa.Engine) -> None:
    intake_id = read(database, "run", {ZHEJIANG: [filed(1)], JIANGSU: [filed(2)]})
    own = Policy(policy().values, {JIANGSU: {"return_respond_working_days": "3"}})
    assert judge(database, intake_id, own).judged == 2
    with database.connect() as connection:
        versions = connection.execute(sa.text("select count(distinct ruleset_version) from judgement")).scalar()
    assert versions == 2


def test_a_department_that_cannot_be_judged_is_named_and_the_other_is_judged(database: sa.Engine) -> None:
    intake_id = read(database, "run", {ZHEJIANG: [filed(1), filed(2)], JIANGSU: [filed(3)]})
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(
            sa.text(
                "update raw_payload set ciphertext = decode('00', 'hex') || ciphertext where raw_sha256 ="
                " (select raw_sha256 from need_version where need_id = :need_id)"
            ),
            {"need_id": need_id(1)},
        )
    with pytest.raises(DepartmentsFailed, match="1 个地区审核失败，其余地区已完成。浙江："):
        judge(database, intake_id)
    assert judged(database) == [(JIANGSU, need_id(3))]
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(
            sa.text("update raw_payload set ciphertext = substr(ciphertext, 2) where get_byte(ciphertext, 0) = 0")
        )
    assert judge(database, intake_id).judged == 2


def test_a_department_that_cannot_be_read_is_named_and_read_by_the_next_attempt(database: sa.Engine) -> None:
    with pytest.raises(DepartmentsFailedForNow, match="1 个地区读取失败，其余地区已完成。江苏：平台没有应答。"):
        read(database, "run", {ZHEJIANG: [filed(1)], JIANGSU: None})
    intake_id = read(database, "run", {ZHEJIANG: [filed(1)], JIANGSU: [filed(2)]})
    assert judge(database, intake_id).judged == 2


def test_departments_are_put_into_sets_by_what_the_manifest_counts(database: sa.Engine) -> None:
    codes = ("110000", "120000", "130000", "140000", "150000")
    request = intake.IntakeRequest(
        run_id="run", kind=IntakeKind.QUARTERLY, quarter="2026Q3", departments=codes, dry_run=False
    )
    intake_id = intake.begin(database, request, NOW)
    with database.begin() as connection:
        for code, recommended in zip(codes, (60, 40, 1, 500, 5), strict=True):
            connection.execute(
                sa.text("insert into manifest_entry values (:intake_id, :code, :recommended, 0, false, :now)"),
                {"intake_id": intake_id, "code": code, "recommended": recommended, "now": NOW},
            )
    of_hundred = Policy({**policy().values, "judge_set_size": "100"})
    assert intake.department_sets(database, intake_id, of_hundred) == [
        ["110000", "120000"],
        ["130000"],
        ["140000"],
        ["150000"],
    ]
    assert intake.department_sets(database, intake_id, policy()) == [list(codes)]

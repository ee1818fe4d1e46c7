"""Each alert is shown with both sides: what the enterprise filed, and what banks reported or the register says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from include.alerts import view
from include.alerts.evidence import evidence_of_alert, reported
from include.alerts.stage import Grounds, sync_alerts
from include.base.act import Act
from include.domain.roles import Role
from include.gate.late_history import LATE_RULES
from include.quarantine.evidence import Evidence, has_evidence
from include.reference import policy
from include.reference.day import Day
from include.register.watch import REMOVED, RENAMED
from include.rule_book.suites import suites
from include.store.tables import need_version
from include.words.alerts import LIMITS, SUMS
from tests.support.clean_need import clean_need
from tests.support.matching import NEED, NOW, rows
from tests.support.register import list_factory, pushed_of_it, watch
from tests.support.rows import add_case, rewrite
from tests.support.rule_cases.case import APPROVED, CONTRACTED, DRAWN, alerts_on, alerts_on_sums, bank, code
from tests.support.taken_in import take_in


def _evidence(database: sa.Engine, now: Any = NOW) -> Mapping[str, tuple[Evidence, ...]]:
    """By rule, of every alert."""
    day = Day.in_force(now)
    with database.connect() as connection:
        ids = list(connection.execute(sa.text("select alert_id from alert order by alert_id")).scalars())
        return {
            one.rule_id: evidence_of_alert(connection, one, day=day, reader=Role.OPERATOR)
            for one in view.these_alerts(connection, ids)
        }


def _file(database: sa.Engine, **finance: Any) -> None:
    document = clean_need({"need_id": NEED})
    document["finance"] |= finance
    with database.begin() as connection:
        text = json.dumps(document, ensure_ascii=False, default=str)
        rewrite(connection, sa.update(need_version).values(document=text))


def test_every_rule_that_raises_alerts_says_what_ought_to_hold() -> None:
    of_cases = {one["meta"]["rule"] for one in suites()["case_events"]["expectations"]}
    for rule_id in {*of_cases, *SUMS, "G16", REMOVED, RENAMED}:
        assert LIMITS[rule_id]
    assert all(has_evidence(rule_id) for rule_id in LATE_RULES)


def _wrong_purpose(database: sa.Engine) -> None:
    alerts_on(database, [APPROVED, CONTRACTED, DRAWN | {"use_of_funds": "归还贷款"}])


def _more_than_contracted(database: sa.Engine) -> None:
    alerts_on(database, [APPROVED, CONTRACTED, DRAWN | {"amount": "12500"}])


def _another_entry(database: sa.Engine) -> None:
    alerts_on(database, [code("2.1.1")])


def _too_much_in_all(database: sa.Engine) -> None:
    alerts_on_sums(database, (600, 600), (500, 500), (1500, 500.01))


PLAYED: dict[str, tuple[Callable[[sa.Engine], None], str, str]] = {
    "G09a": (_wrong_purpose, "资金用途", "用途 归还贷款"),
    "G03a": (_more_than_contracted, "融资需求", "金额 12,500 万元（1.25 亿元）"),
    "G04": (_another_entry, "余热余压余气利用设备制造", "认定条目 大气污染防治装备制造"),
    "G18": (_too_much_in_all, "总投资", "合计 2,000.01 万元"),
    "G16": (_too_much_in_all, "资金用途", "没有贷后反馈"),
}


@pytest.mark.parametrize("rule_id", PLAYED)
def test_a_report_stands_beside_the_filing(database: sa.Engine, rule_id: str) -> None:
    play, filed, said = PLAYED[rule_id]
    play(database)
    _file(database, use_of_funds="购置节能电炉")
    if rule_id == "G16":
        with database.begin() as connection:
            ground = Grounds("G16", NEED, "", severity="hold", grounds=frozenset({"ICBC 2027Q1"}))
            sync_alerts(
                connection,
                [ground],
                rule_ids=["G16"],
                complete_cases=[],
                act=Act.by_stage("matching", NOW),
                policy=policy(),
            )
    (first, *_) = _evidence(database)[rule_id]
    assert filed in first.filed and "—" not in first.filed.split("；")[0], first
    assert said in first.compared, first
    assert first.limit.startswith(LIMITS[rule_id])


def test_a_sum_names_each_bank(database: sa.Engine) -> None:
    _too_much_in_all(database)
    (one,) = _evidence(database)["G18"]
    assert "中国工商银行 1,500 万元" in one.compared and "中国农业银行 500.01 万元" in one.compared


def test_a_list_tells_what_was_reported_instead_of_its_number(database: sa.Engine) -> None:
    alerts_on(database, [APPROVED, CONTRACTED, *bank("ABC", APPROVED, CONTRACTED, DRAWN, use_of_funds="归还贷款")])
    with database.connect() as connection:
        found = view.alert_page(connection, view.Chosen(rule_id="G09a"))
        (lines,) = reported(connection, found, Role.OPERATOR).values()
    assert len(lines) == 2 and all("归还贷款" in line and "中国农业银行" in line for line in lines)
    assert not any("EV" in line or NEED in line for line in lines)


@pytest.mark.parametrize(
    ("rule_id", "changes", "said"),
    [
        (REMOVED, {"removed_on": date(2026, 10, 12)}, "2024-01-01 列入，2026-10-12 移出"),
        (RENAMED, {"name": "青禾新材料有限公司"}, "名单：青禾新材料有限公司"),
    ],
)
def test_the_register_of_today_stands_beside_the_name(
    database: sa.Engine, rule_id: str, changes: dict[str, Any], said: str
) -> None:
    with database.begin() as connection:
        pushed_of_it(connection)
        add_case(connection, 1, state="credit_approved")
        list_factory(connection, **changes)
    watch(database)
    (one, *_) = _evidence(database)[rule_id]
    assert said in one.compared and "2026-10-20" in one.compared + one.limit


@pytest.mark.parametrize("rule_id", ["DQ42", "G01"])
def test_both_needs_of_a_duplicate_stand_side_by_side(database: sa.Engine, rule_id: str) -> None:
    other = clean_need({"need_id": "FN202603000002"}, submitted_at="2026-09-09T09:30:00+08:00")
    own = clean_need({"need_id": NEED})
    if rule_id == "G01":
        other = other | {"enterprise": other["enterprise"] | {"uscc": "91330100MA2TE5T021", "name": "他省锻压有限公司"}}
    take_in(database, "now", [other, own], now=NOW)
    with database.begin() as connection:
        ground = Grounds(rule_id, NEED, "", severity="hold", grounds=frozenset({"x"}))
        act = Act.by_stage("gate", NOW)
        sync_alerts(connection, [ground], rule_ids=[rule_id], complete_cases=[], act=act, policy=policy())
    (one,) = _evidence(database)[rule_id]
    (pair,) = one.comparisons
    assert pair.theirs.key == other["need_id"]
    assert {field.label for field in pair.pairs if field.equal} >= {"项目名称", "项目代码"}


def test_what_is_not_for_a_reader_s_eyes_has_no_evidence(database: sa.Engine) -> None:
    from include.store.confinement import confined, for_people

    _wrong_purpose(database)
    assert rows(database, "select 1 from alert")
    with confined(for_people(database), ["110000"], "li").connect() as connection:
        assert not view.alert_page(connection, view.Chosen())

"""What a demo plays, and what it calls a broken promise."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
import sqlalchemy as sa

from include.domain.quarter import Quarter
from include.local.airflow_api import FailedTask
from include.local.figures import passed_needs
from include.local.plan import FEW_DAYS, PLAYED, SHANGHAI, Step, quarter_plan
from include.local.play import Played
from include.local.promises import (
    Promise,
    each_need_once,
    everything_shown,
    no_mail_twice,
    over_quarters,
    runs_succeeded,
)
from include.local.sandbox_client import LedgerEntry
from include.local.scenes import Scene, scenes
from include.reference.calendar import china_calendar
from tests.support.rows import add_delivery, add_hold, add_need, add_stop, add_withdrawal, need_id

PASSED = {("FN1", 1), ("FN2", 2)}


def _entry(need_id: str, revision: int, state: str = "held", effects: int = 1) -> LedgerEntry:
    return LedgerEntry(need_id, revision, state, effects)


LEDGER = [_entry("FN1", 1), _entry("FN2", 1, "superseded"), _entry("FN2", 2)]


def test_the_plan_follows_the_calendar_of_the_third_quarter() -> None:
    plan = quarter_plan(Quarter.parse("2026Q3"), china_calendar())
    days = [step.moment.strftime("%m-%d") for step in plan if step.dag_id == "remind_departments"]
    assert days == ["09-16", "09-22", "09-29"]
    intake = next(step for step in plan if step.dag_id == "quarterly_intake")
    assert intake.moment == datetime(2026, 10, 1, tzinfo=SHANGHAI)
    feedback = [step.moment.strftime("%m-%d") for step in plan if step.dag_id == "bank_feedback"]
    assert feedback[:3] == ["10-08", "10-10", "10-13"] and feedback[-1] == "12-08" and len(feedback) == len(PLAYED)
    assert [step.dag_id for step in plan[-3:]] == ["deliver", "reconcile", "quarterly_circular"]


def test_a_summary_is_played_on_the_first_played_day_of_each_week_before_the_sending() -> None:
    plan = quarter_plan(Quarter.parse("2026Q3"), china_calendar())
    weekly = [step.moment for step in plan if step.dag_id == "weekly_summary"]
    assert len({moment.isocalendar()[:2] for moment in weekly}) == len(weekly) == 10
    played = {step.moment.date() for step in plan if step.dag_id in ("remind_departments", "bank_feedback")}
    assert {moment.isocalendar()[:2] for moment in weekly} == {day.isocalendar()[:2] for day in played}
    followers = [after.dag_id for before, after in pairwise(plan) if before.dag_id == "weekly_summary"]
    assert set(followers) == {"remind_departments", "deliver"}


def test_time_never_goes_back() -> None:
    moments = [step.moment for step in quarter_plan(Quarter.parse("2026Q3"), china_calendar())]
    assert moments == sorted(moments)


def test_what_must_be_in_the_ledger_passed_or_was_released_and_nothing_stands_in_its_way(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_need(connection, 2)
        add_withdrawal(connection, 2)
        for number, state in enumerate(("released", "returned", "open", "expired"), start=3):
            add_need(connection, number, verdict="held")
            add_hold(connection, number, state=state)
        add_need(connection, 7, department_code="440300")
        add_stop(connection, "440300")
        add_need(connection, 8, department_code="320000")
        add_stop(connection, "320000", state="continued")
        add_need(connection, 9)
        add_need(connection, 9, revision=2, verdict="returned")
        for number, given_up in (
            (10, {"state": "closed"}),
            (11, {"state": "superseded", "outcome": "factory_removed"}),
        ):
            add_need(connection, number)
            add_delivery(connection, number, **given_up)
        assert passed_needs(connection, "2026Q3") == {(need_id(1), 1), (need_id(3), 1), (need_id(8), 1)}


def test_each_need_once_is_kept_by_a_ledger_that_holds_them_so() -> None:
    assert each_need_once(PASSED, LEDGER).kept


@pytest.mark.parametrize(
    ("ledger", "word"),
    [
        (LEDGER[:2], "缺失 1 项：FN2"),
        ([*LEDGER[1:], _entry("FN1", 1, effects=2)], "重复 1 项：FN1"),
        ([*LEDGER, _entry("FN3", 1)], "不应有 1 项：FN3"),
        ([LEDGER[0], _entry("FN2", 1)], "缺失 1 项：FN2"),
        ([_entry("FN1", 1, "withdrawn"), *LEDGER[1:]], "缺失 1 项：FN1"),
    ],
)
def test_each_need_once_is_broken_by(ledger: list[LedgerEntry], word: str) -> None:
    promise = each_need_once(PASSED, ledger)
    assert not promise.kept
    assert word in promise.detail


def test_a_quarter_in_which_nothing_passed_proves_nothing() -> None:
    assert not each_need_once(set(), []).kept


def test_a_mail_that_came_twice_breaks_a_promise() -> None:
    assert no_mail_twice(["<a>", "<b>"]).kept
    assert not no_mail_twice(["<a>", "<b>", "<a>"]).kept


def test_a_run_that_outlived_a_failed_task_is_no_success() -> None:
    step = Step("", "", "deliver", datetime(2026, 10, 1, tzinfo=SHANGHAI))
    good = Played(step, "a", "success", 1.0)
    assert runs_succeeded([good]).kept
    failed = Played(step, "b", "success", 1.0, (FailedTask("deliver_mail", -1, 2, "failed"),))
    promise = runs_succeeded([good, failed])
    assert not promise.kept
    assert "deliver（deliver_mail）" in promise.detail


def test_people_work_after_each_sending_and_what_they_did_leaves_before_the_end() -> None:
    plan = quarter_plan(Quarter.parse("2026Q3"), china_calendar())
    before = [earlier for earlier, later in pairwise(plan) if later.people == "coordinators"]
    assert len(before) == len(PLAYED) and {step.dag_id for step in before} == {"deliver"}
    last = max(number for number, step in enumerate(plan) if step.people)
    assert "deliver" in [step.dag_id for step in plan[last:]]


def test_a_quarter_without_troubles_has_none() -> None:
    assert {step.trouble for step in quarter_plan(Quarter.parse("2026Q3"), china_calendar())} == {
        "",
        "mail_outage",
        "refused_push",
    }
    calm = quarter_plan(Quarter.parse("2026Q3"), china_calendar(), FEW_DAYS)
    assert {step.trouble for step in calm} == {""}


def test_a_scene_that_did_not_happen_breaks_a_promise_and_is_named() -> None:
    shown = [Scene("确认警示", 3, "needs/FN1"), Scene("两人批准延期", 0, "deadlines")]
    promise = everything_shown(shown)
    assert not promise.kept
    assert promise.detail == "没有出现：两人批准延期"
    assert everything_shown(shown[:1]).kept


def test_in_an_empty_database_no_scene_happened(database: sa.Engine) -> None:
    with database.connect() as connection:
        found = scenes(connection, "2026Q3", china_calendar().deadline(Quarter.parse("2026Q3")))
    assert len(found) == 12
    assert all(scene.count == 0 for scene in found)
    assert all("{" not in scene.address for scene in found)


def test_one_quarter_of_several_that_breaks_a_promise_breaks_it_for_all() -> None:
    kept, broken = Promise("守恒", True, "都在"), Promise("守恒", False, "少了 1 项")
    assert over_quarters([kept, kept]) == Promise("守恒", True, "都在（共 2 个季度）")
    assert over_quarters([kept]) == kept
    assert over_quarters([broken, kept]) == broken

"""Deadlines as stored: by the policy of the day a case opened, replayed from events, moved only with a trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest
import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import ConfigurationError, InvalidRequest
from include.domain.explanation import explain
from include.matching import extensions, refold
from include.matching.stored_clocks import stored_clock
from include.reference import CaseLimit, LimitOverride, Policy, case_limits, own_limits
from include.reference.day import Day
from include.store import tables
from tests.support.clocks import recounted
from tests.support.matching import NOW, Feed, collect, opened, push, report, rows
from tests.support.rows import moment, need_id

DAY = Day.in_force(NOW)
CALENDAR = DAY.calendar
REASON = "企业节后补齐材料"
RECEIPT: dict[str, Any] = {
    "need_id": need_id(1),
    "institution_code": "ICBC",
    "from_type": "pushed",
    "to_type": "received",
}


OWN_LIMIT = (LimitOverride("ICBC", CaseLimit("pushed", "received", 3, "working_days")),)
"""ICBC has three working days to receive a need, where all others have one."""


def due_days(engine: sa.Engine) -> dict[str, date]:
    statement = "select institution_code, due_on from case_clock where from_type = 'pushed'"
    return dict(rows(engine, statement))  # type: ignore[arg-type]


def test_an_institution_is_held_to_its_own_limit_and_the_others_to_the_common_one(database: sa.Engine) -> None:
    push(database)
    opened(database, overrides=OWN_LIMIT)
    found = due_days(database)
    pushed_on = rows(database, "select day0 from case_clock limit 1")[0][0]
    assert found["ABC"] == CALENDAR.add_working_days(pushed_on, 1).day
    assert found["ICBC"] == CALENDAR.add_working_days(pushed_on, 3).day


def test_a_later_change_of_policy_moves_no_open_case_but_counts_for_the_next(database: sa.Engine) -> None:
    push(database)
    opened(database)
    before = due_days(database)
    longer = tuple(CaseLimit(one.from_type, one.to_type, one.limit + 5, one.unit) for one in case_limits())
    with database.begin() as connection:
        refold(connection, [need_id(1)], day=replace(DAY, limits=longer))
    assert due_days(database) == before
    assert rows(database, "select count(*) from due_date_change") == [(0,)]
    push(database, 2)
    opened(database, limits=longer)
    later = rows(database, "select distinct due_on from case_clock where need_id = :id", id=need_id(2))
    pushed_on = rows(database, "select day0 from case_clock limit 1")[0][0]
    assert later == [(CALENDAR.add_working_days(pushed_on, 6).day,)]
    assert rows(database, "select count(*) from policy_snapshot") == [(2,)]


def test_what_is_stored_explains_itself_and_counts_to_the_stored_due_day(database: sa.Engine) -> None:
    push(database)
    events = [
        report(1, "received"),
        report(2, "obstructed", reason_code="R04", obstruction_id="OB1"),
        report(1, "received", institution="ABC"),
        report(2, "contacted", institution="ABC"),
    ]
    collect(database, Feed(events), overrides=OWN_LIMIT)
    with database.connect() as connection:
        stored = connection.execute(sa.select(tables.case_clock)).all()
    assert len(stored) >= 6
    for row in stored:
        assert recounted(explain(stored_clock(row), CALENDAR)) == row.due_on


def test_each_due_day_that_moves_is_written_down(database: sa.Engine) -> None:
    push(database)
    opened(database)
    with database.begin() as connection:
        # As left behind by a run that did not know the holidays of October yet.
        connection.execute(sa.text("update case_clock set due_on = '2026-10-12', provisional = true"))
    opened(database)
    opened(database)
    moved = "select institution_code, was, was_provisional, became, provisional from due_date_change order by 1"
    assert rows(database, moved) == [
        (code, date(2026, 10, 12), True, due_days(database)[code], False) for code in ("ABC", "ICBC")
    ]


# --- Office hours ------------------------------------------------------------------------------------------------------

EVENING = moment("2026-10-08 18:20")


def closing_at(value: str) -> Policy:
    return Policy({**DAY.policy.values, "office_hours_end": value})


def sentences(engine: sa.Engine, number: int = 1) -> set[str]:
    with engine.connect() as connection:
        return {one.said for one in extensions.explained_clocks(connection, need_id(number), CALENDAR)}


def test_office_hours_move_the_start_and_are_told_in_the_sentence_of_the_stored_clock(database: sa.Engine) -> None:
    push(database, intended=["ICBC"], at=EVENING)
    opened(database, policy=closing_at("17:30"))
    assert rows(database, "select day0, due_on, office_hours_end from case_clock") == [
        (date(2026, 10, 9), date(2026, 10, 10), time(17, 30))
    ]
    assert sentences(database) == {
        "2026-10-08 18:20已推送（17:30后），按10月9日起算，加1个工作日，10月10日（周六）调休上班：10月10日到期"
    }


def test_the_office_hours_of_a_case_are_those_of_the_day_it_opened(database: sa.Engine) -> None:
    push(database, 1, intended=["ICBC"], at=EVENING)
    opened(database, policy=closing_at("17:30"))
    push(database, 2, intended=["ICBC"], at=EVENING)
    opened(database, policy=closing_at("24:00"))
    collect(database, Feed([late_report(1), late_report(2)]), policy=closing_at("24:00"))
    started = (
        "select need_id, from_type, day0 from case_clock where from_type in ('pushed', 'contacted') order by 1, 2 desc"
    )
    assert rows(database, started) == [
        (need_id(1), "pushed", date(2026, 10, 9)),
        (need_id(1), "contacted", date(2026, 10, 12)),
        (need_id(2), "pushed", date(2026, 10, 8)),
        (need_id(2), "contacted", date(2026, 10, 10)),
    ]


def late_report(number: int) -> dict[str, Any]:
    """On the evening of a Saturday that is worked."""
    contacted = report(1, "contacted", need=need_id(number))
    return {**contacted, "occurred_at": "2026-10-10T18:20:00+08:00"}


def test_without_office_hours_in_its_policy_a_case_is_counted_by_days(database: sa.Engine) -> None:
    before = Policy({key: value for key, value in DAY.policy.values.items() if key != "office_hours_end"})
    push(database, intended=["ICBC"], at=EVENING)
    opened(database, policy=before)
    collect(database, Feed([late_report(1)]))
    assert rows(database, "select distinct day0 from case_clock order by 1") == [
        (date(2026, 10, 8),),
        (date(2026, 10, 10),),
    ]


def test_in_the_policy_of_the_handbook_office_hours_do_not_count() -> None:
    assert DAY.policy.closing_time("office_hours_end") is None


@pytest.mark.parametrize("written", ["17点半", "24:30", "", "17:30:00"])
def test_a_closing_time_that_is_none_is_named(written: str) -> None:
    with pytest.raises(ConfigurationError, match="office_hours_end"):
        Policy({"office_hours_end": written}).closing_time("office_hours_end")


# --- More time ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pushed(database: sa.Engine) -> sa.Engine:
    push(database)
    opened(database)
    return database


def ask(engine: sa.Engine, working_days: int = 2, **more: Any) -> int:
    day0 = rows(engine, "select day0 from case_clock limit 1")[0][0]
    act = Act(actor_id="li", role="operator", reason=more.pop("reason", REASON), at=NOW)
    started = extensions.StartedClock(**{**RECEIPT, "day0": day0, **more})
    with engine.begin() as connection:
        return extensions.request_extension(connection, started, working_days=working_days, act=act, day=DAY)


def decide(engine: sa.Engine, extension_id: int = 1, *, approved: bool = True, actor: str = "wang") -> None:
    act = Act(actor_id=actor, role="operator", reason=REASON, at=NOW)
    with engine.begin() as connection:
        extensions.decide_extension(connection, extension_id, approved=approved, act=act, day=DAY)


def test_an_approved_extension_moves_the_due_day_and_is_told_in_its_sentence(pushed: sa.Engine) -> None:
    before = due_days(pushed)
    ask(pushed)
    assert due_days(pushed) == before, "asking alone moves nothing"
    decide(pushed)
    assert due_days(pushed) == {**before, "ICBC": CALENDAR.add_working_days(before["ICBC"], 2).day}
    with pushed.connect() as connection:
        said = {one.institution_code: one.said for one in extensions.explained_clocks(connection, need_id(1), CALENDAR)}
        assert audit.verify(connection) is None
    assert "经批准延长2个工作日" in said["ICBC"]
    assert recounted(said["ICBC"]) == due_days(pushed)["ICBC"]
    assert rows(pushed, "select action from audit_entry order by 1") == [("approve_extension",), ("request_extension",)]
    assert rows(pushed, "select was, became from due_date_change") == [(before["ICBC"], due_days(pushed)["ICBC"])]


def test_a_refused_extension_moves_nothing_and_frees_the_clock_for_another_request(pushed: sa.Engine) -> None:
    before = due_days(pushed)
    ask(pushed)
    with pytest.raises(InvalidRequest, match="待批准"):
        ask(pushed)
    decide(pushed, approved=False)
    assert due_days(pushed) == before
    assert ask(pushed) > 1


def test_who_asked_does_not_decide_and_nothing_is_decided_twice(pushed: sa.Engine) -> None:
    ask(pushed)
    with pytest.raises(InvalidRequest, match="申请人"):
        decide(pushed, actor="li")
    decide(pushed)
    with pytest.raises(InvalidRequest, match="已有决定"):
        decide(pushed)


@pytest.mark.parametrize(
    ("working_days", "more"), [(0, {}), (21, {}), (2, {"to_type": "visited"}), (2, {"reason": "?"})]
)
def test_more_time_is_asked_for_within_bounds_on_a_clock_that_runs(
    pushed: sa.Engine, working_days: int, more: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest):
        ask(pushed, working_days, **more)
    assert rows(pushed, "select count(*) from deadline_extension") == [(0,)]


def test_extensions_of_a_clock_add_up_to_the_maximum_and_no_further(pushed: sa.Engine) -> None:
    ask(pushed, 15)
    decide(pushed)
    with pytest.raises(InvalidRequest, match="已批准15个"):
        ask(pushed, 6)
    decide(pushed, ask(pushed, 5))
    with pushed.connect() as connection:
        (icbc,) = [
            one.clock
            for one in extensions.explained_clocks(connection, need_id(1), CALENDAR)
            if one.institution_code == "ICBC"
        ]
    assert icbc.extended == 20


def test_a_clock_that_has_stopped_is_extended_no_more(pushed: sa.Engine) -> None:
    ask(pushed)
    collect(pushed, Feed([report(1, "received")]))
    with pytest.raises(InvalidRequest, match="停止计时"):
        decide(pushed)
    decide(pushed, approved=False)


# --- The table of own limits -------------------------------------------------------------------------------------------

ROW = {"institution_code": "ICBC", "from_type": "pushed", "to_type": "received", "limit": "3", "unit": "working_days"}


@pytest.mark.parametrize(
    "wrong",
    [{"institution_code": "NOPE"}, {"to_type": "drawn"}, {"limit": "0"}, {"limit": "two"}, {"unit": "fortnights"}],
)
def test_an_unusable_own_limit_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="limit_overrides"):
        own_limits([{**ROW, **wrong}])


def test_an_own_limit_is_given_once() -> None:
    assert own_limits([ROW]) == (LimitOverride("ICBC", CaseLimit("pushed", "received", 3, "working_days")),)
    with pytest.raises(ConfigurationError, match="重复"):
        own_limits([ROW, ROW])

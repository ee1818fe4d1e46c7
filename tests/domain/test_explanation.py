"""A due day explained: the sentence can be counted again with nothing but weekdays, and ends where the clock does."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.calendar import DueDate
from include.domain.clocks import Clock, clocks
from include.domain.explanation import explain
from include.reference import CaseLimit
from include.reference.calendar import china_calendar
from tests.support.clocks import at, counted_limits, event, folded, moments, recounted, running

CALENDAR = china_calendar()


def only(limit: CaseLimit, *events: object, **more: object) -> Clock:
    (clock,) = clocks(folded(*events), [limit], CALENDAR, **more)  # type: ignore[arg-type]
    return clock


def test_the_holiday_and_the_worked_saturday_are_named() -> None:
    clock = running(folded(event(1, "received", "2026-09-30")))["received-contacted"][0]
    said = explain(clock, CALENDAR)
    assert said == "2026-09-30已接收，加3个工作日，10月1日至7日放假，10月10日（周六）调休上班：10月10日到期"
    assert recounted(said) == clock.due.day


def test_calendar_days_say_where_they_end_and_where_they_are_moved_to() -> None:
    clock = running(folded(event(1, "received", "2026-09-01"), opened_on=date(2026, 8, 31)))[
        "received-credit_approved"
    ][0]
    assert (
        explain(clock, CALENDAR) == "2026-09-01首次反馈，加30个自然日，10月1日（周四）不上班，顺至10月8日：10月8日到期"
    )


def test_a_pause_and_an_extension_are_named_with_what_they_add() -> None:
    clock = only(
        CaseLimit("received", "contacted", 3, "working_days"),
        event(1, "received", "2026-09-28"),
        event(2, "obstructed", "2026-09-29", "OB1"),
        event(3, "obstruction_cleared", "2026-10-09", "OB1"),
        extensions={("received", "contacted", date(2026, 9, 28)): 2},
    )
    said = explain(clock, CALENDAR)
    assert "融资梗阻暂停计时（9月29日至10月9日）顺延3个工作日，经批准延长2个工作日" in said
    assert clock.due == DueDate(date(2026, 10, 14), False)
    assert recounted(said) == clock.due.day


def test_what_is_not_certain_yet_is_said() -> None:
    contacted = folded(event(1, "contacted", "2026-12-28"), opened_on=date(2026, 12, 25))
    said = explain(running(contacted)["contacted-visited"][0], CALENDAR)
    assert said == "2026-12-28已联系，加7个工作日，2027年1月1日至3日放假：2027年1月7日到期（暂定，放假安排公布后重算）"
    waiting = folded(event(1, "received", "2026-10-12"), event(2, "obstructed", "2026-10-13", "OB1"))
    assert explain(running(waiting)["received-contacted"][0], CALENDAR).endswith(
        "（融资梗阻未解决，暂停计时，解决后顺延）"
    )


def test_an_unknown_unit_is_refused() -> None:
    clock = only(CaseLimit("pushed", "received", 1, "working_days"))
    with pytest.raises(ValueError, match="fortnights"):
        explain(msgspec.structs.replace(clock, unit="fortnights"), CALENDAR)


@settings(max_examples=300, deadline=None)
@given(
    day0=st.dates(date(2010, 1, 1), date(2028, 12, 31)),
    limit=st.one_of(
        st.builds(CaseLimit, st.just("contacted"), st.just("visited"), st.integers(1, 40), st.just("working_days")),
        st.builds(CaseLimit, st.just("contacted"), st.just("visited"), st.integers(1, 90), st.just("calendar_days")),
        st.builds(CaseLimit, st.just("contacted"), st.just("visited"), st.integers(1, 4), st.just("calendar_quarters")),
    ),
    pauses=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), max_size=3),
    extended=st.integers(0, 12),
    roll_forward=st.booleans(),
)
def test_every_sentence_counts_to_the_due_day(
    day0: date, limit: CaseLimit, pauses: list[tuple[int, int]], extended: int, roll_forward: bool
) -> None:
    events = [event(1, "contacted", str(day0))]
    for n, (start, length) in enumerate(pauses):
        first = day0 + timedelta(days=start)
        events.append(event(2 + 2 * n, "obstructed", str(first), f"OB{n}"))
        events.append(event(3 + 2 * n, "obstruction_cleared", str(first + timedelta(days=length)), f"OB{n}"))
    (clock,) = clocks(
        folded(*events, opened_on=day0),
        [limit],
        CALENDAR,
        roll_forward=roll_forward,
        extensions={("contacted", "visited", day0): extended},
    )
    assert recounted(explain(clock, CALENDAR)) == clock.due.day


# --- Office hours ------------------------------------------------------------------------------------------------------


def test_office_hours_are_named_where_they_moved_the_start() -> None:
    assert (
        explain(at("2026-10-08 18:20"), CALENDAR)
        == "2026-10-08 18:20已联系（17:30后），按10月9日起算，加1个工作日，10月10日（周六）调休上班：10月10日到期"
    )
    assert explain(at("2026-10-08 17:30"), CALENDAR).startswith("2026-10-08已联系，加1个工作日：")


def test_a_start_on_a_day_off_is_named_with_the_holiday_that_it_fell_into() -> None:
    said = explain(at("2026-10-01 10:00"), CALENDAR)
    assert said == "2026-10-01 10:00已联系（休息日），10月2日至7日放假，按10月8日起算，加1个工作日：10月9日到期"


@settings(max_examples=200, deadline=None)
@given(moments, counted_limits)
def test_every_sentence_about_office_hours_counts_to_the_due_day(moment: str, limit: CaseLimit) -> None:
    clock = at(moment, limit)
    assert recounted(explain(clock, CALENDAR)) == clock.due.day

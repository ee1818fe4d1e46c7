from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.calendar import DueDate
from include.domain.case import EVENT_TYPES, Case, FeedbackEvent, fold
from include.domain.clocks import Clock, Started, clocks, unmoved
from include.reference import CaseLimit, case_limits, case_transitions
from tests.support.clocks import (
    CALENDAR,
    CLOSING,
    ONE_DAY,
    PUSHED,
    SHANGHAI,
    at,
    counted_limits,
    event,
    folded,
    moments,
    running,
)


def test_the_first_clock_starts_with_the_push_and_counts_china_s_working_days() -> None:
    # 2026-09-25 is Mid-Autumn, 09-26 and 09-27 are a weekend, October begins with the national holiday.
    (clock,) = running(folded())["pushed-received"]
    assert (clock.day0, clock.due, clock.stopped_on) == (PUSHED, DueDate(date(2026, 9, 28), False), None)


def test_reaching_the_state_or_going_beyond_stops_the_clock() -> None:
    clock = running(folded(event(1, "contacted", "2026-09-28")))["pushed-received"][0]
    assert clock.stopped_on == date(2026, 9, 28)


@pytest.mark.parametrize("end", ["declined", "closed"])
def test_a_refusal_stops_every_clock(end: str) -> None:
    stopped = running(folded(event(1, "received", "2026-09-28"), event(2, end, "2026-09-30")))
    assert stopped["received-contacted"][0].stopped_on == date(2026, 9, 30)
    assert stopped["received-credit_approved"][0].stopped_on == date(2026, 9, 30)


def test_a_skipped_state_starts_no_clock_but_the_decision_limit_starts_with_the_first_event() -> None:
    found = running(folded(event(1, "contacted", "2026-09-28")))
    assert "received-contacted" not in found
    assert found["contacted-visited"][0].day0 == date(2026, 9, 28)
    assert found["received-credit_approved"][0].day0 == date(2026, 9, 28)


def test_an_anomaly_moves_no_clock() -> None:
    found = running(folded(event(1, "contacted", "2026-09-28"), event(2, "post_loan", "2026-09-29")))
    assert found["contacted-visited"][0].stopped_on is None


def test_an_institution_that_was_not_asked_owes_no_receipt() -> None:
    assert "pushed-received" not in running(folded(event(1, "received", "2026-09-28"), opened_on=None))


def test_thirty_calendar_days_move_forward_to_a_working_day() -> None:
    case = folded(event(1, "received", "2026-09-01"), opened_on=date(2026, 8, 31))
    clock = running(case)["received-credit_approved"][0]
    assert clock.due == DueDate(date(2026, 10, 8), False), "10-01 is a holiday"
    (unrolled,) = [
        clock
        for clock in clocks(case, case_limits(), CALENDAR, roll_forward=False)
        if clock.to_type == "credit_approved"
    ]
    assert unrolled.due.day == date(2026, 10, 1)


def drawn(day: str) -> list[FeedbackEvent]:
    return [event(1, "credit_approved", day), event(2, "contracted", day), event(3, "drawn", day)]


def test_a_report_on_the_loan_is_due_in_each_quarter_after_that_of_the_draw() -> None:
    case = folded(
        *drawn("2026-03-10"),
        event(4, "post_loan", "2026-03-20"),
        event(5, "post_loan", "2026-06-15"),
        event(6, "post_loan", "2026-06-20"),
        opened_on=date(2026, 2, 2),
    )
    reports = [(clock.day0, clock.due.day, clock.stopped_on) for clock in running(case)["drawn-post_loan"]]
    assert reports == [
        (date(2026, 3, 10), date(2026, 6, 30), date(2026, 3, 20)),
        (date(2026, 3, 20), date(2026, 6, 30), date(2026, 6, 15)),
        (date(2026, 6, 15), date(2026, 9, 30), None),
    ]


def test_a_report_that_never_came_stays_due_at_the_end_of_the_quarter_after_the_draw() -> None:
    (clock,) = running(folded(*drawn("2026-03-10"), opened_on=date(2026, 2, 2)))["drawn-post_loan"]
    assert (clock.due.day, clock.stopped_on) == (date(2026, 6, 30), None)


def test_a_report_on_the_day_of_the_draw_leaves_one_clock_for_the_next_quarter() -> None:
    case = folded(*drawn("2026-03-10"), event(4, "post_loan", "2026-03-10"), opened_on=date(2026, 2, 2))
    (clock,) = running(case)["drawn-post_loan"]
    assert (clock.due.day, clock.stopped_on) == (date(2026, 6, 30), None)


def test_no_report_is_due_once_the_loan_is_repaid() -> None:
    case = folded(*drawn("2026-03-10"), event(4, "closed", "2026-05-06"), opened_on=date(2026, 2, 2))
    (clock,) = running(case)["drawn-post_loan"]
    assert clock.stopped_on == date(2026, 5, 6)


def test_a_limit_into_an_unpublished_year_is_provisional() -> None:
    case = folded(event(1, "contacted", "2026-12-28"), opened_on=date(2026, 12, 25))
    assert running(case)["contacted-visited"][0].due == DueDate(date(2027, 1, 7), True)


def test_an_open_obstruction_lets_the_clocks_stand_still() -> None:
    case = folded(event(1, "received", "2026-09-28"), event(2, "obstructed", "2026-09-29", "OB1"))
    clock = running(case)["received-contacted"][0]
    assert clock.paused


def test_a_cleared_obstruction_moves_the_due_day_by_the_working_days_it_stood() -> None:
    case = folded(
        event(1, "received", "2026-09-28"),
        event(2, "obstructed", "2026-09-29", "OB1"),
        event(3, "obstruction_cleared", "2026-10-09", "OB1"),
    )
    found = running(case)
    # 3 working days and the 3 of the pause (09-30, 10-08, 10-09): 09-29, 09-30, 10-08, 10-09, 10-10, 10-12.
    assert found["received-contacted"][0].due.day == date(2026, 10, 12)
    # 30 calendar days and the 10 of the pause: 11-07 is a Saturday.
    assert found["received-credit_approved"][0].due.day == date(2026, 11, 9)


def test_overlapping_pauses_count_once() -> None:
    once = folded(
        event(1, "received", "2026-09-28"),
        event(2, "obstructed", "2026-09-29", "OB1"),
        event(5, "obstruction_cleared", "2026-10-12", "OB1"),
    )
    twice = folded(
        event(1, "received", "2026-09-28"),
        event(2, "obstructed", "2026-09-29", "OB1"),
        event(3, "obstructed", "2026-10-08", "OB2"),
        event(4, "obstruction_cleared", "2026-10-10", "OB1"),
        event(5, "obstruction_cleared", "2026-10-12", "OB2"),
    )
    assert running(once)["received-contacted"] == running(twice)["received-contacted"]


def test_a_pause_before_the_clock_started_does_not_move_it() -> None:
    case = folded(
        event(1, "obstructed", "2026-09-25", "OB1"),
        event(2, "obstruction_cleared", "2026-10-09", "OB1"),
        event(3, "contacted", "2026-10-09"),
    )
    assert running(case)["contacted-visited"][0].due == CALENDAR.add_working_days(date(2026, 10, 9), 7)


def test_a_stopped_clock_is_moved_only_by_the_pause_it_saw() -> None:
    before = [event(1, "received", "2026-09-28"), event(2, "obstructed", "2026-09-29", "OB1")]
    stop = event(3, "contacted", "2026-10-08")
    still_open = running(folded(*before, stop))["received-contacted"][0]
    cleared = running(folded(*before, stop, event(4, "obstruction_cleared", "2026-10-15", "OB1")))
    assert (still_open.due.day, still_open.paused) == (date(2026, 10, 10), False)
    assert cleared["received-contacted"][0] == still_open


def test_the_clocks_start_again_with_a_reopening() -> None:
    case = folded(
        event(1, "received", "2026-09-28"),
        event(2, "declined", "2026-09-30"),
        event(3, "contacted", "2026-10-14"),
    )
    found = running(case)
    assert [(c.day0, c.stopped_on) for c in found["received-credit_approved"]] == [
        (date(2026, 9, 28), date(2026, 9, 30)),
        (date(2026, 10, 14), None),
    ]
    assert found["contacted-visited"][0].due == CALENDAR.add_working_days(date(2026, 10, 14), 7)


def test_a_limit_in_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnights"):
        clocks(folded(), [CaseLimit("pushed", "received", 1, "fortnights")], CALENDAR)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=5), st.integers(1, 15))
def test_pauses_move_a_due_day_as_counting_day_by_day_does(spans: list[tuple[int, int]], number: int) -> None:
    received = date(2026, 9, 28)
    events = [event(1, "contacted", str(received))]
    for n, (start, length) in enumerate(spans):
        first = received + timedelta(days=start)
        events.append(event(2 + 2 * n, "obstructed", str(first), f"OB{n}"))
        events.append(event(3 + 2 * n, "obstruction_cleared", str(first + timedelta(days=length)), f"OB{n}"))
    limit = CaseLimit("contacted", "visited", number, "working_days")
    (clock,) = clocks(folded(*events), [limit], CALENDAR)
    pauses = {received + timedelta(days=start + n) for start, length in spans for n in range(1, length + 1)}
    due, left = received, number + sum(CALENDAR.is_working_day(day) for day in pauses)
    while left:
        due += timedelta(days=1)
        left -= CALENDAR.is_working_day(due)
    assert clock.due.day == due


def test_a_case_refused_and_reopened_within_a_day_keeps_the_later_of_two_clocks_that_started_alike() -> None:
    case = folded(
        event(1, "contacted", "2026-09-28"), event(2, "declined", "2026-09-28"), event(3, "contacted", "2026-09-28")
    )
    (clock,) = running(case)["contacted-visited"]
    assert (clock.day0, clock.stopped_on) == (date(2026, 9, 28), None)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*sorted(EVENT_TYPES), "drawn", "post_loan", "contracted"]),
            st.integers(0, 200),
            st.sampled_from(["OB1", "OB2"]),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
    st.sampled_from([None, time(17, 30)]),
)
def test_clocks_brought_up_to_date_from_where_they_stood_are_those_counted_anew(
    reports: list[tuple[str, int, str]], cut: int, office_hours_end: time | None
) -> None:
    events = [
        event(number, type_, str(PUSHED + timedelta(days=days)), obstruction_id)
        for number, (type_, days, obstruction_id) in enumerate(reports, 1)
    ]
    before, after = folded(*events[:cut]), folded(*events)

    def counted(case: Case, **more: Any) -> dict[Started, Clock]:
        found = clocks(case, case_limits(), CALENDAR, office_hours_end=office_hours_end, **more)
        return {clock.started: clock for clock in found}

    since = unmoved(before, after)
    gone = counted(before, after=since).keys() - counted(after, after=since).keys()
    kept = {started: clock for started, clock in counted(before).items() if started not in gone}
    assert kept | counted(after, after=since) == counted(after)


# --- Office hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day0", "due"),
    [
        ("2026-10-08 17:30", "2026-10-08", "2026-10-09"),
        ("2026-10-08 17:30:01", "2026-10-09", "2026-10-10"),
        ("2026-10-10 18:20", "2026-10-12", "2026-10-13"),  # a Saturday that is worked
        ("2026-10-10 10:00", "2026-10-10", "2026-10-12"),
        ("2026-10-11 10:00", "2026-10-12", "2026-10-13"),  # a Sunday
        ("2026-09-30 18:20", "2026-10-08", "2026-10-09"),  # the eve of the national holiday
    ],
)
def test_what_comes_outside_office_hours_counts_as_of_the_next_working_day(moment: str, day0: str, due: str) -> None:
    clock = at(moment)
    assert (str(clock.day0), str(clock.due.day)) == (day0, due)
    assert (clock.after_hours is not None) == (day0 != moment[:10])


@pytest.mark.parametrize("moment", ["2026-10-08 23:59", "2026-10-11 10:00"])
def test_until_twenty_four_hundred_the_day_itself_is_day_0(moment: str) -> None:
    clock = at(moment, closing=None)
    assert (str(clock.day0), clock.after_hours) == (moment[:10], None)


def test_calendar_days_start_with_the_next_working_day_too_and_a_quarter_is_that_of_the_draw_at_any_hour() -> None:
    assert at("2026-10-08 18:20", CaseLimit("contacted", "visited", 30, "calendar_days")).day0 == date(2026, 10, 9)
    quarter = at("2026-09-30 18:20", CaseLimit("contacted", "visited", 1, "calendar_quarters"))
    assert (quarter.day0, quarter.due.day) == (date(2026, 9, 30), date(2026, 12, 31))


def test_a_push_in_the_evening_gives_the_institution_its_whole_working_day() -> None:
    pushed_at = datetime(2026, 10, 8, 18, 20, tzinfo=SHANGHAI)
    case = fold(pushed_at, [], transitions=case_transitions(), reopen_max=1)
    (clock,) = clocks(case, case_limits(), CALENDAR, office_hours_end=CLOSING)
    assert (clock.day0, clock.due.day) == (date(2026, 10, 9), date(2026, 10, 10))
    assert case.opened_on == date(2026, 10, 8)


def test_who_answers_in_the_evening_of_the_due_day_is_in_time() -> None:
    answered = msgspec.structs.replace(
        event(2, "visited", "2026-10-09"), occurred_at=datetime(2026, 10, 9, 23, 50, tzinfo=SHANGHAI)
    )
    case = folded(event(1, "contacted", "2026-10-08"), answered, opened_on=None)
    (clock,) = clocks(case, [ONE_DAY], CALENDAR, office_hours_end=CLOSING)
    assert clock.stopped_on == clock.due.day == date(2026, 10, 9)


@settings(max_examples=200, deadline=None)
@given(moments, counted_limits, st.times().map(lambda one: one.replace(second=0, microsecond=0)))
def test_day_0_is_the_first_working_day_whose_office_hours_are_not_over(
    moment: str, limit: CaseLimit, closing: time
) -> None:
    began = datetime.fromisoformat(moment)
    day = began.date()
    while not CALENDAR.is_working_day(day) or datetime.combine(day, closing) < began:
        day += timedelta(days=1)
    assert at(moment, limit, closing).day0 == day


@settings(max_examples=200, deadline=None)
@given(moments, moments, counted_limits, st.sampled_from([None, CLOSING]))
def test_what_comes_later_is_never_due_earlier(one: str, other: str, limit: CaseLimit, closing: time | None) -> None:
    earlier, later = sorted([one, other])
    assert at(earlier, limit, closing).due.day <= at(later, limit, closing).due.day

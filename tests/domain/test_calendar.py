from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.calendar import DueDate, WorkingCalendar
from include.domain.quarter import Quarter

# A small published calendar: 2021 and 2022; every statutory day after it is the third of a month.
EXCEPTIONS = {
    date(2021, 9, 18): "work",
    date(2021, 9, 20): "off",
    date(2021, 10, 1): "off",
    date(2021, 10, 9): "work",
    date(2021, 12, 31): "off",
    date(2022, 1, 1): "work",
    date(2022, 1, 3): "off",
}
PUBLISHED_UNTIL = date(2022, 12, 31)


def third_of_the_month(day: date) -> bool:
    return day.day == 3


CALENDAR = WorkingCalendar(EXCEPTIONS, PUBLISHED_UNTIL, third_of_the_month)  # type: ignore[arg-type]

days = st.dates(date(2020, 11, 1), date(2024, 2, 28))


def slowly_works(day: date) -> bool:
    if day in EXCEPTIONS:
        return EXCEPTIONS[day] == "work"
    return day.weekday() < 5 and not (day > PUBLISHED_UNTIL and third_of_the_month(day))


def slowly_add(day: date, number: int) -> date:
    step = timedelta(days=1 if number > 0 else -1)
    for _ in range(abs(number)):
        day += step
        while not slowly_works(day):
            day += step
    return day


@given(days)
def test_a_day_is_worked_as_the_table_and_the_law_say(day: date) -> None:
    assert CALENDAR.is_working_day(day) == slowly_works(day)


@settings(max_examples=300)
@given(days, st.integers(-300, 300))
def test_adding_working_days_is_stepping_over_them_one_by_one(day: date, number: int) -> None:
    due = CALENDAR.add_working_days(day, number)
    assert due.day == slowly_add(day, number)
    assert due.provisional == (max(day, due.day) > PUBLISHED_UNTIL)


@settings(max_examples=200)
@given(days, st.integers(-40, 800))
def test_working_days_between_are_counted_one_by_one(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    one_by_one = sum(slowly_works(start + timedelta(days=n)) for n in range(1, length + 1))
    assert CALENDAR.working_days_after(start, end) == one_by_one


@given(days, st.integers(1, 200))
def test_counting_undoes_adding(day: date, number: int) -> None:
    assert CALENDAR.working_days_after(day, CALENDAR.add_working_days(day, number).day) == number


@given(days)
def test_rolling_forward_keeps_a_working_day_and_leaves_a_day_off(day: date) -> None:
    rolled = CALENDAR.roll_forward(day)
    assert rolled.day == (day if slowly_works(day) else slowly_add(day, 1))
    assert rolled.provisional == CALENDAR.is_provisional(rolled.day)


def test_the_cut_off_lasts_until_midnight_or_until_the_day_before() -> None:
    quarter = Quarter.parse("2021Q4")
    assert CALENDAR.last_working_day(quarter) == DueDate(date(2021, 12, 30), False)
    shanghai = ZoneInfo("Asia/Shanghai")
    assert CALENDAR.deadline(quarter) == datetime(2021, 12, 31, tzinfo=shanghai)
    assert CALENDAR.deadline(quarter, inclusive=False) == datetime(2021, 12, 30, tzinfo=shanghai)
    assert CALENDAR.deadline(quarter).utcoffset() == timedelta(hours=8)


def test_days_before_the_cut_off_are_counted_back_from_it() -> None:
    assert CALENDAR.before_cutoff(Quarter.parse("2021Q4"), 0).day == date(2021, 12, 30)
    assert CALENDAR.before_cutoff(Quarter.parse("2021Q3"), 9).day == slowly_add(date(2021, 9, 30), -9)


@pytest.mark.parametrize(("quarter", "provisional"), [("2022Q3", False), ("2022Q4", True), ("2023Q1", True)])
def test_a_fourth_quarter_waits_for_the_notice_of_the_next_year(quarter: str, provisional: bool) -> None:
    parsed = Quarter.parse(quarter)
    assert CALENDAR.last_working_day(parsed).provisional is provisional
    assert CALENDAR.before_cutoff(parsed, 5).provisional is provisional

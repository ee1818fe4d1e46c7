"""Working-day arithmetic on the published calendar, against stepping day by day over what both PyPI calendars say."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import date, timedelta

import chinese_calendar
import holidays
import pytest

from include.domain.quarter import Quarter
from include.reference.calendar import china_calendar

FIRST, LAST = date(2007, 1, 1), date(2026, 12, 31)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
QUARTERS = [Quarter.parse(f"{year}Q{number}") for year in range(2007, 2027) for number in range(1, 5)]
CHINA = holidays.country_holidays("CN", years=range(2007, 2027))

SOURCES = pytest.mark.parametrize(
    "works", [chinese_calendar.is_workday, CHINA.is_working_day], ids=["chinesecalendar", "holidays"]
)


def stepped(works: Callable[[date], bool], day: date, number: int) -> date | None:
    """The `number`-th working day after (or before) `day`, one day at a time; None past the published days."""
    step = timedelta(days=1 if number > 0 else -1)
    left = abs(number)
    while left:
        day += step
        if not FIRST <= day <= LAST:
            return None
        left -= works(day)
    return day


@SOURCES
@pytest.mark.parametrize("number", [-10, -5, -1, 1, 3, 5, 10])
def test_adding_working_days_to_every_day_is_stepping_over_them(works: Callable[[date], bool], number: int) -> None:
    known = {day: bool(works(day)) for day in DAYS}
    calendar = china_calendar()
    wrong = [
        day
        for day in DAYS
        if (expected := stepped(known.__getitem__, day, number)) is not None
        and calendar.add_working_days(day, number).day != expected
    ]
    assert wrong == []


@SOURCES
def test_working_days_are_counted_from_every_day_over_a_week_a_holiday_and_a_year(
    works: Callable[[date], bool],
) -> None:
    worked = [day for day in DAYS if works(day)]
    calendar = china_calendar()
    for length in (0, 7, 12, 366):
        for start in DAYS[:-length] if length else DAYS:
            end = start + timedelta(days=length)
            expected = bisect_right(worked, end) - bisect_right(worked, start)
            assert calendar.working_days_after(start, end) == expected, (start, end)


@SOURCES
def test_every_quarter_ends_on_the_last_day_that_is_worked_and_reminders_count_back_from_it(
    works: Callable[[date], bool],
) -> None:
    worked = [day for day in DAYS if works(day)]
    calendar = china_calendar()
    for quarter in QUARTERS:
        at = bisect_left(worked, quarter.last_day + timedelta(days=1)) - 1
        assert calendar.last_working_day(quarter).day == worked[at], quarter
        for number in (10, 5, 1):
            assert calendar.before_cutoff(quarter, number).day == worked[at - number], (quarter, number)


def test_the_awkward_quarter_ends_are_among_them() -> None:
    calendar = china_calendar()
    assert calendar.last_working_day(Quarter.parse("2023Q3")).day == date(2023, 9, 28)
    assert calendar.last_working_day(Quarter.parse("2018Q4")).day == date(2018, 12, 29)

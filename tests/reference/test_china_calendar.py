from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import chinese_calendar
import holidays
import pytest

from include.domain.calendar import DueDate
from include.domain.quarter import Quarter
from include.reference import rows
from include.reference.calendar import china_calendar

REGRESSION = rows("calendar_regression")


def _answer(row: Mapping[str, str]) -> date:
    calendar = china_calendar()
    if row["check"] == "last_working_day":
        return calendar.last_working_day(Quarter.parse(row["input"])).day
    if row["check"] == "add_working_days":
        return calendar.add_working_days(date.fromisoformat(row["input"]), int(row["days"])).day
    if row["check"] == "working_days_before_cutoff":
        return calendar.before_cutoff(Quarter.parse(row["input"]), -int(row["days"])).day
    raise AssertionError(row["check"])


@pytest.mark.parametrize("row", REGRESSION, ids=lambda row: f"{row['check']}-{row['input']}-{row['days']}")
def test_the_handbook_s_dates_come_out(row: Mapping[str, str]) -> None:
    assert _answer(row) == date.fromisoformat(row["expected"])


def test_the_regression_table_is_read_whole() -> None:
    assert len(REGRESSION) == 40


def test_a_limit_that_runs_into_an_unpublished_year_is_provisional() -> None:
    calendar = china_calendar()
    assert calendar.published_until == date(2026, 12, 31)
    assert calendar.add_working_days(date(2026, 12, 30), 3) == DueDate(date(2027, 1, 5), True)
    assert calendar.add_working_days(date(2026, 9, 30), 3) == DueDate(date(2026, 10, 10), False)


@pytest.mark.parametrize(
    ("quarter", "day", "provisional"),
    [
        ("2026Q3", date(2026, 9, 30), False),
        ("2026Q4", date(2026, 12, 31), True),
        ("2027Q1", date(2027, 3, 31), True),
        ("2027Q2", date(2027, 6, 30), True),
        ("2027Q3", date(2027, 9, 30), True),
        ("2027Q4", date(2027, 12, 31), True),
    ],
)
def test_cut_offs_past_the_published_calendar_are_marked(quarter: str, day: date, provisional: bool) -> None:
    assert china_calendar().last_working_day(Quarter.parse(quarter)) == DueDate(day, provisional)


def test_statutory_days_are_off_in_a_year_nobody_has_published() -> None:
    calendar = china_calendar()
    assert not calendar.is_working_day(date(2027, 1, 1))
    assert not calendar.is_working_day(date(2027, 10, 1))
    assert calendar.is_working_day(date(2027, 1, 4))
    assert not calendar.is_working_day(date(2027, 1, 2)), "a Saturday is worked only where it is published"


def test_a_far_year_is_answered_too() -> None:
    assert china_calendar().add_working_days(date(2099, 12, 31), 1).provisional


def _published_days() -> list[date]:
    first = date(2007, 1, 1)
    return [first + timedelta(days=n) for n in range((date(2026, 12, 31) - first).days + 1)]


def test_every_published_day_agrees_with_chinesecalendar() -> None:
    calendar = china_calendar()
    differing = [d for d in _published_days() if calendar.is_working_day(d) != chinese_calendar.is_workday(d)]
    assert differing == []


def test_every_published_day_agrees_with_holidays() -> None:
    calendar = china_calendar()
    china = holidays.country_holidays("CN", years=range(2007, 2027))
    differing = [d for d in _published_days() if calendar.is_working_day(d) != china.is_working_day(d)]
    assert differing == []

"""China's calendar as the project runs on it: calendar_cn.csv, and past its end the statutory days of `holidays`."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import cast

from include.domain.calendar import DayException, WorkingCalendar
from include.reference import calendar_exceptions


@cache
def china_calendar() -> WorkingCalendar:
    """The working calendar of China.

    It is published to the end of the last year that the table has an exception for: the State Council publishes whole
    years. An operator extends the table the day the notice for the next year comes out.
    """
    exceptions = calendar_exceptions()
    for day, kind in exceptions.items():
        if kind not in ("off", "work") or (kind == "work") != (day.weekday() >= 5):
            raise ValueError(f"calendar_cn.csv: {day} cannot be {kind!r}")
    return WorkingCalendar(
        exceptions=cast("dict[date, DayException]", exceptions),
        published_until=date(max(exceptions).year, 12, 31),
        statutory_off=_statutory_holiday,
    )


def _statutory_holiday(day: date) -> bool:
    """Whether `day` is a statutory public holiday (法定节假日) by the law alone, without shifted days."""
    return day in _statutory_days(day.year)


@cache
def _statutory_days(year: int) -> frozenset[date]:
    # Imported here: callers that need published days only need not load the package.
    import holidays

    return frozenset(holidays.country_holidays("CN", years=year))

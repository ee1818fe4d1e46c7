"""China's working days (工作日), make-up weekend work days (调休) included; past the published table, statutory days.

Source: handbook sections 2, 7 and 10. The notice sets the cut-off of a quarter; that the last working day counts until
24:00 is the project's own reading.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter

DayException = Literal["off", "work"]
_ONE_DAY = timedelta(days=1)


def add_years(day: date, years: int) -> date:
    """The same month and day `years` later (earlier if negative); 29 February becomes 28 in other years (handbook,
    section 4)."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


@dataclass(frozen=True, slots=True, order=True)
class DueDate:
    """A computed day. `provisional`: it depends on days that the State Council has not published yet."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Working days from a table of exceptions to Monday–Friday.

    `exceptions`: day → "off" (a weekday off) or "work" (a weekend day worked), complete up to `published_until`. After
    that a weekday is off if `statutory_off` says so, and every result that depends on it is provisional.
    """

    exceptions: Mapping[date, DayException]
    published_until: date
    statutory_off: Callable[[date], bool]
    _years: dict[int, tuple[date, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _sums: dict[tuple[date, int], DueDate] = field(default_factory=dict, init=False, repr=False, compare=False)

    def is_working_day(self, day: date) -> bool:
        """Whether `day` is a working day."""
        days = self._working_days(day.year)
        at = bisect_left(days, day)
        return at < len(days) and days[at] == day

    def is_provisional(self, day: date) -> bool:
        """Whether `day` lies past the published calendar."""
        return day > self.published_until

    def add_working_days(self, day: date, number: int) -> DueDate:
        """The `number`-th working day after `day` (before it, if negative); `day` itself for 0.

        `day` need not be a working day. Provisional if any day counted lies past the published calendar.
        """
        known = self._sums.get((day, number))
        if known is None:
            known = self._sums[day, number] = self._add(day, number)
        return known

    def _add(self, day: date, number: int) -> DueDate:
        if number == 0:
            return DueDate(day, self.is_provisional(day))
        year = day.year
        days = self._working_days(year)
        at = bisect_right(days, day) + number - 1 if number > 0 else bisect_left(days, day) + number
        while at >= len(days):
            at -= len(days)
            year += 1
            days = self._working_days(year)
        while at < 0:
            year -= 1
            days = self._working_days(year)
            at += len(days)
        return DueDate(days[at], self.is_provisional(max(day, days[at])))

    def roll_forward(self, day: date) -> DueDate:
        """`day` if it is a working day, else the next working day."""
        return self.add_working_days(day - _ONE_DAY, 1)

    def working_days_after(self, start: date, end: date) -> int:
        """How many working days d there are with start < d <= end; 0 if `end` is not after `start`."""
        if end <= start:
            return 0
        counted = -bisect_right(self._working_days(start.year), start)
        for year in range(start.year, end.year):
            counted += len(self._working_days(year))
        return counted + bisect_right(self._working_days(end.year), end)

    def last_working_day(self, quarter: Quarter) -> DueDate:
        """The cut-off day of `quarter`.

        For a fourth quarter it is provisional until the next year's calendar is published: the notice for a year may
        move the last days of the December before (2011-12-31, 2018-12-29).
        """
        after = quarter.last_day + _ONE_DAY
        return DueDate(self.add_working_days(after, -1).day, self.is_provisional(after))

    def deadline(self, quarter: Quarter, inclusive: bool = True) -> datetime:
        """The moment (Asia/Shanghai) by which `quarter` must be reported: the end of its last working day.

        Not `inclusive`: the beginning of that day (policy key cutoff_inclusive).
        """
        day = self.last_working_day(quarter).day
        return datetime.combine(day + _ONE_DAY if inclusive else day, time(), SHANGHAI)

    def newest_closed_quarter(self, now: datetime, inclusive: bool = True) -> Quarter:
        """The newest quarter whose cut-off has passed at `now` (aware)."""
        quarter = Quarter.of(now.astimezone(SHANGHAI).date())
        return quarter if self.deadline(quarter, inclusive) <= now else quarter.previous()

    def before_cutoff(self, quarter: Quarter, number: int) -> DueDate:
        """The day that lies `number` working days before the cut-off day of `quarter` (T-10, T-5, T-1)."""
        cutoff = self.last_working_day(quarter)
        return DueDate(self.add_working_days(cutoff.day, -number).day, cutoff.provisional)

    def _working_days(self, year: int) -> tuple[date, ...]:
        known = self._years.get(year)
        if known is None:
            first = date(year, 1, 1)
            length = (date(year, 12, 31) - first).days + 1
            known = tuple(day for day in (first + timedelta(days=n) for n in range(length)) if self._works(day))
            self._years[year] = known
        return known

    def _works(self, day: date) -> bool:
        exception = self.exceptions.get(day)
        if exception is not None:
            return exception == "work"
        if day.weekday() >= 5:
            return False
        return day <= self.published_until or not self.statutory_off(day)

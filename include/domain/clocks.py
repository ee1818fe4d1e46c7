"""The clocks of a case: how long it may stay on its way from one state to the next.

Source: handbook section 7, "Counting", "Pause", "Re-open". The limits are those of case_limits.csv; only the last of
them rests on the notice. Due days last until 24:00 in Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from include.domain.calendar import DueDate, WorkingCalendar
from include.domain.case import RANK, TERMINAL, Case, Pause, Round
from include.domain.quarter import Quarter
from include.reference import CaseLimit

DECISION = ("received", "credit_approved")
"""The one limit that starts with the first event, whatever its type."""

Started = tuple[str, str, date]
"""Which clock of a case: from, to, day 0."""

NO_EXTENSIONS: Mapping[Started, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A limit that runs, stands still (`paused`) or has stopped (`stopped_on`).

    `overdue_working_days`: working days since the due day, as of the day asked about; 0 if paused or stopped. What the due day was
    counted from: `limit` in `unit`, the pauses seen as disjoint (start, end], and the working days granted beyond (`extended`).
    """

    from_type: str
    to_type: str
    day0: date
    limit: int
    unit: str
    stood_still: tuple[tuple[date, date], ...]
    extended: int
    due: DueDate
    stopped_on: date | None
    paused: bool
    overdue_working_days: int


def clocks(
    case: Case,
    limits: Iterable[CaseLimit],
    calendar: WorkingCalendar,
    today: date,
    *,
    roll_forward: bool = True,
    extensions: Mapping[Started, int] = NO_EXTENSIONS,
) -> tuple[Clock, ...]:
    """Every clock that `case` ever started, those of a round before a re-open included.

    `roll_forward`: a due day counted in calendar days moves to a working day (policy key calendar_days_roll_forward).
    `extensions`: working days granted beyond the limit, by the clock as it started.
    """
    found = []
    for limit in limits:
        for round_ in case.rounds:
            for day0, stopped_on in _runs(limit, round_):
                stood_still = _merged(case.pauses, day0, stopped_on)
                due = _due(limit, day0, stood_still, calendar, roll_forward)
                extended = extensions.get((limit.from_type, limit.to_type, day0), 0)
                if extended:
                    due = calendar.add_working_days(due.day, extended)
                runs = stopped_on is None and not case.paused
                found.append(
                    Clock(
                        from_type=limit.from_type,
                        to_type=limit.to_type,
                        day0=day0,
                        limit=limit.limit,
                        unit=limit.unit,
                        stood_still=tuple(stood_still),
                        extended=extended,
                        due=due,
                        stopped_on=stopped_on,
                        paused=stopped_on is None and case.paused,
                        overdue_working_days=calendar.working_days_after(due.day, today) if runs else 0,
                    )
                )
    return tuple(found)


def _runs(limit: CaseLimit, round_: Round) -> Iterator[tuple[date, date | None]]:
    """(day 0, day it stopped) of each time that the limit ran in a round."""
    decision = (limit.from_type, limit.to_type) == DECISION
    day0 = round_.first_event_on if decision else round_.entered.get(limit.from_type)
    if day0 is None:
        return
    if limit.unit == "calendar_quarters":
        yield from _quarterly(limit, round_, day0)
    else:
        yield day0, _stop(limit, round_)


def _stop(limit: CaseLimit, round_: Round) -> date | None:
    beyond = RANK[limit.to_type]
    return next((s.day for s in round_.steps if s.state in TERMINAL or RANK[s.state] >= beyond), None)


def _quarterly(limit: CaseLimit, round_: Round, day0: date) -> Iterator[tuple[date, date | None]]:
    """A report is due in each quarter after that of the draw: each one stops the clock and starts the next."""
    closed_on = next((step.day for step in round_.steps if step.state in TERMINAL), None)
    reported: set[Quarter] = set()
    for step in round_.steps:
        if step.state != limit.to_type or Quarter.of(step.day) in reported:
            continue
        reported.add(Quarter.of(step.day))
        if step.day > day0:
            yield day0, step.day
            day0 = step.day
    yield day0, closed_on


def _due(
    limit: CaseLimit,
    day0: date,
    stood_still: Sequence[tuple[date, date]],
    calendar: WorkingCalendar,
    roll_forward: bool,
) -> DueDate:
    if limit.unit == "calendar_days":
        day = day0 + timedelta(days=limit.limit + sum((end - start).days for start, end in stood_still))
        return calendar.roll_forward(day) if roll_forward else DueDate(day, calendar.is_provisional(day))
    moved = sum(calendar.working_days_after(start, end) for start, end in stood_still)
    if limit.unit == "working_days":
        return calendar.add_working_days(day0, limit.limit + moved)
    if limit.unit == "calendar_quarters":
        quarter = Quarter.of(day0)
        for _ in range(limit.limit):
            quarter = quarter.next()
        return calendar.add_working_days(quarter.last_day, moved)
    raise ValueError(f"unknown unit of a limit: {limit.unit}")


def _merged(pauses: Sequence[Pause], day0: date, stopped_on: date | None) -> list[tuple[date, date]]:
    """The pauses of a clock's life as disjoint (start, end]; an open one counts only up to where the clock stopped."""
    merged: list[tuple[date, date]] = []
    for start, end in sorted(_within(pauses, day0, stopped_on)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _within(pauses: Sequence[Pause], day0: date, stopped_on: date | None) -> Iterator[tuple[date, date]]:
    for pause in pauses:
        ends = [day for day in (pause.cleared_on, stopped_on) if day is not None]
        start = max(pause.obstructed_on, day0)
        if ends and min(ends) > start:
            yield start, min(ends)

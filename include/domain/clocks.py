"""The clocks of a case: how long it may take from one state to the next.

Source: handbook section 7, "Counting", "Pause", "Re-open". The limits are in case_limits.csv; only the last of them
comes from the notice. Due days last until 24:00 in Asia/Shanghai. Office hours are the project's own (ADR 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

import msgspec

from include.domain.calendar import DueDate, WorkingCalendar
from include.domain.case import PATH, RANK, TERMINAL, Case, Pause, Round
from include.domain.quarter import Quarter
from include.reference import CaseLimit

DECISION = ("received", "credit_approved")
"""The one limit that starts with the first event, whatever its type."""

Started = tuple[str, str, date]
"""Key of a clock within its case: from, to, day 0."""

NO_EXTENSIONS: Mapping[Started, int] = MappingProxyType({})


class AfterHours(msgspec.Struct, frozen=True, gc=False):
    """The clock was started at `at` (local), outside the office hours that end at `closing`."""

    at: datetime
    closing: time


class Clock(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A limit that runs, is paused (`paused`) or has stopped (`stopped_on`).

    The due day was counted from `limit` in `unit`, the `pauses` as disjoint (start, end], and the working days granted
    beyond it (`extended`). `after_hours`: why day 0 is later than the day on which the clock was started, if it is.
    """

    from_type: str
    to_type: str
    day0: date
    limit: int
    unit: str
    pauses: tuple[tuple[date, date], ...]
    extended: int
    due: DueDate
    stopped_on: date | None
    paused: bool
    after_hours: AfterHours | None = None

    @property
    def started(self) -> Started:
        """Its key within the case."""
        return self.from_type, self.to_type, self.day0


FROM_THE_START = (0, 0)


def clocks(
    case: Case,
    limits: Sequence[CaseLimit],
    calendar: WorkingCalendar,
    *,
    roll_forward: bool = True,
    office_hours_end: time | None = None,
    extensions: Mapping[Started, int] = NO_EXTENSIONS,
    after: tuple[int, int] = FROM_THE_START,
) -> tuple[Clock, ...]:
    """Every clock that `case` ever started, those of a round before a re-open included.

    Of two with the same key (a case refused and re-opened within a day) the later one counts. `roll_forward`: a due day
    counted in calendar days moves to a working day (policy key calendar_days_roll_forward). `office_hours_end`: events
    later in the day, or on a day off, count on the next working day; None: office hours do not count (policy key
    office_hours_end). `extensions`: working days granted beyond the limit, by key. `after`: (round, step) as `unmoved`
    returns; clocks that had stopped by then are left out.
    """
    found: dict[Started, Clock] = {}
    first_round, steps = after
    for number, round_ in enumerate(case.rounds[first_round:]):
        settled = 0 if number else steps
        entered, ends = round_.entered, _ends(round_)
        for limit in limits:
            reached = ends[RANK[limit.to_type]]
            if reached is not None and reached < settled and limit.unit != "calendar_quarters":
                continue
            for began, end in _runs(limit, round_, entered, reached):
                stopped_on = None if end is None else round_.steps[end].day
                day0, after_hours = _day0(limit, began, calendar, office_hours_end)
                pauses = _merged(case.pauses, day0, stopped_on) if case.pauses else ()
                due = _due(limit, day0, pauses, calendar, roll_forward)
                started = (limit.from_type, limit.to_type, day0)
                extended = extensions.get(started, 0)
                if extended:
                    due = calendar.add_working_days(due.day, extended)
                found[started] = Clock(
                    from_type=limit.from_type,
                    to_type=limit.to_type,
                    day0=day0,
                    limit=limit.limit,
                    unit=limit.unit,
                    pauses=pauses,
                    extended=extended,
                    due=due,
                    stopped_on=stopped_on,
                    paused=stopped_on is None and case.paused,
                    after_hours=after_hours,
                )
    return tuple(found.values())


def unmoved(before: Case, case: Case) -> tuple[int, int]:
    """The first (round, step) whose clocks may differ from those of `before`, after events were added to it.

    A pause may move clocks that stopped long ago: if pauses were added, any clock may differ.
    """
    if before.pauses != case.pauses:
        return FROM_THE_START
    return len(before.rounds) - 1, len(before.rounds[-1].steps)


def _day0(
    limit: CaseLimit, began: datetime, calendar: WorkingCalendar, office_hours_end: time | None
) -> tuple[date, AfterHours | None]:
    """Day 0 and why it is late. A limit in quarters starts with the day of the draw, at whatever hour."""
    day = began.date()
    if office_hours_end is None or limit.unit == "calendar_quarters":
        return day, None
    if began.time() <= office_hours_end and calendar.is_working_day(day):
        return day, None
    return calendar.add_working_days(day, 1).day, AfterHours(began, office_hours_end)


def _runs(
    limit: CaseLimit, round_: Round, entered: Mapping[str, datetime], reached: int | None
) -> Iterable[tuple[datetime, int | None]]:
    """(start, number of the stopping step) for each time that the limit ran in a round.

    `reached`: the step that reached the end of the limit, or ended the round.
    """
    decision = (limit.from_type, limit.to_type) == DECISION
    began = round_.first_event_at if decision else entered.get(limit.from_type)
    if began is None:
        return ()
    if limit.unit == "calendar_quarters":
        return _quarterly(limit, round_, began)
    return ((began, reached),)


def _ends(round_: Round) -> list[int | None]:
    """For each rank of the path the first step at or beyond it; a refusal or closure is beyond all."""
    ends: list[int | None] = []
    known = 0
    for number, step in enumerate(round_.steps):
        reached = _REACHED.get(step.state, len(PATH))
        if reached > known:
            ends += [number] * (reached - known)
            known = reached
    return ends + [None] * (len(PATH) - known)


_REACHED = {state: min(rank + 1, len(PATH)) for state, rank in RANK.items()}
"""How many ranks of the path a state has reached."""


def _quarterly(limit: CaseLimit, round_: Round, began: datetime) -> Iterator[tuple[datetime, int | None]]:
    """A report is due in each quarter after that of the draw: each report stops its clock and starts the next."""
    closed = next((number for number, step in enumerate(round_.steps) if step.state in TERMINAL), None)
    reported: set[Quarter] = set()
    for number, step in enumerate(round_.steps):
        if step.state != limit.to_type or Quarter.of(step.day) in reported:
            continue
        reported.add(Quarter.of(step.day))
        if step.day > began.date():
            yield began, number
            began = step.at
    yield began, closed


def _due(
    limit: CaseLimit,
    day0: date,
    pauses: Sequence[tuple[date, date]],
    calendar: WorkingCalendar,
    roll_forward: bool,
) -> DueDate:
    if limit.unit == "calendar_days":
        day = day0 + timedelta(days=limit.limit + sum((end - start).days for start, end in pauses))
        return calendar.roll_forward(day) if roll_forward else DueDate(day, calendar.is_provisional(day))
    moved = sum(calendar.working_days_after(start, end) for start, end in pauses)
    if limit.unit == "working_days":
        return calendar.add_working_days(day0, limit.limit + moved)
    if limit.unit == "calendar_quarters":
        quarter = Quarter.of(day0)
        for _ in range(limit.limit):
            quarter = quarter.next()
        return calendar.add_working_days(quarter.last_day, moved)
    raise ValueError(f"unknown unit of a limit: {limit.unit}")


def _merged(pauses: Sequence[Pause], day0: date, stopped_on: date | None) -> tuple[tuple[date, date], ...]:
    """The pauses of a clock's life as disjoint (start, end]; an open one ends when the clock stopped."""
    merged: list[tuple[date, date]] = []
    for start, end in sorted(_within(pauses, day0, stopped_on)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def _within(pauses: Sequence[Pause], day0: date, stopped_on: date | None) -> Iterator[tuple[date, date]]:
    for pause in pauses:
        ends = [day for day in (pause.cleared_on, stopped_on) if day is not None]
        start = max(pause.obstructed_on, day0)
        if ends and min(ends) > start:
            yield start, min(ends)

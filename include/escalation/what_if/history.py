"""What is stored of a past quarter's needs, read once and put on the days on which the ladder was looked at. Writes nothing.

A *run* is the number of a working day since the first one: what became known up to 08:30 of that day counts on it. No names and no
addresses of people are read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain import states
from include.domain.calendar import WorkingCalendar
from include.domain.case import EVENT_TYPES, Case, FeedbackEvent, Folding, in_order
from include.domain.clocks import Started
from include.domain.escalation import Contact
from include.domain.feedback import known_reason
from include.domain.quarter import Quarter
from include.domain.routing import Network, Place
from include.escalation.breaches import Need
from include.escalation.what_if import queries
from include.reference import branches, case_transitions, departments, institutions, policy
from include.store.coordinators import network
from include.store.feedback import stored_event

RUN_AT = time(8, 30)
"""When escalate_stalled runs."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The working days on which the ladder was looked at, in order."""

    days: tuple[date, ...]

    @classmethod
    def between(cls, first: date, now: datetime, calendar: WorkingCalendar) -> Runs:
        """Those from `first` on whose hour has come at `now`."""
        days = []
        day = calendar.roll_forward(first).day
        while datetime.combine(day, RUN_AT, SHANGHAI) <= now:
            days.append(day)
            day = calendar.add_working_days(day, 1).day
        return cls(tuple(days))

    def __len__(self) -> int:
        return len(self.days)

    def at(self, moment: datetime | None) -> int:
        """The first run that knows of what happened at `moment`; of what never happened, the one after the last."""
        if moment is None:
            return len(self.days)
        local = moment.astimezone(SHANGHAI)
        return (bisect_left if local.time() <= RUN_AT else bisect_right)(self.days, local.date())

    def on(self, day: date) -> int:
        """The first run on or after `day`."""
        return bisect_left(self.days, day)


@dataclass(frozen=True, slots=True)
class Version:
    """A need as the ladder saw it from a run on."""

    run: int
    quarter: Quarter
    revision: int
    need: Need


@dataclass(frozen=True, slots=True)
class CaseSince:
    """A case as it stood from a run on; `known_on`: the day that brought it, `extended`: what had been granted by then."""

    run: int
    known_on: date
    case: Case
    intended: bool
    extended: dict[Started, int]


@dataclass(frozen=True, slots=True)
class PastAct:
    """What coordinators did on a ticket."""

    at: datetime
    act: states.TicketAct


@dataclass(slots=True)
class PastObstruction:
    """An obstruction that an institution reported, and what was done about it. `received`: each time that it was reported."""

    institution_code: str
    obstruction_id: str
    reason_code: str
    reported_on: date
    received: list[datetime]
    acts: list[PastAct] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PastReturn:
    """A return to the department that arrived or was still on its way."""

    run: int
    revision: int
    returned_on: date


@dataclass(frozen=True, slots=True)
class PastAlert:
    """An alert that holds money back, from the run on which it was open to the one on which it no longer was."""

    institution_code: str
    rule_id: str
    found_on: date
    run: int
    until: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A breach taken on by the coordinators."""

    at: datetime
    run: int


@dataclass(slots=True)
class PastNeed:
    """All that the stall rules ask about a need, run by run. `contacts`: for S05, empty where nobody failed to reach it."""

    need_id: str
    versions: list[Version]
    withdrawn: int
    pushed: tuple[int, date] | None
    first_event: int
    cases: dict[str, list[CaseSince]]
    contacts: list[tuple[int, Contact]]
    obstructions: list[PastObstruction]
    returns: list[PastReturn]
    alerts: list[PastAlert]
    acknowledged: dict[tuple[str, str, str], list[Taken]]

    def at(self, run: int) -> Version:
        """The need as seen on a run (the first one if it was not known yet)."""
        found = bisect_right(self.versions, run, key=lambda version: version.run)
        return self.versions[max(found - 1, 0)]


@dataclass(frozen=True, slots=True)
class OperatorMatter:
    """A push that waits for its result (S04) or a hold that waits for its decision (S08), and until which run it did."""

    rule_id: str
    need_id: str
    revision: int
    since: date
    until: int


@dataclass(frozen=True, slots=True)
class History:
    """A quarter as it happened. `coordinators`: those of today, since who was on duty when is not kept."""

    quarter: Quarter
    runs: Runs
    needs: tuple[PastNeed, ...]
    operator: tuple[OperatorMatter, ...]
    coordinators: Network


def read_history(connection: sa.Connection, quarter: Quarter, now: datetime, calendar: WorkingCalendar) -> History:
    """Everything stored of the needs that were filed for `quarter`, as known at `now`."""
    asked = {"quarter": str(quarter), "now": now}
    rows = {name: _by_need(connection.execute(query, asked)) for name, query in queries.OF_NEEDS.items()}
    versions = rows["versions"]
    first = min((_local_day(row.received_at) for found in versions.values() for row in found), default=None)
    runs = Runs.between(first, now, calendar) if first else Runs(())
    needs = [
        _past_need(need_id, {name: found.get(need_id, []) for name, found in rows.items()}, runs)
        for need_id in sorted(versions)
    ]
    matters = [
        OperatorMatter(row.rule_id, row.need_id, row.revision, _local_day(row.since), runs.at(row.until))
        for row in connection.execute(queries.OPERATOR, asked)
    ]
    return History(quarter, runs, tuple(needs), tuple(matters), network(connection))


Rows = Sequence[sa.Row[Any]]


def _by_need(found: sa.CursorResult[Any]) -> dict[str, list[sa.Row[Any]]]:
    grouped: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in found:
        grouped[row.need_id].append(row)
    return grouped


def _past_need(need_id: str, rows: dict[str, list[sa.Row[Any]]], runs: Runs) -> PastNeed:
    pushes, events = rows["pushes"], rows["events"]
    unreached = any(row.reason_code == "R17" for row in events)
    return PastNeed(
        need_id=need_id,
        versions=_versions(rows["versions"], pushes, runs),
        withdrawn=min((runs.at(row.noticed_at) for row in rows["withdrawals"]), default=len(runs)),
        pushed=(runs.at(pushes[0].pushed_at), _local_day(pushes[0].pushed_at)) if pushes else None,
        first_event=min((runs.at(row.received_at) for row in events), default=len(runs)),
        cases=_cases(pushes, events, rows["extensions"], runs),
        contacts=[
            (runs.at(row.received_at), Contact(row.counted_at.astimezone(SHANGHAI), row.type, row.reason_code))
            for row in sorted(events, key=lambda row: row.received_at)
            if unreached
        ],
        obstructions=_obstructions(events, rows["acts"]),
        returns=[
            PastReturn(runs.at(row.created_at), row.revision, _local_day(row.created_at)) for row in rows["returns"]
        ],
        alerts=list(_alerts(rows["alerts"], runs)),
        acknowledged=_acknowledged(rows["acknowledgements"], runs),
    )


def _versions(versions: Rows, pushes: Rows, runs: Runs) -> list[Version]:
    """As the ladder sees a need: in the revision that was pushed last, before any push in the newest."""
    changes = sorted({runs.at(row.received_at) for row in versions} | {runs.at(row.pushed_at) for row in pushes})
    found = []
    for run in changes:
        pushed = max((row.revision for row in pushes if runs.at(row.pushed_at) <= run), default=None)
        known = [row for row in versions if runs.at(row.received_at) <= run or row.revision == pushed] or versions[:1]
        row = next((one for one in known if one.revision == pushed), max(known, key=lambda one: one.revision))
        found.append(Version(run, Quarter.parse(row.quarter), max(one.revision for one in known), _need(row)))
    return found


def _need(row: sa.Row[Any]) -> Need:
    department = departments().get(row.department_code)
    branch = branches().get(row.branch_code or (department.branch_code if department else ""))
    return Need(
        need_id=row.need_id,
        company="",
        is_major=row.is_major,
        place=Place(
            city_code=row.city_code,
            department_code=row.department_code,
            branch_region=branch.region_code if branch else None,
        ),
    )


# --- Cases -----------------------------------------------------------------------------------------------------------


def _cases(pushes: Rows, events: Rows, extensions: Rows, runs: Runs) -> dict[str, list[CaseSince]]:
    pushed_at = {row.revision: row.pushed_at for row in pushes}
    reported: defaultdict[str, list[tuple[datetime, FeedbackEvent]]] = defaultdict(list)
    for row in events:
        if row.revision in pushed_at and row.type in EVENT_TYPES and row.institution_code in institutions():
            known_at = max(row.received_at, pushed_at[row.revision])
            reported[row.institution_code].append((known_at, known_reason(stored_event(row))))
    codes = {code for row in pushes for code in row.intended_institutions} | reported.keys()
    return {
        code: list(
            _course(code, pushes, reported[code], [row for row in extensions if row.institution_code == code], runs)
        )
        for code in sorted(codes)
    }


def _course(
    code: str, pushes: Rows, reported: Sequence[tuple[datetime, FeedbackEvent]], extensions: Rows, runs: Runs
) -> Iterator[CaseSince]:
    """The case from run to run; folded on where events come in order, else anew, as the stage does."""
    moments = [row.pushed_at for row in pushes] + [at for at, _ in reported] + [row.decided_at for row in extensions]
    folding: Folding | None = None
    opened_at: datetime | None = None
    for run, group in groupby(sorted(moments), key=runs.at):
        until = max(group)
        sent = [row for row in pushes if row.pushed_at <= until]
        asked = [row.pushed_at for row in sent if code in row.intended_institutions]
        intended = bool(sent) and code in sent[-1].intended_institutions
        known = [event for at, event in reported if at <= until]
        if not (known or intended):
            continue
        fresh = in_order(event for at, event in reported if runs.at(at) == run)
        asked_at = min(asked, default=None)
        if folding is None or asked_at != opened_at or (fresh and not folding.follows(fresh[0])):
            folding = Folding.opened(
                asked_at, transitions=case_transitions(), reopen_max=policy().integer("reopen_max")
            )
            fresh, opened_at = in_order(known), asked_at
        for event in fresh:
            folding.take(event)
        granted: defaultdict[Started, int] = defaultdict(int)
        for row in extensions:
            if row.decided_at <= until:
                granted[row.from_type, row.to_type, row.day0] += row.working_days
        yield CaseSince(run, _local_day(until), folding.case(), intended, granted)


# --- Tickets, alerts, acknowledgements -------------------------------------------------------------------------------


def _obstructions(events: Rows, acts: Rows) -> list[PastObstruction]:
    found: dict[tuple[str, str], PastObstruction] = {}
    for row in sorted(events, key=lambda row: (row.sequence, row.occurred_at, row.event_id)):
        if row.type != "obstructed":
            continue
        name = row.obstruction_id or f"{row.need_id}/{row.institution_code}"
        one = found.setdefault(
            (row.institution_code, name),
            PastObstruction(row.institution_code, name, row.reason_code or "", _local_day(row.counted_at), received=[]),
        )
        one.received.append(row.received_at)
        one.reported_on = min(one.reported_on, _local_day(row.counted_at))
    for row in acts:
        if (ticket := found.get((row.institution_code, row.obstruction_id))) is not None:
            ticket.acts.append(PastAct(row.at, row.kind))
    return list(found.values())


def _alerts(rows: Rows, runs: Runs) -> Iterator[PastAlert]:
    """From each opening to what ended it; an alert may be opened again."""
    for row in rows:
        if row.kind == "opened":
            found_on = _local_day(row.at)
            yield PastAlert(row.institution_code, row.rule_id, found_on, runs.at(row.at), runs.at(row.ended_at))


def _acknowledged(rows: Rows, runs: Runs) -> dict[tuple[str, str, str], list[Taken]]:
    found: defaultdict[tuple[str, str, str], list[Taken]] = defaultdict(list)
    for row in rows:
        found[row.institution_code, row.rule_id, row.breach].append(Taken(row.at, runs.at(row.at)))
    return dict(found)


def _local_day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()

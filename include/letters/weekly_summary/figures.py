"""The figures of a weekly summary, read in sets for all departments at once. Amounts are in 万元.

As in the circular, a case under an alert (警示 open or confirmed) that withholds its money does not count. Holds are
internal: only their number is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import WorkingCalendar
from include.domain.case import PATH, RANK
from include.domain.escalation import APPROVED_OR_BEYOND, REACHED
from include.domain.obstruction import WORKED_ON
from include.domain.routing import LEVELS
from include.domain.states import Authority, Level
from include.letters.open_returns import OpenReturn, open_returns
from include.letters.weekly_summary.open_matters import OpenMatters, open_matters
from include.letters.weekly_summary.reoffers import Reoffer, reoffers_of_quarters
from include.reference import institutions, reason_codes
from include.reference.day import Day
from include.store.database import statement_beside
from include.withdrawals.view import withdrawn_by_us
from include.words.shown import shown

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sum:
    """A number of needs, and their amount; None if the amount is not reported."""

    number: int
    amount: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A department's needs of one quarter at their newest revision, by how far they came; withdrawn ones are left out.

    Each stage counts the needs that reached it. `amount` of approved and drawn: as institutions reported; of the
    others: the financing needed. Of a held need no amount is told and none is summed: it may be a mistake of the unit.
    """

    recommended: Sum
    passed: Sum
    returned: Sum
    held: Sum
    pushed: Sum
    contacted: Sum
    approved: Sum
    drawn: Sum
    unmet: Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Numbers of needs (obstructions: tickets) since the summary before, and their money."""

    passed: int = 0
    returned: int = 0
    pushed: int = 0
    contacted: int = 0
    approved: int = 0
    approved_amount: Decimal = ZERO
    drawn: int = 0
    drawn_amount: Decimal = ZERO
    declined: int = 0
    obstructed: int = 0
    cleared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstruction:
    """One cause that coordinators work on, of one or more institutions; `level`: the highest level of its tickets."""

    ticket_id: int
    need_id: str
    company: str
    is_major: bool
    institutions: tuple[str, ...]
    reason_code: str
    lead: Authority
    level: Level
    opened_on: date
    working_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A refusal with a repairable cause (yes or partly), of one or more institutions; `since`: the newest day."""

    need_id: str
    company: str
    is_major: bool
    institutions: tuple[str, ...]
    reason_code: str
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A need that we withdrew since the summary before, and why."""

    need_id: str
    company: str
    is_major: bool
    reason_code: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class DepartmentFigures:
    """All stored figures of one department; `standings` by quarter."""

    standings: dict[str, Standing] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    returns: list[OpenReturn] = field(default_factory=list)
    obstructions: list[Obstruction] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    reoffers: list[Reoffer] = field(default_factory=list)
    withdrawn: list[Withdrawn] = field(default_factory=list)
    matters: OpenMatters = field(default_factory=OpenMatters)


def department_figures(
    connection: sa.Connection,
    quarters: Sequence[str],
    *,
    since: datetime,
    day: Day,
) -> dict[str, DepartmentFigures]:
    """By department, for needs of `quarters`; obstructions of older needs too. `since`: later events count as changes."""
    found: defaultdict[str, DepartmentFigures] = defaultdict(DepartmentFigures)
    changed: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    asked = {
        "quarters": list(quarters),
        "since": since,
        "reached": sorted(REACHED),
        "approved": sorted(APPROVED_OR_BEYOND),
        "contacted_rank": RANK["contacted"],
        "path": list(PATH),
    }
    for row in connection.execute(_STANDINGS, asked):
        found[row.department_code].standings[row.quarter] = _standing(row)
        changed[row.department_code].append(row)
    tickets = {row.department_code: row for row in connection.execute(_TICKET_EVENTS, {"since": since})}
    for code in changed.keys() | tickets.keys():
        found[code].changes = _changes(changed[code], tickets.get(code))
    for one in open_returns(connection, list(quarters)):
        found[one.department_code].returns.append(one)
    for code, obstruction in _obstructions(connection, day.today, day.calendar):
        found[code].obstructions.append(obstruction)
    for code, repair in _repairs(connection, quarters):
        found[code].repairs.append(repair)
    for reoffer in reoffers_of_quarters(connection, quarters, day=day):
        found[reoffer.department_code].reoffers.append(reoffer)
    for row in withdrawn_by_us(connection, since=since, until=day.now):
        found[row.department_code].withdrawn.append(_withdrawn(row))
    for code, matters in open_matters(connection, quarters, day).items():
        found[code].matters = matters
    return dict(found)


def _withdrawn(row: sa.Row[Any]) -> Withdrawn:
    return Withdrawn(
        need_id=row.need_id,
        company=shown("enterprise.name", row.enterprise_name, row.uscc, "mail"),
        is_major=row.is_major,
        reason_code=row.reason_code,
        at=row.noticed_at,
    )


def _standing(row: sa.Row[Any]) -> Standing:
    names = (one.name for one in fields(Standing))
    return Standing(**{name: Sum(getattr(row, name), getattr(row, f"{name}_amount")) for name in names})


def _changes(rows: Sequence[sa.Row[Any]], tickets: sa.Row[Any] | None) -> Changes:
    """Over the quarters, and the tickets of the department."""
    names = {one.name for one in fields(Changes)} - {"obstructed", "cleared"}
    summed: dict[str, Any] = {name: sum(getattr(row, f"new_{name}") for row in rows) for name in names} if rows else {}
    return Changes(**summed, obstructed=tickets.obstructed if tickets else 0, cleared=tickets.cleared if tickets else 0)


def _obstructions(connection: sa.Connection, today: date, calendar: WorkingCalendar) -> list[tuple[str, Obstruction]]:
    """Department and cause: at the nation first, then the longest waiting."""
    causes: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(_TICKETS, {"worked_on": sorted(WORKED_ON)}):
        causes[row.cause].append(row)
    found = [(rows[0].department_code, _obstruction(rows, today, calendar)) for rows in causes.values()]
    return sorted(found, key=lambda one: (one[1].level != Level.NATION, one[1].opened_on, one[1].ticket_id))


def _obstruction(rows: Sequence[sa.Row[Any]], today: date, calendar: WorkingCalendar) -> Obstruction:
    first = rows[0]
    opened_on = min(row.opened_on for row in rows)
    return Obstruction(
        ticket_id=first.ticket_id,
        need_id=first.need_id,
        company=shown("enterprise.name", first.enterprise_name, first.uscc, "mail"),
        is_major=first.is_major,
        institutions=_names(rows),
        reason_code=first.reason_code,
        lead=first.authority,
        level=max((row.level for row in rows), key=LEVELS.index),
        opened_on=opened_on,
        working_days=calendar.working_days_after(opened_on, today),
    )


def _repairs(connection: sa.Connection, quarters: Sequence[str]) -> list[tuple[str, Repair]]:
    """Department and refusals of one need for one reason, the newest first."""
    asked = {
        "quarters": list(quarters),
        "repairable": [code for code, reason in reason_codes().items() if reason.repairable != "no"],
        "approved": sorted(APPROVED_OR_BEYOND),
    }
    refusals: defaultdict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(_REFUSALS, asked):
        refusals[row.need_id, row.reason_code].append(row)
    found = [
        (
            rows[0].department_code,
            Repair(
                need_id=rows[0].need_id,
                company=shown("enterprise.name", rows[0].enterprise_name, rows[0].uscc, "mail"),
                is_major=rows[0].is_major,
                institutions=_names(rows),
                reason_code=rows[0].reason_code,
                since=max(row.state_since for row in rows),
            ),
        )
        for rows in refusals.values()
    ]
    return sorted(found, key=lambda one: (-one[1].since.toordinal(), one[1].need_id))


def _names(rows: Sequence[sa.Row[Any]]) -> tuple[str, ...]:
    codes = [row.institution_code for row in rows]
    return tuple(institutions()[code].name if code in institutions() else code for code in codes)


_STANDINGS = statement_beside(__file__, "standings.sql")

_REFUSALS = sa.text(
    """
    select version.need_id, version.department_code, version.enterprise_name, version.uscc, version.is_major,
           matched.institution_code, matched.reason_code, matched.state_since
    from live_need version join matching_case matched using (need_id)
    where version.quarter = any(:quarters) and matched.state = 'declined' and matched.reason_code = any(:repairable)
      and not exists (
          select from matching_case other where other.need_id = version.need_id
          and (other.drawn > 0 or other.state = any(:approved))
      )
    order by version.need_id, matched.institution_code
    """
)

_TICKET_EVENTS = sa.text(
    """
    select version.department_code, count(*) filter (where event.kind in ('opened', 'reopened')) as obstructed,
           count(*) filter (where event.kind = 'verified') as cleared
    from obstruction_event event join obstruction_ticket ticket using (ticket_id) join newest_need version using (need_id)
    where event.at > :since group by version.department_code
    """
)

_TICKETS = sa.text(
    """
    select ticket.*, version.enterprise_name, version.uscc, version.department_code
    from obstruction_ticket ticket join newest_need version using (need_id)
    where ticket.state = any(:worked_on) order by ticket.ticket_id
    """
)

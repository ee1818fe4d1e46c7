"""Tickets for obstructions (融资梗阻工单): who has to do what by when, and what the next level up is.

Source: handbook section 8; the figures are the project's own (policy keys obstruction_…). The bank opens a ticket and ends it;
coordinators work on it; time moves it up. Pure: today and the bank's word come in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from include.domain.calendar import WorkingCalendar
from include.domain.routing import LEVELS, Authority, Level
from include.reference import Policy

TicketState = Literal["open", "acknowledged", "in_progress", "resolved", "verified", "unresolvable"]
Act = Literal["acknowledged", "in_progress", "resolved", "unresolvable"]
"""What coordinators do; the four statuses of the credit-market contract."""

WORKED_ON: frozenset[TicketState] = frozenset({"open", "acknowledged", "in_progress"})
"""States in which the coordinators have something to do, and the clocks run."""

_MAY: dict[TicketState, frozenset[Act]] = {
    "open": frozenset({"acknowledged", "in_progress", "resolved", "unresolvable"}),
    "acknowledged": frozenset({"in_progress", "resolved", "unresolvable"}),
    "in_progress": frozenset({"resolved", "unresolvable"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One obstruction as it stands. Days are local dates; `level_since`: since when this level answers.

    `acknowledge_by`, `resolve_by`: until when (24:00), None where there is nothing left to do; `confirm_by`: until when the bank
    should have confirmed what was resolved. `overdue`: at nation level past a due day, where nothing is above.
    """

    state: TicketState
    level: Level
    level_since: date
    acknowledge_by: date | None = None
    resolve_by: date | None = None
    confirm_by: date | None = None
    provisional: bool = False
    overdue: bool = False


def opened(level: Level, day: date, calendar: WorkingCalendar, policy: Policy) -> Ticket:
    """A ticket that arrives at `level` on `day`: both clocks start."""
    acknowledge = calendar.add_working_days(day, policy.integer("obstruction_ack_working_days"))
    resolve = calendar.add_working_days(day, policy.integer(f"obstruction_{level}_working_days"))
    return Ticket(
        state="open",
        level=level,
        level_since=day,
        acknowledge_by=acknowledge.day,
        resolve_by=resolve.day,
        provisional=acknowledge.provisional or resolve.provisional,
    )


def joined(ticket: Ticket, worked_on: Ticket) -> Ticket:
    """A ticket that is (again) open, when another one of its cause is worked on already: the same level, the same clocks.

    Tickets of one cause are worked as one, so one owner answers for all of them by one day.
    """
    return worked_on if ticket.state == "open" and worked_on.state in WORKED_ON else ticket


def may(ticket: Ticket, act: Act) -> bool:
    """Whether coordinators can do this now; unresolvable is said at nation level only."""
    if act == "unresolvable" and ticket.level != "nation":
        return False
    return act in _MAY.get(ticket.state, frozenset())


def acted(ticket: Ticket, act: Act, day: date, calendar: WorkingCalendar, policy: Policy) -> Ticket:
    """After an act of the coordinators on `day`. ValueError if it is not possible now."""
    if not may(ticket, act):
        raise ValueError(f"{act} is not possible in state {ticket.state} at level {ticket.level}")
    after = replace(ticket, state=act, acknowledge_by=None)
    if act in ("acknowledged", "in_progress"):
        return after
    after = replace(after, resolve_by=None, overdue=False)
    if act == "unresolvable":
        return replace(after, provisional=False)
    confirm = calendar.add_working_days(day, policy.integer("obstruction_confirm_working_days"))
    return replace(after, confirm_by=confirm.day, provisional=confirm.provisional)


def reported(
    ticket: Ticket, day: date, *, cleared: bool, again: bool, calendar: WorkingCalendar, policy: Policy
) -> Ticket:
    """After a look at what the bank says: `cleared`: it has withdrawn the obstruction; `again`: reported it after it was resolved.

    Clearance ends a ticket from any state. One that stands again after it was resolved or verified is reopened at the same level.
    """
    if cleared:
        if ticket.state == "verified":
            return ticket
        return Ticket(state="verified", level=ticket.level, level_since=ticket.level_since)
    if ticket.state == "verified" or (again and ticket.state == "resolved"):
        return opened(ticket.level, day, calendar, policy)
    return ticket


def climbed(ticket: Ticket, today: date, calendar: WorkingCalendar, policy: Policy) -> Ticket:
    """One level up if either clock is over; marked overdue where nothing is above, the same otherwise."""
    if ticket.state not in WORKED_ON:
        return ticket
    over = [day for day in (ticket.acknowledge_by, ticket.resolve_by) if day is not None and day < today]
    if not over:
        return ticket
    if ticket.level == LEVELS[-1]:
        return replace(ticket, overdue=True)
    return opened(LEVELS[LEVELS.index(ticket.level) + 1], today, calendar, policy)


def lead(owner: str) -> Authority:
    """Which of the two authorities leads: the owner of the cause; MIIT where it is the enterprise's own, PBoC where nobody's."""
    return "MIIT" if owner in ("MIIT", "ENTERPRISE") else "PBOC"

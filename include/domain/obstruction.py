"""Tickets for obstructions (融资梗阻工单): who has to do what by when, and which level is next.

Source: handbook section 8; the figures are the project's own (policy keys obstruction_…). The bank opens a ticket and
ends it; coordinators work on it; time moves it up. Pure: today and the bank's reports are passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from include.domain.calendar import WorkingCalendar
from include.domain.routing import LEVELS
from include.domain.states import Authority, Level, TicketAct, TicketState
from include.reference import Policy

WORKED_ON = frozenset({TicketState.OPEN, TicketState.ACKNOWLEDGED, TicketState.IN_PROGRESS})
"""States in which the coordinators have something to do and the clocks run."""

_MAY: dict[TicketState, frozenset[TicketAct]] = {
    TicketState.OPEN: frozenset(TicketAct),
    TicketState.ACKNOWLEDGED: frozenset(TicketAct) - {TicketAct.ACKNOWLEDGED},
    TicketState.IN_PROGRESS: frozenset({TicketAct.RESOLVED, TicketAct.UNRESOLVABLE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Current state of an obstruction. Days are local dates; `level_since`: the day on which this level became
    responsible.

    `acknowledge_by`, `resolve_by`: due days (24:00), None if nothing is left to do; `confirm_by`: by when the bank
    should confirm what was resolved. `overdue`: past a due day at nation level, above which there is none.
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
        state=TicketState.OPEN,
        level=level,
        level_since=day,
        acknowledge_by=acknowledge.day,
        resolve_by=resolve.day,
        provisional=acknowledge.provisional or resolve.provisional,
    )


def joined(ticket: Ticket, worked_on: Ticket) -> Ticket:
    """A ticket opened (again) while another one of its cause is being worked on: the same level, the same clocks.

    Tickets of one cause are worked as one, so that one owner answers for all of them by one day.
    """
    return worked_on if ticket.state == TicketState.OPEN and worked_on.state in WORKED_ON else ticket


def may(ticket: Ticket, act: TicketAct) -> bool:
    """Whether coordinators may do this now; unresolvable is possible at nation level only."""
    if act == TicketAct.UNRESOLVABLE and ticket.level != Level.NATION:
        return False
    return act in _MAY.get(ticket.state, frozenset())


def acted(ticket: Ticket, act: TicketAct, day: date, calendar: WorkingCalendar, policy: Policy) -> Ticket:
    """The ticket after an act of the coordinators on `day`. Raises ValueError if the act is not possible now."""
    if not may(ticket, act):
        raise ValueError(f"{act} is not possible in state {ticket.state} at level {ticket.level}")
    after = replace(ticket, state=TicketState(act), acknowledge_by=None)
    if act in (TicketAct.ACKNOWLEDGED, TicketAct.IN_PROGRESS):
        return after
    after = replace(after, resolve_by=None, overdue=False)
    if act == TicketAct.UNRESOLVABLE:
        return replace(after, provisional=False)
    confirm = calendar.add_working_days(day, policy.integer("obstruction_confirm_working_days"))
    return replace(after, confirm_by=confirm.day, provisional=confirm.provisional)


def reported(
    ticket: Ticket, day: date, *, cleared: bool, again: bool, calendar: WorkingCalendar, policy: Policy
) -> Ticket:
    """The ticket after the bank's report. `cleared`: it withdrew the obstruction; `again`: it reported it again.

    Clearance ends a ticket from any state. An obstruction reported again after resolved or verified is reopened at the
    same level.
    """
    if cleared:
        if ticket.state == TicketState.VERIFIED:
            return ticket
        return Ticket(state=TicketState.VERIFIED, level=ticket.level, level_since=ticket.level_since)
    if ticket.state == TicketState.VERIFIED or (again and ticket.state == TicketState.RESOLVED):
        return opened(ticket.level, day, calendar, policy)
    return ticket


def climbed(ticket: Ticket, today: date, calendar: WorkingCalendar, policy: Policy) -> Ticket:
    """The ticket one level up if either clock is over; at nation level marked overdue; else unchanged."""
    if ticket.state not in WORKED_ON:
        return ticket
    over = [day for day in (ticket.acknowledge_by, ticket.resolve_by) if day is not None and day < today]
    if not over:
        return ticket
    if ticket.level == LEVELS[-1]:
        return replace(ticket, overdue=True)
    return opened(LEVELS[LEVELS.index(ticket.level) + 1], today, calendar, policy)


def lead(owner: str) -> Authority:
    """The authority that leads: the owner of the cause; MIIT if the enterprise owns it, PBoC if nobody does."""
    return Authority.MIIT if owner in ("MIIT", "ENTERPRISE") else Authority.PBOC

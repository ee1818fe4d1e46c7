"""Tickets as people see them: the list, one ticket with its history, who is responsible, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from include.base.errors import NotFound
from include.domain.obstruction import Ticket
from include.domain.routing import AUTHORITIES, Assignment, Place
from include.domain.states import Authority
from include.reference import branches
from include.store import name_search
from include.store.coordinators import network
from include.store.tables import obstruction_event, obstruction_ticket
from include.words.shown import Reader


def ticket_of(row: sa.Row[Any]) -> Ticket:
    """The ticket that a row holds."""
    return Ticket(**{name: getattr(row, name) for name in Ticket.__dataclass_fields__})


def place_of(row: sa.Row[Any]) -> Place:
    """The place of the ticket's need, from a row with its newest version."""
    branch = branches().get(row.branch_code or "")
    return Place(
        city_code=row.city_code,
        department_code=row.department_code,
        branch_region=branch.region_code if branch else None,
    )


@dataclass(frozen=True, slots=True)
class Responsible:
    """One of the two authorities at the ticket's level; `leads`: it is accountable, the other one supports it."""

    authority: Authority
    leads: bool
    assignment: Assignment


def responsible(connection: sa.Connection, row: sa.Row[Any]) -> list[Responsible]:
    """Who is responsible for a ticket at its level now, the leading authority first."""
    coordinators = network(connection)
    both = [
        Responsible(one, one == row.authority, coordinators.accountable(one, row.level, place_of(row)))
        for one in AUTHORITIES
    ]
    return sorted(both, key=lambda one: not one.leads)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFilter:
    """Which tickets; an empty field asks for nothing. `settled`: ended ones as well; `words`: as in the list of needs."""

    words: str = ""
    department: str = ""
    institution: str = ""
    reason: str = ""
    level: str = ""
    state: str = ""
    overdue: bool = False
    settled: bool = False


WORKED_ON_ONLY = TicketFilter()


def tickets(
    connection: sa.Connection,
    wanted: TicketFilter = WORKED_ON_ONLY,
    *,
    role: Reader = "mail",
    rows: int | None = None,
    after: int = 0,
) -> Sequence[sa.Row[Any]]:
    """The tickets that match with their enterprise, those overdue first; each row says how many match (`total`)."""
    asked = {name: getattr(wanted, name) for name in TicketFilter.__dataclass_fields__ if name != "words"}
    named = name_search.found_by_words(connection, wanted.words, role)
    return connection.execute(_TICKETS, {**asked, "named": named, "rows": rows, "after": after}).all()


def ticket(
    connection: sa.Connection, ticket_id: int
) -> tuple[sa.Row[Any], Sequence[sa.Row[Any]], Sequence[sa.Row[Any]]]:
    """A ticket, its history, and the other tickets of its cause. Raises NotFound if there is no such ticket."""
    found = connection.execute(_TICKET, {"ticket_id": ticket_id}).one_or_none()
    if found is None:
        raise NotFound(f"没有编号为 {ticket_id} 的协调事项。", "请回到融资梗阻列表，重新选择。")
    history = connection.execute(
        sa.select(obstruction_event)
        .where(obstruction_event.c.ticket_id == ticket_id)
        .order_by(obstruction_event.c.event_id)
    ).all()
    others = connection.execute(
        sa.select(obstruction_ticket).where(
            (obstruction_ticket.c.cause == found.cause) & (obstruction_ticket.c.ticket_id != ticket_id)
        )
    ).all()
    return found, history, others


_TICKETS = sa.text(
    """
    select ticket.*, version.enterprise_name, version.uscc, version.department_code, version.quarter, version.city_code,
           version.branch_code, version.financing_need, count(*) over () as total
    from obstruction_ticket ticket join newest_need version using (need_id)
    where (:settled or ticket.state = :state or ticket.state not in ('verified', 'unresolvable'))
      and :department in ('', version.department_code) and :institution in ('', ticket.institution_code)
      and :reason in ('', ticket.reason_code) and :level in ('', ticket.level) and :state in ('', ticket.state)
      and (not :overdue or ticket.overdue)
      and (cast(:named as text[]) is null or ticket.need_id = any(cast(:named as text[])))
    order by ticket.overdue desc, coalesce(ticket.acknowledge_by, ticket.resolve_by, ticket.confirm_by), ticket.ticket_id
    limit :rows offset :after
    """
)

_TICKET = sa.text(
    """
    select ticket.*, version.enterprise_name, version.uscc, version.department_code, version.quarter, version.city_code,
           version.branch_code
    from obstruction_ticket ticket join newest_need version using (need_id)
    where ticket.ticket_id = :ticket_id
    """
)

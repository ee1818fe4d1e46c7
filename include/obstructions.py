"""Obstructions (融资梗阻) as a stage: tickets follow what institutions report, coordinators work on them, time moves them up.

Every change of state or level is an event beside the ticket and, in the same transaction, an answer to the institution in the
outbox. Tickets of one need with the same reason are worked as one; each is answered under its own id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.domain.calendar import SHANGHAI, WorkingCalendar
from include.domain.case import OTHER_REASON
from include.domain.escalation import start_level
from include.domain.obstruction import Act, Ticket, acted, climbed, lead, may, opened, reported
from include.domain.routing import Level, Place
from include.errors import InvalidRequest
from include.platforms.http import scrubbed
from include.reference import Policy, branches, enum_labels, reason_codes
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import obstruction_event, obstruction_ticket

_SYSTEM = "system"
_CONFLICTS = "select pg_advisory_xact_lock(hashtext('obstructions'))"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketSummary:
    """What a look at all tickets came to."""

    opened: int
    reopened: int
    verified: int
    climbed: int
    overdue: int


def advance(engine: sa.Engine, *, now: datetime, calendar: WorkingCalendar, policy: Policy) -> TicketSummary:
    """Open, reopen and end tickets as institutions report, and move up what is over its clocks. A second run adds nothing."""
    today = now.astimezone(SHANGHAI).date()
    with engine.begin() as connection:
        connection.execute(sa.text(_CONFLICTS))
        changes = list(_follow_reports(connection, today, now, calendar, policy))
        changes += list(_climb(connection, today, now, calendar, policy))
    return TicketSummary(
        **{name: changes.count(name) for name in ("opened", "reopened", "verified", "climbed", "overdue")}
    )


def act(
    connection: sa.Connection,
    ticket_id: int,
    what: Act,
    *,
    actor: str,
    role: str,
    note: str,
    now: datetime,
    calendar: WorkingCalendar,
    policy: Policy,
) -> int:
    """Record what the coordinators did on a ticket and all others of its cause; returns on how many.

    The note goes to the institutions; telephone numbers and addresses in it are masked. Raises InvalidRequest if the act is
    not signed, or not possible on this ticket now.
    """
    actor, note = audit.signed(actor, note)
    connection.execute(sa.text(_CONFLICTS))
    chosen = connection.execute(
        sa.select(obstruction_ticket).where(obstruction_ticket.c.ticket_id == ticket_id)
    ).one_or_none()
    if chosen is None:
        raise InvalidRequest(f"没有编号为 {ticket_id} 的梗阻工单。", "请回到工单列表，重新选择。")
    if not may(_ticket(chosen), what):
        raise InvalidRequest(
            f"工单 {ticket_id} 目前为“{STATES[chosen.state]}”（{enum_labels('coordinator.level')[chosen.level]}），不能作此处理。",
            "请刷新页面查看最新状态；“无法解决”只能在国家级认定。",
        )
    same_cause = connection.execute(
        sa.select(obstruction_ticket)
        .where(obstruction_ticket.c.cause == chosen.cause)
        .order_by(obstruction_ticket.c.ticket_id)
    ).all()
    workable = [row for row in same_cause if may(_ticket(row), what)]
    today = now.astimezone(SHANGHAI).date()
    for row in workable:
        after = acted(_ticket(row), what, today, calendar, policy)
        _change(connection, row, after, what, actor=actor, role=role, note=scrubbed(note), now=now)
    audit.record(
        connection,
        actor=actor,
        role=role,
        action=f"obstruction_{what}",
        object_=f"obstruction/{ticket_id}",
        reason=note,
        now=now,
        details={"ticket_ids": [row.ticket_id for row in workable]},
    )
    return len(workable)


STATES = {
    "open": "待接单",
    "acknowledged": "已接单",
    "in_progress": "办理中",
    "resolved": "已办结，待机构确认",
    "verified": "机构已确认",
    "unresolvable": "无法解决",
}
"""States in Chinese."""


# --- What institutions report ----------------------------------------------------------------------------------------------


def _follow_reports(
    connection: sa.Connection, today: date, now: datetime, calendar: WorkingCalendar, policy: Policy
) -> Iterator[str]:
    coordinators = network(connection)
    for row in connection.execute(_REPORTED).all():
        if row.ticket_id is None:
            if row.cleared:
                continue
            level = start_level(coordinators, _place(row), is_major=row.is_major, policy=policy)
            _open(connection, row, opened(level, today, calendar, policy), now)
            yield "opened"
            continue
        before = _ticket(row)
        again = row.resolved_at is not None and row.last_received > row.resolved_at
        after = reported(before, today, cleared=row.cleared, again=again, calendar=calendar, policy=policy)
        if after == before:
            continue
        kind = "verified" if after.state == "verified" else "reopened"
        note = (
            "对接已结束或需求已撤回"
            if row.ended
            else "机构反馈梗阻已解除"
            if kind == "verified"
            else "机构再次反馈梗阻"
        )
        _change(connection, row, after, kind, actor=row.institution_code, role="institution", note=note, now=now)
        yield kind


def _open(connection: sa.Connection, row: sa.Row[Any], ticket: Ticket, now: datetime) -> None:
    reason = row.reason_code if row.reason_code in reason_codes() else OTHER_REASON
    ticket_id: int = connection.execute(
        sa.insert(obstruction_ticket)
        .values(
            need_id=row.need_id,
            institution_code=row.institution_code,
            obstruction_id=row.obstruction_id,
            answerable=row.answerable,
            reason_code=reason,
            cause=f"{row.need_id}/{reason}",
            authority=lead(reason_codes()[reason].owner),
            is_major=row.is_major,
            opened_on=row.reported_on,
            updated_at=now,
            **asdict(ticket),
        )
        .returning(obstruction_ticket.c.ticket_id)
    ).scalar_one()
    _note(connection, ticket_id, "opened", ticket.level, row.institution_code, "institution", "机构报告融资梗阻", now)


def _place(row: sa.Row[Any]) -> Place:
    branch = branches().get(row.branch_code or "")
    return Place(
        city_code=row.city_code,
        department_code=row.department_code,
        branch_region=branch.region_code if branch else None,
    )


# --- Time ------------------------------------------------------------------------------------------------------------------


def _climb(
    connection: sa.Connection, today: date, now: datetime, calendar: WorkingCalendar, policy: Policy
) -> Iterator[str]:
    for row in connection.execute(_OVER, {"today": today}).all():
        before = _ticket(row)
        after = climbed(before, today, calendar, policy)
        if after == before:
            continue
        kind = "overdue" if after.overdue else "climbed"
        label = enum_labels("coordinator.level")[after.level]
        note = "国家级办理逾期，继续督办" if kind == "overdue" else f"逾期未办结，已转{label}协调"
        _change(connection, row, after, kind, actor=_SYSTEM, role=_SYSTEM, note=note, now=now)
        yield kind


# --- Writing ---------------------------------------------------------------------------------------------------------------


def _ticket(row: sa.Row[Any]) -> Ticket:
    return Ticket(**{name: getattr(row, name) for name in Ticket.__dataclass_fields__})


def _change(
    connection: sa.Connection,
    row: sa.Row[Any],
    after: Ticket,
    kind: str,
    *,
    actor: str,
    role: str,
    note: str,
    now: datetime,
) -> None:
    connection.execute(
        sa.update(obstruction_ticket)
        .where(obstruction_ticket.c.ticket_id == row.ticket_id)
        .values(**asdict(after), resolved_at=now if after.state == "resolved" else None, updated_at=now)
    )
    event_id = _note(connection, row.ticket_id, kind, after.level, actor, role, note, now)
    if row.answerable and (status := _STATUS.get(kind)) is not None:
        enqueue(connection, [_answer(row, event_id, status, after.level, note)], now)


_STATUS = {
    "acknowledged": "acknowledged",
    "in_progress": "in_progress",
    "resolved": "resolved",
    "unresolvable": "unresolvable",
    # The contract knows no word for a change of level: somebody is on it, at the level that the answer names.
    "climbed": "in_progress",
}


def _answer(row: sa.Row[Any], event_id: int, status: str, level: Level, note: str) -> NewDelivery:
    return NewDelivery(
        channel="market",
        action="obstruction_update",
        idempotency_key=f"obstruction:{row.ticket_id}:{event_id}",
        order_key=f"obstruction:{row.ticket_id}",
        need_id=row.need_id,
        body={
            "obstruction_id": row.obstruction_id,
            "status": status,
            "authority": row.authority,
            "level": level,
            "note": note,
        },
    )


def _note(
    connection: sa.Connection, ticket_id: int, kind: str, level: Level, actor: str, role: str, note: str, now: datetime
) -> int:
    event_id: int = connection.execute(
        sa.insert(obstruction_event)
        .values(ticket_id=ticket_id, kind=kind, level=level, actor=actor, role=role, note=note, at=now)
        .returning(obstruction_event.c.event_id)
    ).scalar_one()
    return event_id


# --- Reading ---------------------------------------------------------------------------------------------------------------


def tickets(connection: sa.Connection, *, unsettled: bool = True) -> Sequence[sa.Row[Any]]:
    """The tickets with their enterprise, those overdue first; `unsettled`: without those that came to an end."""
    return connection.execute(_TICKETS, {"unsettled": unsettled}).all()


def ticket(
    connection: sa.Connection, ticket_id: int
) -> tuple[sa.Row[Any], Sequence[sa.Row[Any]], Sequence[sa.Row[Any]]]:
    """A ticket, its history, and the other tickets of its cause. Raises InvalidRequest if there is none such."""
    found = connection.execute(_TICKET, {"ticket_id": ticket_id}).one_or_none()
    if found is None:
        raise InvalidRequest(f"没有编号为 {ticket_id} 的梗阻工单。", "请回到工单列表，重新选择。")
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


_NEWEST_VERSION = """
    join lateral (
        select enterprise_name, uscc, is_major, city_code, department_code, branch_code, quarter from need_version version
        where version.need_id = {need}.need_id order by revision desc limit 1
    ) version on true
"""

# One row an obstruction whose ticket may change. What the case path refuses (a case that was closed) opens none.
_REPORTED = sa.text(
    f"""
    with told as (
        select event.need_id, event.institution_code,
               coalesce(event.obstruction_id, event.need_id || '/' || event.institution_code) as obstruction_id,
               bool_or(event.obstruction_id is not null) as answerable,
               (array_agg(event.reason_code order by event.sequence, event.occurred_at, event.event_id))[1] as reason_code,
               min((event.occurred_at at time zone 'Asia/Shanghai')::date) as reported_on,
               max(event.received_at) as last_received
        from feedback_event event join matching_case matched using (need_id, institution_code)
        where event.type = 'obstructed'
          and not exists (
              select from jsonb_array_elements(matched.anomalies) anomaly
              where anomaly ->> 'event_id' = event.event_id
          )
        group by 1, 2, 3
    )
    select told.*, ticket.ticket_id, ticket.state, ticket.level, ticket.level_since, ticket.acknowledge_by,
           ticket.resolve_by, ticket.confirm_by, ticket.provisional, ticket.overdue, ticket.resolved_at, ticket.authority,
           version.is_major, version.city_code, version.department_code, version.branch_code,
           ended.ended, ended.ended or stands.stands is not true as cleared
    from told
    join matching_case matched using (need_id, institution_code)
    {_NEWEST_VERSION.format(need="told")}
    left join obstruction_ticket ticket using (need_id, institution_code, obstruction_id)
    left join lateral (
        select true as stands from jsonb_array_elements(matched.open_obstructions) one
        where one ->> 'obstruction_id' = told.obstruction_id
    ) stands on true
    cross join lateral (
        select matched.state = 'closed' or exists (
            select from withdrawal_notice notice where notice.need_id = told.need_id
        ) as ended
    ) ended
    order by told.need_id, told.institution_code, told.obstruction_id
    """
)

_OVER = sa.text(
    """
    select * from obstruction_ticket
    where state in ('open', 'acknowledged', 'in_progress') and (acknowledge_by < :today or resolve_by < :today)
      and not overdue
    order by ticket_id
    """
)

_TICKETS = sa.text(
    f"""
    select ticket.*, version.enterprise_name, version.uscc, version.department_code, version.quarter
    from obstruction_ticket ticket
    {_NEWEST_VERSION.format(need="ticket")}
    where not :unsettled or ticket.state not in ('verified', 'unresolvable')
    order by ticket.overdue desc, coalesce(ticket.acknowledge_by, ticket.resolve_by, ticket.confirm_by), ticket.ticket_id
    """
)

_TICKET = sa.text(
    f"""
    select ticket.*, version.enterprise_name, version.uscc, version.department_code, version.quarter
    from obstruction_ticket ticket
    {_NEWEST_VERSION.format(need="ticket")}
    where ticket.ticket_id = :ticket_id
    """
)

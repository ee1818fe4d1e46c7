"""Obstructions (融资梗阻) as a stage: tickets follow what institutions report, coordinators work on them, time moves them up.

Every change of state or level is an event beside the ticket and, in the same transaction, an answer to the institution in the
outbox. Tickets of one need with the same reason are worked as one, at one level and by one day; each is answered under its own id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, NotFound
from include.domain.case import OTHER_REASON
from include.domain.escalation import start_level
from include.domain.obstruction import WORKED_ON, Ticket, acted, climbed, joined, lead, may, opened, reported
from include.domain.states import Channel, DeliveryAction, Level, TicketAct, TicketEvent, TicketState
from include.obstructions.view import place_of, ticket_of
from include.reference import reason_codes
from include.reference.day import Day
from include.store.coordinators import network
from include.store.locks import Lock, hold
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import obstruction_event, obstruction_ticket
from include.words.shown import scrubbed
from include.words.states import word

_SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketSummary:
    """What a look at all tickets came to."""

    opened: int
    reopened: int
    verified: int
    climbed: int
    overdue: int


def advance(engine: sa.Engine, *, day: Day) -> TicketSummary:
    """Open, reopen and end tickets as institutions report, and move up what is over its clocks. A second run adds nothing."""
    with engine.begin() as connection:
        hold(connection, Lock.OBSTRUCTIONS)
        changes = follow(connection, day)
    return TicketSummary(
        **{name: changes.count(name) for name in ("opened", "reopened", "verified", "climbed", "overdue")}
    )


def follow(connection: sa.Connection, day: Day) -> list[str]:
    """As `advance`, within the caller's transaction and lock; returns what changed, by kind."""
    return [*_follow_reports(connection, day), *_climb(connection, day)]


def work_on(connection: sa.Connection, ticket_id: int, what: TicketAct, *, act: Act, day: Day) -> int:
    """Record what the coordinators did on a ticket and all others of its cause; returns on how many.

    The reason goes to the institutions; telephone numbers and addresses in it are masked. Raises InvalidRequest if the act is
    not signed, or not possible on this ticket now.
    """
    act = audit.signed(act)
    hold(connection, Lock.OBSTRUCTIONS)
    chosen = connection.execute(
        sa.select(obstruction_ticket).where(obstruction_ticket.c.ticket_id == ticket_id)
    ).one_or_none()
    if chosen is None:
        raise NotFound(f"没有编号为 {ticket_id} 的协调事项。", "请回到融资梗阻列表，重新选择。")
    if not may(ticket_of(chosen), what):
        raise InvalidRequest(
            f"协调事项{ticket_id}号目前为“{word(TicketState, chosen.state)}”（{word(Level, chosen.level)}），不能作此处理。",
            "请刷新页面查看最新状态；“协调未果”只能在国家级认定。",
        )
    same_cause = connection.execute(
        sa.select(obstruction_ticket)
        .where(obstruction_ticket.c.cause == chosen.cause)
        .order_by(obstruction_ticket.c.ticket_id)
    ).all()
    workable = [row for row in same_cause if may(ticket_of(row), what)]
    for row in workable:
        note_act(connection, row, what, act.because(scrubbed(act.reason)), day)
    audit.record(
        connection,
        act=act,
        action=audit.Action(f"obstruction_{what}"),
        object_=f"obstruction/{ticket_id}",
        details={"ticket_ids": [row.ticket_id for row in workable]},
    )
    return len(workable)


def note_act(connection: sa.Connection, row: sa.Row[Any], what: TicketAct, act: Act, day: Day) -> None:
    """Note on one ticket (a row of obstruction_ticket) what the coordinators did, if it is possible on it now."""
    if may(ticket_of(row), what):
        _change(connection, row, acted(ticket_of(row), what, day.today, day.calendar, day.policy), what, act)


# --- What institutions report ----------------------------------------------------------------------------------------------


def _follow_reports(connection: sa.Connection, day: Day) -> Iterator[str]:
    today, calendar, policy = day.today, day.calendar, day.policy
    coordinators = network(connection)
    worked_on = _worked_on(connection)
    # What ended goes first: nothing is to join it any more.
    for row in sorted(connection.execute(_REPORTED).all(), key=lambda row: not row.cleared):
        if row.ticket_id is None:
            if row.cleared:
                continue
            level = start_level(coordinators, place_of(row), is_major=row.is_major, policy=policy)
            _open(connection, row, opened(level, today, calendar, policy), worked_on, day.now)
            yield TicketEvent.OPENED
            continue
        before = ticket_of(row)
        again = row.resolved_at is not None and row.last_received > row.resolved_at
        after = reported(before, today, cleared=row.cleared, again=again, calendar=calendar, policy=policy)
        if after == before:
            continue
        kind = TicketEvent.VERIFIED if after.state == TicketState.VERIFIED else TicketEvent.REOPENED
        note = (
            "对接已结束或需求已撤回"
            if row.ended
            else "机构反馈梗阻已解除"
            if kind == TicketEvent.VERIFIED
            else "机构再次反馈梗阻"
        )
        after = worked_on.admitted(row.cause, row.ticket_id, after)
        _change(connection, row, after, kind, _by_institution(row, note, day.now))
        yield kind


class _WorkedOn:
    """The tickets that coordinators work on, by cause: what is opened beside one of them is worked on with it."""

    def __init__(self) -> None:
        self._of_cause: defaultdict[str, dict[int, Ticket]] = defaultdict(dict)

    def admitted(self, cause: str, ticket_id: int | None, ticket: Ticket) -> Ticket:
        """`ticket` as it stands beside the others of its cause; noted, unless it has no id yet."""
        of_cause = self._of_cause[cause]
        for one_id, other in of_cause.items():
            if one_id != ticket_id:
                ticket = joined(ticket, other)
                break
        if ticket_id is not None:
            self.note(cause, ticket_id, ticket)
        return ticket

    def note(self, cause: str, ticket_id: int, ticket: Ticket) -> None:
        """`ticket` stands like this now."""
        if ticket.state in WORKED_ON:
            self._of_cause[cause][ticket_id] = ticket
        else:
            self._of_cause[cause].pop(ticket_id, None)


def _worked_on(connection: sa.Connection) -> _WorkedOn:
    found = _WorkedOn()
    rows = connection.execute(
        sa.select(obstruction_ticket)
        .where(obstruction_ticket.c.state.in_(WORKED_ON))
        .order_by(obstruction_ticket.c.ticket_id)
    )
    for row in rows:
        found.note(row.cause, row.ticket_id, ticket_of(row))
    return found


def _open(connection: sa.Connection, row: sa.Row[Any], ticket: Ticket, worked_on: _WorkedOn, now: datetime) -> None:
    reason = row.reason_code if row.reason_code in reason_codes() else OTHER_REASON
    cause = f"{row.need_id}/{reason}"
    beside = worked_on.admitted(cause, None, ticket)
    stored = connection.execute(
        sa.insert(obstruction_ticket)
        .values(
            need_id=row.need_id,
            institution_code=row.institution_code,
            obstruction_id=row.obstruction_id,
            answerable=row.answerable,
            reason_code=reason,
            cause=cause,
            authority=lead(reason_codes()[reason].owner),
            is_major=row.is_major,
            opened_on=row.reported_on,
            updated_at=now,
            **asdict(beside),
        )
        .returning(obstruction_ticket)
    ).one()
    worked_on.note(cause, stored.ticket_id, beside)
    note = "机构报告融资梗阻" if beside is ticket else "机构报告融资梗阻，与同一原因的协调事项一并办理"
    _note_and_tell(connection, stored, beside, TicketEvent.OPENED, _by_institution(row, note, now))


def _by_institution(row: sa.Row[Any], note: str, now: datetime) -> Act:
    return Act(actor_id=row.institution_code, role="institution", reason=note, at=now)


# --- Time ------------------------------------------------------------------------------------------------------------------


def _climb(connection: sa.Connection, day: Day) -> Iterator[str]:
    for row in connection.execute(_OVER, {"today": day.today}).all():
        before = ticket_of(row)
        after = climbed(before, day.today, day.calendar, day.policy)
        if after == before:
            continue
        kind = TicketEvent.OVERDUE if after.overdue else TicketEvent.CLIMBED
        label = word(Level, after.level)
        note = "国家级办理逾期，继续督办" if kind == TicketEvent.OVERDUE else f"逾期未办结，已转{label}协调"
        _change(connection, row, after, kind, Act.by_stage(_SYSTEM, day.now, note))
        yield kind


# --- Writing ---------------------------------------------------------------------------------------------------------------


def _change(connection: sa.Connection, row: sa.Row[Any], after: Ticket, kind: str, act: Act) -> None:
    connection.execute(
        sa.update(obstruction_ticket)
        .where(obstruction_ticket.c.ticket_id == row.ticket_id)
        .values(**asdict(after), resolved_at=act.at if after.state == TicketState.RESOLVED else None, updated_at=act.at)
    )
    _note_and_tell(connection, row, after, kind, act)


def _note_and_tell(connection: sa.Connection, row: sa.Row[Any], after: Ticket, kind: str, act: Act) -> None:
    """Add the event to the ticket's history; answer the institution, where the contract has a word and it gave an id to answer under.

    Its words all say that somebody took it on. So one that reports a cause on which somebody is at work hears so at once, and one
    whose ticket was taken on hears of the next level; a ticket that nobody took on climbs in silence.
    """
    event_id: int = connection.execute(
        sa.insert(obstruction_event)
        .values(
            ticket_id=row.ticket_id,
            kind=kind,
            level=after.level,
            actor=act.actor_id,
            role=act.role,
            note=act.reason,
            at=act.at,
        )
        .returning(obstruction_event.c.event_id)
    ).scalar_one()
    status = _status(row.state, after.state, kind)
    if row.answerable and status in _WORDS:
        enqueue(connection, [_answer(row, event_id, status, after.level, act.reason)], act.at)


_WORDS = frozenset(map(str, TicketAct))
"""The statuses of the contract."""


def _status(before: str, after: str, kind: str) -> str:
    """What the institution is told of a change, if the contract has a word for it."""
    if kind == TicketEvent.CLIMBED:
        return before
    return after if kind in (TicketEvent.OPENED, TicketEvent.REOPENED) else kind


def _answer(row: sa.Row[Any], event_id: int, status: str, level: Level, note: str) -> NewDelivery:
    return NewDelivery(
        channel=Channel.MARKET,
        action=DeliveryAction.OBSTRUCTION_UPDATE,
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


# --- SQL -------------------------------------------------------------------------------------------------------------------

# One row an obstruction whose ticket may change. What the case path refuses (a case that was closed) opens none.
# Of the cases that something can have changed for: those with an open obstruction, or a ticket that is not over. What was verified
# and stands no longer is not read again, however much of it there is.
_REPORTED = sa.text(
    """
    with in_question as (
        select need_id, institution_code from matching_case where open_obstructions <> '[]' and state <> 'closed'
        union
        select need_id, institution_code from obstruction_ticket where state <> 'verified'
    ), reported as (
        select event.need_id, event.institution_code,
               coalesce(event.obstruction_id, event.need_id || '/' || event.institution_code) as obstruction_id,
               bool_or(event.obstruction_id is not null) as answerable,
               (array_agg(event.reason_code order by event.sequence, event.occurred_at, event.event_id))[1] as reason_code,
               min((event.counted_at at time zone 'Asia/Shanghai')::date) as reported_on,
               max(event.received_at) as last_received
        from in_question join counted_feedback event using (need_id, institution_code)
        join matching_case matched using (need_id, institution_code)
        where event.type = 'obstructed'
          and not exists (
              select from jsonb_array_elements(matched.anomalies) anomaly
              where anomaly ->> 'event_id' = event.event_id
          )
        group by 1, 2, 3
    )
    select reported.*, ticket.ticket_id, ticket.cause, ticket.state, ticket.level, ticket.level_since, ticket.acknowledge_by,
           ticket.resolve_by, ticket.confirm_by, ticket.provisional, ticket.overdue, ticket.resolved_at, ticket.authority,
           version.is_major, version.city_code, version.department_code, version.branch_code,
           ended.ended, ended.ended or stands.stands is not true as cleared
    from reported
    join matching_case matched using (need_id, institution_code)
    join newest_need version using (need_id)
    left join obstruction_ticket ticket using (need_id, institution_code, obstruction_id)
    left join lateral (
        select true as stands from jsonb_array_elements(matched.open_obstructions) one
        where one ->> 'obstruction_id' = reported.obstruction_id
    ) stands on true
    cross join lateral (
        select matched.state = 'closed' or exists (
            select from withdrawal_notice notice where notice.need_id = reported.need_id
        ) as ended
    ) ended
    order by reported.need_id, reported.institution_code, reported.obstruction_id
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

"""Consequences of a verdict: passed needs are pushed, returned ones go back with every reason at once.

A push is a function of the stored version of the need, so that it is the same whether the gate, a release or the end of
a department's stop queues it. Only its hash is queued; it is built again when it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.business_time import SHANGHAI
from include.domain.calendar import WorkingCalendar
from include.domain.push_payload import push_of
from include.domain.states import Channel, DeliveryAction
from include.gate.engine.judge import Finding, reasons
from include.reference import Policy
from include.store.database import array_of, fetch_rows
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import department_close

CHUNK = 5_000

Revision = tuple[str, int]
"""need_id and revision."""

_WANTED = """
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) wanted (need_id, revision)
    join pushable_need need on need.need_id = wanted.need_id and need.revision = wanted.revision and (
        :at_once or not exists (
            select from unclosed_need unclosed
            where unclosed.need_id = need.need_id and unclosed.revision = need.revision
        )
    )
"""
_TO_PUSH = sa.text(
    f"""
    select need.need_id, need.revision, need.quarter, need.department_code, need.branch_code, need.document
    {_WANTED} where not exists (
        select from push_unsigned waiting where waiting.need_id = need.need_id and waiting.revision = need.revision
    )
    """
)

# A need that has a push already was passed before sign-off was demanded.
_AWAIT_SIGN_OFF = sa.text(
    f"""
    insert into push_wait (need_id, revision, quarter, department_code, is_major, persons_required, since)
    select need.need_id, need.revision, need.quarter, need.department_code, coalesce(need.is_major, false), :persons, :now
    {_WANTED} where not exists (
        select from delivery push
        where push.action = 'push' and push.need_id = need.need_id and push.revision = need.revision
    )
    on conflict do nothing
    """
)
_APPROVERS = {"none": 0, "one": 1, "two": 2}

# Share-lock the stop: a concurrent decision either sees these needs or is seen here.
_AWAIT_DECISIONS = sa.text(
    """
    select from department_stop stop
    where stop.state <> 'continued' and exists (
        select from need_version version
        where version.need_id = any(cast(:need_ids as text[]))
          and version.quarter = stop.quarter and version.department_code = stop.department_code
    )
    order by stop.quarter, stop.department_code
    for share of stop
    """
)

# A push that was held back for a late finding already has its row, and with it its key.
_RESUME = sa.text(
    """
    update delivery set state = 'pending', outcome = null, settled_at = null, next_attempt_at = :now
    where idempotency_key = any(cast(:keys as text[])) and state = 'superseded' and outcome = 'late_history'
    """
)


def queue_pushes(connection: sa.Connection, needs: Sequence[Revision], now: datetime, policy: Policy) -> int:
    """Queue a push of each of these revisions that may be pushed; returns how many are new or resumed.

    A need that is not major waits for the close of its department's quarter, which queues it (ordinary_push).
    If approvers sign pushes off (push_approval), it waits for them instead, and the last signature queues it.
    """
    wanted = sorted(needs)
    approvers = _APPROVERS[policy.text("push_approval")]
    connection.execute(_AWAIT_DECISIONS, {"need_ids": array_of(need_id for need_id, _ in wanted)})
    count = 0
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        named = {
            "need_ids": array_of(need_id for need_id, _ in chunk),
            "revisions": array_of(revision for _, revision in chunk),
            "at_once": policy.text("ordinary_push") == "at_once",
        }
        if approvers:
            connection.execute(_AWAIT_SIGN_OFF, {**named, "persons": approvers, "now": now})
        found = fetch_rows(connection, _TO_PUSH, named)
        pushes = [_push(*row) for row in sorted(found)]
        new = enqueue(connection, pushes, now)
        count += new
        if new < len(pushes):
            keys = array_of(push.idempotency_key for push in pushes)
            count += connection.execute(_RESUME, {"keys": keys, "now": now}).rowcount
    return count


def close_departments(
    connection: sa.Connection, quarter: str, department_codes: Sequence[str], *, intake_id: int, now: datetime
) -> None:
    """Close the quarter of these departments, for ever: what passes of it is pushed from now on.

    Call it in the transaction that judges them; what passed early is still to be queued.
    """
    rows = [
        {"quarter": quarter, "department_code": code, "intake_id": intake_id, "closed_at": now}
        for code in department_codes
    ]
    if rows:
        connection.execute(insert(department_close).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class Return:
    """A revision to send back; all of its findings are reasons of the return."""

    need_id: str
    revision: int
    quarter: str
    department_code: str
    findings: Sequence[Finding]


def return_respond_by(now: datetime, policy: Policy, calendar: WorkingCalendar) -> date:
    """The day by which a return of today should be answered (return_respond_working_days after it)."""
    return _working_days_on(now, policy.integer("return_respond_working_days"), calendar)


def hold_decide_by(now: datetime, policy: Policy, calendar: WorkingCalendar) -> date:
    """The day by which a person should decide on what is held today (hold_decision_working_days after it; S08)."""
    return _working_days_on(now, policy.integer("hold_decision_working_days"), calendar)


def _working_days_on(now: datetime, number: int, calendar: WorkingCalendar) -> date:
    return calendar.add_working_days(now.astimezone(SHANGHAI).date(), number).day


def queue_returns(
    connection: sa.Connection, returns: Sequence[Return], *, version: str, respond_by: date, now: datetime
) -> int:
    """Queue a return (退回补正) of each of these revisions unless it was withdrawn; returns how many were new."""
    withdrawn = frozenset(
        connection.execute(
            sa.text("select need_id from withdrawal_notice where need_id = any(cast(:need_ids as text[]))"),
            {"need_ids": array_of(one.need_id for one in returns)},
        ).scalars()
    )
    kept = [_return(one, version, respond_by) for one in returns if one.need_id not in withdrawn]
    return enqueue(connection, kept, now)


def _push(
    need_id: str, revision: int, quarter: str, department_code: str, branch_code: str | None, document: str
) -> NewDelivery:
    return NewDelivery(
        channel=Channel.MARKET,
        action=DeliveryAction.PUSH,
        idempotency_key=f"push:{need_id}:{revision}",
        order_key=need_id,
        need_id=need_id,
        revision=revision,
        quarter=quarter,
        department_code=department_code,
        body_sha256=push_of(need_id, revision, branch_code, document).sha256,
    )


def _return(one: Return, version: str, respond_by: date) -> NewDelivery:
    return NewDelivery(
        channel=Channel.GREEN_PLATFORM,
        action=DeliveryAction.RETURN,
        idempotency_key=f"return:{one.need_id}:{one.revision}",
        order_key=one.need_id,
        need_id=one.need_id,
        revision=one.revision,
        quarter=one.quarter,
        department_code=one.department_code,
        body={
            "need_id": one.need_id,
            "revision": one.revision,
            "ruleset_version": version,
            "respond_by": respond_by.isoformat(),
            "reasons": reasons(one.findings),
        },
    )

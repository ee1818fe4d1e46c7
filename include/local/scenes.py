"""What a demonstration must have shown, at least once each, counted from the business database; with where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Scene:
    """Something that happens in a quarter: its name, how often it was seen, and the console's page that shows one.

    `address` is relative to the console; where nothing was seen, that of the page where it would be.
    """

    name: str
    count: int
    address: str


@dataclass(frozen=True, slots=True)
class _Looked:
    """How a scene is found: a query of (count, key of an example), and the address of a page with a place for the key."""

    name: str
    address: str
    found: sa.TextClause


def scenes(connection: sa.Connection, quarter: str, cut_off: datetime) -> list[Scene]:
    """Every scene, in the order of a quarter. `cut_off`: when the quarter's last working day ended."""
    seen = []
    for one in _SCENES:
        count, key = connection.execute(one.found, {"quarter": quarter, "cut_off": cut_off}).one()
        seen.append(Scene(one.name, count, one.address.format(key="" if key is None else key).rstrip("/")))
    return seen


def missing(shown: Sequence[Scene]) -> list[str]:
    """The names of the scenes that did not happen."""
    return [scene.name for scene in shown if not scene.count]


_CORRECTED = """
    select count(distinct push.need_id), min(push.need_id) from delivered_push push
    where push.quarter = :quarter and exists (
        select from judgement before
        where before.need_id = push.need_id and before.revision < push.revision and before.verdict = 'returned'
    )
"""
_MAJOR = """
    select count(*), min(push.need_id) from delivered_push push
    join need_version version using (need_id, revision)
    where version.is_major and push.pushed_at between
        (version.document::jsonb -> 'review' ->> 'recommended_at')::timestamptz
        and (version.document::jsonb -> 'review' ->> 'recommended_at')::timestamptz + interval '1 hour'
"""
_LATE = """
    select count(distinct entry.department_code), null
    from manifest_entry entry join intake using (intake_id)
    where intake.quarter = :quarter and entry.reported_at >= :cut_off
"""
_STOP = "select count(*), null from department_stop where quarter = :quarter and state <> 'open'"
_TWO_PERSONS = """
    select count(*), min(quarantine_id) from quarantine
    where state = 'released' and (
        select count(distinct actor) from quarantine_event event
        where event.quarantine_id = quarantine.quarantine_id and event.role = 'operator'
    ) > 1
"""
_RESENT = """
    select count(distinct delivery_id), min(delivery_id) from rerun_item join delivery using (delivery_id)
    where rerun_item.state_before = 'held' and delivery.state = 'delivered' and delivery.channel = 'market'
"""
_OUTAGE = """
    select count(distinct delivery_id), min(delivery_id) from delivery
    where channel = 'mail' and state = 'delivered' and exists (
        select from delivery_attempt attempt
        where attempt.delivery_id = delivery.delivery_id and attempt.error_class is not null
    )
"""
_OBSTRUCTION = """
    select count(*), min(ticket_id) from obstruction_ticket ticket
    where state = 'verified' and exists (
        select from obstruction_event event
        where event.ticket_id = ticket.ticket_id and event.kind = 'acknowledged' and event.role = 'coordinator'
    ) and exists (
        select from obstruction_event event where event.ticket_id = ticket.ticket_id and event.kind = 'resolved'
    )
"""
_WITHDRAWAL = """
    select count(*), min(need_id) from withdrawal_request
    join withdrawal_decision using (request_id) where decision = 'confirmed' and decided_by <> requested_by
"""
_EXTENSION = """
    select count(*), min(need_id) from deadline_extension
    join deadline_extension_decision using (extension_id) where approved and decided_by <> requested_by
"""
_ALERT = "select count(*), min(need_id) from alert where state = 'confirmed'"
_CIRCULAR = "select count(*), min(quarter) from report where kind = 'circular' and quarter = :quarter"

_SCENES: tuple[_Looked, ...] = tuple(
    _Looked(name, address, sa.text(found))
    for name, address, found in (
        ("补正后通过并推送", "needs/{key}", _CORRECTED),
        ("重大需求一小时内送达", "needs/{key}", _MAJOR),
        ("主管部门迟报", "", _LATE),
        ("暂停推送的地区已决定", "stops", _STOP),
        ("两人核实通过", "holds/{key}", _TWO_PERSONS),
        ("被拒推送查明后重新送达", "deliveries/{key}", _RESENT),
        ("通道中断后送完", "deliveries/{key}", _OUTAGE),
        ("融资梗阻经邮件链接受理、办结并由机构确认", "obstructions/{key}", _OBSTRUCTION),
        ("两人撤回需求", "needs/{key}", _WITHDRAWAL),
        ("两人批准延期", "deadlines?need_id={key}", _EXTENSION),
        ("确认警示", "needs/{key}", _ALERT),
        ("信息通报已起草", "circular/{key}", _CIRCULAR),
    )
)

"""The outbox: the only way anything leaves the system.

A decision and what it sends are written in one transaction: the caller passes its own connection. The idempotency key
never expires, so that deciding again (a re-run, a doubled task) adds nothing.

Bodies, by action:

- push: none is stored, but its hash: it is a function of the stored need (include/domain/push_payload.py);
  key `push:<need_id>:<revision>`
- return, progress: as the green platform's contract says; keys `return:<need_id>:<revision>`, `progress:<sha256 of the content>`
- withdrawal: {need_id, revision, reason_code, note}; key `withdrawal:<need_id>`
- obstruction_update: {obstruction_id, status, authority, level, note}
- mail: {to, subject, text, html, list_id, references}, and with files: attachments [{filename, content_type, base64}]
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from include.domain.states import Channel, DeliveryAction, Outcome
from include.store.database import copy_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One thing to send.

    `body` is what the receiver gets, frozen now, without personal data. A push has `body_sha256` instead: its body is built from
    the stored need and its contact when it is sent. `order_key` groups the deliveries of a channel that must not overtake each
    other (the need_id; None for mails).
    """

    channel: Channel
    action: DeliveryAction
    idempotency_key: str
    body: Mapping[str, Any] | None = None
    body_sha256: str | None = None
    need_id: str | None = None
    revision: int | None = None
    quarter: str | None = None
    department_code: str | None = None
    order_key: str | None = None


def enqueue(connection: Connection, deliveries: Sequence[NewDelivery], now: datetime) -> int:
    """Write `deliveries` into the outbox, due at `now`; returns how many were new.

    A key seen before is left as it is, whatever its state. With another body it is refused: the receiver would answer
    conflict. The refusal is noted, once, among the attempts of what has the key, and logged; a mail's wording may change.
    """
    if not deliveries:
        return 0
    made = [_row(new) for new in deliveries]
    connection.execute(_STAGE)
    connection.execute(text("alter table queued alter column body set storage external"))
    copy_rows(connection, "queued", _COLUMNS, ((place, *row.values()) for place, row in enumerate(made)))
    inserted = connection.execute(_ENQUEUE, {"now": now}).rowcount
    connection.execute(text("truncate queued"))
    if inserted < len(made):
        _refuse_other_bodies(connection, made, now)
    return inserted


def _refuse_other_bodies(connection: Connection, made: Sequence[Mapping[str, Any]], now: datetime) -> None:
    bound = {row["idempotency_key"]: row["body_sha256"] for row in made if row["channel"] != Channel.MAIL}
    asked = {"keys": list(bound), "hashes": list(bound.values()), "outcome": Outcome.KEY_REUSED, "now": now}
    for key in connection.execute(_REFUSE_OTHER_BODIES, asked).scalars():
        log.error("%s: queued again with another body, refused; what was queued first stays as it is", key)


def _row(new: NewDelivery) -> dict[str, Any]:
    body = None if new.body is None else msgspec.json.encode(new.body, order="sorted")
    return {
        "channel": new.channel,
        "action": new.action,
        "idempotency_key": new.idempotency_key,
        "body": body.decode() if body is not None else None,
        "body_sha256": hashlib.sha256(body).hexdigest() if body is not None else new.body_sha256,
        "need_id": new.need_id,
        "revision": new.revision,
        "quarter": new.quarter,
        "department_code": new.department_code,
        "order_key": f"{new.channel}:{new.order_key}" if new.order_key else None,
    }


_COLUMNS = (
    *("place", "channel", "action", "idempotency_key", "body", "body_sha256", "need_id", "revision", "quarter"),
    *("department_code", "order_key"),
)
_STAGE = text(
    """
    create temporary table if not exists queued (
        place integer, channel text, action text, idempotency_key text, body text, body_sha256 text, need_id text,
        revision integer, quarter text, department_code text, order_key text
    ) with (toast_tuple_target = 8160) on commit delete rows
    """
)

# In the order given: deliveries of one order_key leave in the order of their ids.
_ENQUEUE = text(
    """
    insert into delivery (channel, action, idempotency_key, body, body_sha256, need_id, revision, quarter, department_code,
                          order_key, state, created_at, next_attempt_at)
    select channel, action, idempotency_key, body, body_sha256, need_id, revision, quarter, department_code,
           order_key, 'pending', :now, :now
    from queued
    order by place
    on conflict (idempotency_key) do nothing
    """
)

# No error_class: it is no failed try of what has the key.
_REFUSE_OTHER_BODIES = text(
    """
    insert into delivery_attempt (delivery_id, kind, worker, attempted_at, outcome, detail)
    select delivery.delivery_id, 'check', 'outbox', :now, :outcome, '同一幂等键以不同内容再次入列，已拒绝；内容 ' || new.hash
    from unnest(cast(:keys as text[]), cast(:hashes as text[])) as new (key, hash)
    join delivery on delivery.idempotency_key = new.key and delivery.body_sha256 not in (new.hash, '')
    where not exists (
        select from delivery_attempt earlier
        where earlier.delivery_id = delivery.delivery_id and earlier.outcome = :outcome
          and earlier.detail like '%' || new.hash
    )
    returning (select idempotency_key from delivery one where one.delivery_id = delivery_attempt.delivery_id)
    """
)

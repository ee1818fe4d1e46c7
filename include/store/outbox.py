"""The outbox: the only way anything leaves the system.

A decision and what it sends are written in one transaction: the caller passes its own connection. The idempotency key
never expires, so that deciding again (a re-run, a doubled task) adds nothing.

Bodies, by action:

- push: {need_id, revision, quarter, is_major, branch_code, intended_institutions, payload: {enterprise, project, finance,
  benefit}}, where enterprise has no contact yet; key `push:<need_id>:<revision>`
- return, progress: as the green platform's contract says; keys `return:<need_id>:<revision>`, `progress:<sha256 of the content>`
- withdrawal: {need_id, revision, reason_code, note}; key `withdrawal:<need_id>`
- obstruction_update: {obstruction_id, status, authority, level, note}
- mail: {to, subject, text, html, list_id, references}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text

Channel = Literal["market", "green_platform", "mail"]
Action = Literal["push", "withdrawal", "return", "progress", "obstruction_update", "mail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One thing to send.

    `body` is what the receiver gets, frozen now, without personal data; a push gets the contact's name and mobile from
    the contact table at the moment of sending. `order_key` groups the deliveries of a channel that must not overtake each
    other (the need_id; None for mails).
    """

    channel: Channel
    action: Action
    idempotency_key: str
    body: Mapping[str, Any]
    need_id: str | None = None
    revision: int | None = None
    quarter: str | None = None
    department_code: str | None = None
    order_key: str | None = None


def enqueue(connection: Connection, deliveries: Sequence[NewDelivery], now: datetime) -> int:
    """Write `deliveries` into the outbox, due at `now`; returns how many were new.

    A key seen before is left as it is, whatever its state.
    """
    if not deliveries:
        return 0
    rows = json.dumps([_row(new) for new in deliveries], ensure_ascii=False)
    return connection.execute(_ENQUEUE, {"rows": rows, "now": now}).rowcount


def _row(new: NewDelivery) -> dict[str, Any]:
    body = json.dumps(new.body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {
        "channel": new.channel,
        "action": new.action,
        "idempotency_key": new.idempotency_key,
        "body": body,
        "body_sha256": hashlib.sha256(body.encode()).hexdigest(),
        "need_id": new.need_id,
        "revision": new.revision,
        "quarter": new.quarter,
        "department_code": new.department_code,
        "order_key": f"{new.channel}:{new.order_key}" if new.order_key else None,
    }


# In the order given: deliveries of one order_key leave in the order of their ids.
_ENQUEUE = text(
    """
    insert into delivery (channel, action, idempotency_key, body, body_sha256, need_id, revision, quarter, department_code,
                          order_key, state, created_at, next_attempt_at)
    select channel, action, idempotency_key, body, body_sha256, need_id, revision, quarter, department_code,
           order_key, 'pending', :now, :now
    from rows from (json_to_recordset(cast(:rows as json)) as (
        channel text, action text, idempotency_key text, body text, body_sha256 text, need_id text, revision integer,
        quarter text, department_code text, order_key text
    )) with ordinality as new (channel, action, idempotency_key, body, body_sha256, need_id, revision, quarter,
                               department_code, order_key, place)
    order by place
    on conflict (idempotency_key) do nothing
    """
)

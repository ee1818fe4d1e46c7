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
    columns = zip(*(_row(new) for new in deliveries), strict=True)
    given: dict[str, Any] = dict(zip(_COLUMNS, map(list, columns), strict=True))
    return connection.execute(_ENQUEUE, {**given, "now": now}).rowcount


def _row(new: NewDelivery) -> tuple[Any, ...]:
    body = json.dumps(new.body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return (
        new.channel,
        new.action,
        new.idempotency_key,
        body,
        hashlib.sha256(body.encode()).hexdigest(),
        new.need_id,
        new.revision,
        new.quarter,
        new.department_code,
        f"{new.channel}:{new.order_key}" if new.order_key else None,
    )


_COLUMNS = (
    "channel",
    "action",
    "idempotency_key",
    "body",
    "body_sha256",
    "need_id",
    "revision",
    "quarter",
    "department_code",
    "order_key",
)
_LISTS = ", ".join(f"cast(:{name} as {'integer' if name == 'revision' else 'text'}[])" for name in _COLUMNS)

# In the order given: deliveries of one order_key leave in the order of their ids.
_ENQUEUE = text(
    f"""
    insert into delivery ({", ".join(_COLUMNS)}, state, created_at, next_attempt_at)
    select {", ".join(_COLUMNS)}, 'pending', :now, :now
    from unnest({_LISTS}) with ordinality as new ({", ".join(_COLUMNS)}, place)
    order by place
    on conflict (idempotency_key) do nothing
    """
)

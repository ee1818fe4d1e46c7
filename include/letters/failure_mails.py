"""Of which failed runs (运行失败) the operators were notified: mails that were sent, and those that wait in the outbox.

A failure mail bypasses the outbox, because the delivery may be what failed. It is recorded there all the same: as
delivered once it was sent; else it waits, and the delivery sends it as soon as the mail server is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include.domain.states import Channel, DeliveryAction
from include.store.outbox import NewDelivery, enqueue

_LISTED = 20


def notified_on(connection: sa.Connection, dag_id: str, day: date) -> bool:
    """Whether a mail was sent about a run of this DAG that failed on `day` (Asia/Shanghai)."""
    told: bool = connection.execute(_TOLD, {"prefix": key_of(dag_id, ""), "day": day}).scalar_one()
    return told


def waiting_runs(connection: sa.Connection) -> list[str]:
    """Failed runs whose mails wait, each as `dag/run`, the latest first; at most 20."""
    rows = connection.execute(_WAITING, {"prefix": _PREFIX, "most": _LISTED}).scalars()
    return [key.removeprefix(_PREFIX).replace(":", "/", 1) for key in rows]


def note(connection: sa.Connection, key: str, mail: Mapping[str, Any], *, left: bool, now: datetime) -> None:
    """Record the mail with this key: it has `left`, or it waits in the outbox."""
    new = NewDelivery(channel=Channel.MAIL, action=DeliveryAction.MAIL, idempotency_key=key, body=mail)
    enqueue(connection, [new], now)
    if left:
        connection.execute(_LEFT, {"key": new.idempotency_key, "now": now})


_PREFIX = "failure:"


def key_of(dag_id: str, run_id: str) -> str:
    """The idempotency key of the mail about this run; its Message-ID too, so that a mail program sees one mail."""
    return f"{_PREFIX}{dag_id}:{run_id}"


_TOLD = sa.text(
    """
    select exists (
        select from delivery
        where channel = 'mail' and starts_with(idempotency_key, :prefix) and state = 'delivered'
          and (created_at at time zone 'Asia/Shanghai')::date = :day
    )
    """
)
_WAITING = sa.text(
    """
    select idempotency_key from delivery
    where channel = 'mail' and starts_with(idempotency_key, :prefix) and state in ('pending', 'held')
    order by delivery_id desc limit :most
    """
)
_LEFT = sa.text(
    """
    update delivery set state = 'delivered', outcome = 'accepted', settled_at = :now
    where idempotency_key = :key and state = 'pending' and lease_owner is null
    """
)

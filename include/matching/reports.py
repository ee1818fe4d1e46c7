"""The progress of a need (对接进度), reported to the green platform whenever it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from include.domain.progress import Progress
from include.domain.states import Channel, DeliveryAction
from include.store.database import array_of
from include.store.outbox import NewDelivery, enqueue


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedProgress:
    """The progress of a need, with its revision and department."""

    need_id: str
    revision: int
    quarter: str
    department_code: str
    reached: Progress


def queue_progress(connection: sa.Connection, needs: Sequence[NeedProgress], now: datetime) -> int:
    """Queue a report for each need whose last report differs, or that has none; returns how many.

    The caller serialises folds: what is reported depends on what was reported before.
    """
    told = {
        row.need_id: row
        for row in connection.execute(_LAST_PROGRESS, {"need_ids": array_of(n.need_id for n in needs)}).all()
    }
    deliveries = []
    for need in needs:
        content = _content(need.reached)
        last = told.get(need.need_id)
        before = msgspec.json.decode(last.body) if last else {}
        if content != {name: before.get(name) for name in content}:
            # The key includes the report before: a need that falls back to an earlier stage is reported again.
            key = _digest({"need_id": need.need_id, **content, "after": last.idempotency_key if last else None})
            deliveries.append(_delivery(need, content, f"progress:{key}", now))
    return enqueue(connection, deliveries, now)


def _delivery(need: NeedProgress, content: Mapping[str, Any], key: str, now: datetime) -> NewDelivery:
    as_of = now.isoformat(timespec="seconds")
    return NewDelivery(
        channel=Channel.GREEN_PLATFORM,
        action=DeliveryAction.PROGRESS,
        idempotency_key=key,
        order_key=need.need_id,
        need_id=need.need_id,
        revision=need.revision,
        quarter=need.quarter,
        department_code=need.department_code,
        body={"need_id": need.need_id, "revision": need.revision, "as_of": as_of, **content},
    )


def _content(reached: Progress) -> dict[str, Any]:
    return {
        "stage": reached.stage,
        "institutions": reached.institutions,
        "approved_amount": f"{reached.approved_amount:.2f}",
        "drawn_amount": f"{reached.drawn_amount:.2f}",
    }


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


_LAST_PROGRESS = sa.text(
    """
    select distinct on (need_id) need_id, idempotency_key, body
    from delivery
    where need_id = any(cast(:need_ids as text[])) and action = 'progress'
    order by need_id, delivery_id desc
    """
)

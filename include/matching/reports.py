"""The progress of a need (对接进度), told to the green platform whenever it changed."""

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
from include.store.outbox import NewDelivery, enqueue


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedProgress:
    """What there is to tell of a need, and the revision and department that it is told for."""

    need_id: str
    revision: int
    quarter: str
    department_code: str
    reached: Progress


def queue_progress(connection: sa.Connection, needs: Sequence[NeedProgress], now: datetime) -> int:
    """Queue a report for each need of which something else was told last, or nothing yet; returns how many.

    The caller keeps folds apart: what is told depends on what was told before.
    """
    told = {row.need_id: row for row in connection.execute(_LAST_PROGRESS, {"need_ids": [n.need_id for n in needs]})}
    deliveries = []
    for need in needs:
        content = _content(need.reached)
        last = told.get(need.need_id)
        before = msgspec.json.decode(last.body) if last else {}
        if content != {name: before.get(name) for name in content}:
            # The key rests on the report before as well: a need that falls back to an earlier stage is told so again.
            key = _digest({"need_id": need.need_id, **content, "after": last.idempotency_key if last else None})
            deliveries.append(_delivery(need, content, f"progress:{key}", now))
    return enqueue(connection, deliveries, now)


def _delivery(need: NeedProgress, content: Mapping[str, Any], key: str, now: datetime) -> NewDelivery:
    as_of = now.isoformat(timespec="seconds")
    return NewDelivery(
        channel="green_platform",
        action="progress",
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
    where need_id = any(:need_ids) and action = 'progress'
    order by need_id, delivery_id desc
    """
)

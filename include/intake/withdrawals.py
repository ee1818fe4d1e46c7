"""Needs that were withdrawn on the platform, and what becomes of their pushes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.intake.items import usable_need_id, usable_revision
from include.platforms.green_platform import GreenPlatformClient
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import (
    delivery,
    withdrawal_notice,
)


def pull_withdrawals(engine: sa.Engine, client: GreenPlatformClient, quarter: str, now: datetime) -> int:
    """Note the needs of `quarter` that were withdrawn on the platform and take their pushes back.

    A push that has not been tried is superseded; one that may have arrived is followed by a withdrawal.
    Returns how many withdrawals are new.
    """
    listed = [
        json.loads(item) for page in client.need_listing(quarter=quarter, status="withdrawn") for item in page.items
    ]
    rows = [
        {
            "need_id": item["need_id"],
            "revision": item["revision"],
            "reason_code": "withdrawn_by_enterprise",
            "noticed_at": now,
        }
        for item in listed
        if isinstance(item, dict) and usable_need_id(item) is not None and usable_revision(item) is not None
    ]
    if not rows:
        return 0
    with engine.begin() as connection:
        fresh = list(
            connection.execute(
                insert(withdrawal_notice).on_conflict_do_nothing().returning(withdrawal_notice.c.need_id), rows
            ).scalars()
        )
        _take_back_pushes(connection, fresh, now)
    return len(fresh)


def _take_back_pushes(connection: sa.Connection, need_ids: Sequence[str], now: datetime) -> None:
    push = (delivery.c.action == "push") & delivery.c.need_id.in_(need_ids)
    untried = (delivery.c.state == "pending") & (delivery.c.attempts == 0) & delivery.c.lease_owner.is_(None)
    connection.execute(
        sa.update(delivery).where(push & untried).values(state="superseded", outcome="withdrawn", settled_at=now)
    )
    sent = connection.execute(
        sa.select(
            delivery.c.need_id, sa.func.max(delivery.c.revision).label("revision"), sa.func.max(delivery.c.quarter)
        )
        .where(push & delivery.c.state.in_(("pending", "unknown", "delivered")))
        .group_by(delivery.c.need_id)
    )
    enqueue(
        connection,
        [
            NewDelivery(
                channel="market",
                action="withdrawal",
                idempotency_key=f"withdrawal:{need_id}",
                order_key=need_id,
                need_id=need_id,
                revision=revision,
                quarter=quarter,
                body={"need_id": need_id, "revision": revision, "reason_code": "withdrawn_by_enterprise"},
            )
            for need_id, revision, quarter in sent
        ],
        now,
    )

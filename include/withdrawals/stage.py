"""Withdrawing needs: the notice, and the consequences for their pushes.

Reason codes are those of the credit-market platform: withdrawn_by_enterprise, factory_removed, duplicate_project,
false_information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.act import Act
from include.domain.states import Channel, DeliveryAction
from include.quarantine.closing import close_overtaken
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import delivery, withdrawal_notice
from include.words.withdrawals import NOTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A need to withdraw, with one of its revisions; `intake_id`: the intake that noticed it, None: by decision."""

    need_id: str
    revision: int
    reason_code: str
    intake_id: int | None = None


def withdraw(connection: sa.Connection, withdrawals: Sequence[Withdrawal], now: datetime) -> list[str]:
    """Store these withdrawals and take back the pushes of the new ones; returns the need_ids of the new ones.

    A push that has not been tried is superseded; one that may have arrived is followed by a withdrawal.
    """
    if not withdrawals:
        return []
    rows = [
        {
            "need_id": one.need_id,
            "revision": one.revision,
            "reason_code": one.reason_code,
            "noticed_at": now,
            "intake_id": one.intake_id,
        }
        for one in withdrawals
    ]
    fresh = list(
        connection.execute(
            insert(withdrawal_notice).on_conflict_do_nothing().returning(withdrawal_notice.c.need_id), rows
        ).scalars()
    )
    _take_back_pushes(connection, fresh, now)
    close_overtaken(connection, act=Act.by_stage("withdrawal", now))
    return fresh


def _take_back_pushes(connection: sa.Connection, need_ids: Sequence[str], now: datetime) -> None:
    push = (delivery.c.action == "push") & delivery.c.need_id.in_(need_ids)
    untried = (delivery.c.state == "pending") & (delivery.c.attempts == 0) & delivery.c.lease_owner.is_(None)
    connection.execute(
        sa.update(delivery).where(push & untried).values(state="superseded", outcome="withdrawn", settled_at=now)
    )
    sent = connection.execute(
        sa.select(
            delivery.c.need_id,
            withdrawal_notice.c.reason_code,
            sa.func.max(delivery.c.revision).label("revision"),
            sa.func.max(delivery.c.quarter).label("quarter"),
        )
        .join(withdrawal_notice, withdrawal_notice.c.need_id == delivery.c.need_id)
        .where(push & delivery.c.state.in_(("pending", "unknown", "delivered")))
        .group_by(delivery.c.need_id, withdrawal_notice.c.reason_code)
    )
    enqueue(
        connection,
        [
            NewDelivery(
                channel=Channel.MARKET,
                action=DeliveryAction.WITHDRAWAL,
                idempotency_key=f"withdrawal:{row.need_id}",
                order_key=row.need_id,
                need_id=row.need_id,
                revision=row.revision,
                quarter=row.quarter,
                body={
                    "need_id": row.need_id,
                    "revision": row.revision,
                    "reason_code": row.reason_code,
                    **({"note": NOTES[row.reason_code]} if row.reason_code in NOTES else {}),
                },
            )
            for row in sent
        ],
        now,
    )

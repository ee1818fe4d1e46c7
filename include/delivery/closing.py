"""Closing held deliveries (放弃发送): they stay visible until a person closes them with a reason."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.store.tables import delivery


def close(
    connection: sa.Connection, delivery_ids: Collection[int], *, actor: str, role: str, reason: str, now: datetime
) -> int:
    """Close held deliveries for good, with one audit entry; returns how many.

    Raises InvalidRequest, and changes nothing, if actor or reason is missing or one of them is not held (any more).
    """
    act = audit.signed(Act(actor_id=actor, role=role, reason=reason, at=now))
    actor, reason = act.actor_id, act.reason
    wanted = sorted(set(delivery_ids))
    if not wanted:
        raise InvalidRequest("没有选择要关闭的内容。", "请至少勾选一条后重新提交。")
    held = connection.execute(
        sa.select(delivery.c.delivery_id)
        .where(delivery.c.delivery_id.in_(wanted) & (delivery.c.state == "held"))
        .with_for_update()
    ).scalars()
    missing = sorted(set(wanted) - set(held))
    if missing:
        raise InvalidRequest(
            f"编号 {'、'.join(map(str, missing))} 已不在待处理之列。", "请刷新列表，核对最新状态后重新提交。"
        )
    connection.execute(
        sa.update(delivery).where(delivery.c.delivery_id.in_(wanted)).values(state="closed", settled_at=now)
    )
    audit.record(connection, act=act, action="close_deliveries", object_="delivery", details={"delivery_ids": wanted})
    return len(wanted)

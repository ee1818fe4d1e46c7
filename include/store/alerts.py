"""Alerts (警示): raising and closing them. One for each rule and need, or rule and case; later findings are added to it.

An alert that a person cleared or confirmed is never raised again; one that was closed because it was no longer true, is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

_RAISE = sa.text(
    """
    with raised as (
        insert into alert (rule_id, need_id, severity, state, opened_at)
        select :rule_id, need_id, :severity, 'open', :now from unnest(cast(:need_ids as text[])) need_id
        on conflict (rule_id, need_id, institution_code)
            do update set state = 'open', opened_at = excluded.opened_at, settled_at = null
            where alert.state = 'closed'
        returning alert_id
    )
    insert into alert_event (alert_id, kind, actor, role, reason, at)
    select alert_id, 'opened', :actor, 'system', :reason, :now from raised
    """
)
_CLOSE = sa.text(
    """
    with closed as (
        update alert set state = 'closed', settled_at = :now
        where rule_id = :rule_id and institution_code = '' and state = 'open' and need_id = any(:need_ids)
        returning alert_id
    )
    insert into alert_event (alert_id, kind, actor, role, reason, at)
    select alert_id, 'closed', :actor, 'system', :reason, :now from closed
    """
)


def raise_alerts(
    connection: sa.Connection,
    rule_id: str,
    need_ids: Sequence[str],
    *,
    severity: Literal["hold", "warn"],
    actor: str,
    reason: str,
    now: datetime,
) -> int:
    """Open an alert of `rule_id` on each of these needs that has none; returns how many were opened."""
    return connection.execute(
        _RAISE,
        {
            "rule_id": rule_id,
            "need_ids": list(need_ids),
            "severity": severity,
            "actor": actor,
            "reason": reason,
            "now": now,
        },
    ).rowcount


def close_alerts(
    connection: sa.Connection, rule_id: str, need_ids: Sequence[str], *, actor: str, reason: str, now: datetime
) -> int:
    """Close the open alerts of `rule_id` on these needs, as no longer true; returns how many were closed."""
    return connection.execute(
        _CLOSE, {"rule_id": rule_id, "need_ids": list(need_ids), "actor": actor, "reason": reason, "now": now}
    ).rowcount

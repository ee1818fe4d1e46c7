"""Alerts (警示) as the console shows them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from include.store.tables import alert

_OPEN = sa.text(
    """
    select alert_id, rule_id, need_id, institution_code, severity, opened_at, persons_required,
           version.quarter, version.department_code, version.uscc, version.enterprise_name,
           array(
               select ground from alert_ground where alert_ground.alert_id = alert.alert_id order by ground
           ) as grounds,
           array(
               select array[decision, actor, reason] from alert_agreement agreed
               where agreed.alert_id = alert.alert_id order by event_id
           ) as agreed
    from alert left join newest_need version using (need_id)
    where state = 'open' order by severity, opened_at, alert_id
    """
)


def open_alerts(connection: sa.Connection) -> list[sa.Row[Any]]:
    """The open alerts with their grounds and their needs: holds before notes, the oldest first."""
    return list(connection.execute(_OPEN))


def open_count(connection: sa.Connection) -> int:
    """How many alerts are open."""
    number: int = connection.execute(sa.select(sa.func.count()).where(alert.c.state == "open")).scalar_one()
    return number

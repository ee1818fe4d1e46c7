"""The coordinators (协调人) as last listed by the green platform."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from include.domain.routing import Coordinator, Network
from include.store.tables import coordinator
from include.words.names import post_label


def posts(connection: sa.Connection) -> dict[str, str]:
    """The post of every coordinator of the roster, on duty or not, in words, by id."""
    return {
        row.coordinator_id: post_label(row.authority, row.level, row.region_code)
        for row in connection.execute(sa.select(coordinator).order_by(coordinator.c.position))
    }


def on_duty(connection: sa.Connection, coordinator_id: str) -> Coordinator | None:
    """This coordinator of the roster; None if he is not on duty, or not in it."""
    row = connection.execute(
        sa.select(coordinator).where((coordinator.c.coordinator_id == coordinator_id) & coordinator.c.on_duty)
    ).one_or_none()
    return None if row is None else _coordinator(row)


def network(connection: sa.Connection) -> Network:
    """Who is on duty at which post, in the listing's order."""
    rows = connection.execute(sa.select(coordinator).order_by(coordinator.c.position))
    return Network(map(_coordinator, rows))


def _coordinator(row: sa.Row[Any]) -> Coordinator:
    return Coordinator(
        coordinator_id=row.coordinator_id,
        authority=row.authority,
        level=row.level,
        region_code=row.region_code,
        role=row.role,
        email=row.email,
        on_duty=row.on_duty,
    )

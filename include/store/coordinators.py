"""The coordinators (协调人) as last listed by the green platform."""

from __future__ import annotations

import sqlalchemy as sa

from include.domain.routing import Coordinator, Network
from include.store.tables import coordinator


def network(connection: sa.Connection) -> Network:
    """Who is on duty at which post, in the listing's order."""
    rows = connection.execute(sa.select(coordinator).order_by(coordinator.c.position))
    return Network(
        Coordinator(
            coordinator_id=row.coordinator_id,
            authority=row.authority,
            level=row.level,
            region_code=row.region_code,
            role=row.role,
            email=row.email,
            on_duty=row.on_duty,
        )
        for row in rows
    )

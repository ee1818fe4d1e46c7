"""What the console shows of an intake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from include.store.tables import amendment, intake, need_version


def newest_quarters(connection: sa.Connection, at_most: int) -> Sequence[str]:
    """The newest quarters that were taken in, the newest first; dry runs do not count."""
    return (
        connection.execute(
            sa.select(intake.c.quarter)
            .where(~intake.c.dry_run)
            .distinct()
            .order_by(intake.c.quarter.desc())
            .limit(at_most)
        )
        .scalars()
        .all()
    )


def newest_with_needs(connection: sa.Connection) -> str | None:
    """The newest quarter that was taken in and of which a need is stored; None without any."""
    stored = sa.exists().where(need_version.c.quarter == intake.c.quarter)
    newest: str | None = connection.execute(
        sa.select(sa.func.max(intake.c.quarter)).where(~intake.c.dry_run, stored)
    ).scalar_one()
    return newest


def amendments(
    connection: sa.Connection, need_id: str | None, revision: int | None, at_most: int
) -> Sequence[sa.Row[Any, Any, Any, Any]]:
    """What a revision changed, by field: (field, before, after, personal); values are JSON texts."""
    return connection.execute(
        sa.select(amendment.c.field, amendment.c.before, amendment.c.after, amendment.c.personal)
        .where((amendment.c.need_id == need_id) & (amendment.c.revision == revision))
        .order_by(amendment.c.field)
        .limit(at_most)
    ).all()

"""How far the listing of a quarter was read, so that the next review asks only for what changed since."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.states import IntakeKind
from include.store.tables import listing_cursor

OVERLAP = timedelta(days=1)
"""Read again before the cursor: for a change that the platform shows late, or dates by a clock that is behind."""


def read_until(connection: sa.Connection, quarter: str, kind: IntakeKind) -> datetime | None:
    """The moment up to which readings of this kind have taken in the quarter; None: never read."""
    where = (listing_cursor.c.quarter == quarter) & (listing_cursor.c.kind == kind)
    found: datetime | None = connection.execute(sa.select(listing_cursor.c.read_until).where(where)).scalar()
    return found


def updated_since(connection: sa.Connection, quarter: str, kind: IntakeKind) -> datetime | None:
    """From when on changes have to be read; None: everything."""
    known = read_until(connection, quarter, kind)
    return None if known is None else known - OVERLAP


def advance(connection: sa.Connection, quarter: str, kind: IntakeKind, moment: datetime) -> None:
    """Everything that changed before `moment` was taken in; an earlier moment than the one known changes nothing."""
    statement = insert(listing_cursor).values(quarter=quarter, kind=kind, read_until=moment)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["quarter", "kind"],
            set_={"read_until": sa.func.greatest(listing_cursor.c.read_until, statement.excluded.read_until)},
        )
    )

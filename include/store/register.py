"""Which snapshot of the register of green factories (绿色工厂名单) is in use. Shared by the stages that ask it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from include.store.tables import register_snapshot


@dataclass(frozen=True, slots=True)
class SnapshotInUse:
    """The day of a snapshot, and the name of its content."""

    as_of: date
    content_sha256: str


def snapshot_in_use(connection: sa.Connection, day: date) -> SnapshotInUse | None:
    """The newest snapshot in use as of `day`; one that T05 held back is not in use."""
    newest = connection.execute(
        sa.select(register_snapshot.c.as_of, register_snapshot.c.content_sha256)
        .where(register_snapshot.c.in_use & (register_snapshot.c.as_of <= day))
        .order_by(register_snapshot.c.as_of.desc(), register_snapshot.c.snapshot_id.desc())
        .limit(1)
    ).one_or_none()
    return None if newest is None else SnapshotInUse(newest.as_of, newest.content_sha256)

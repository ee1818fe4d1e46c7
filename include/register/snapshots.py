"""Which snapshot of the register of green factories (绿色工厂名单) is in use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from include.store.tables import register_factory, register_snapshot

FACTORY_REMOVED = "factory_removed"
"""Reason of a withdrawal, and mark of a push that waits because its factory is off the register."""
REMOVED_RULE = "G08c"
"""The rule under which a person decides on a need whose factory is off the register."""


@dataclass(frozen=True, slots=True)
class SnapshotInUse:
    """The day of a snapshot, and the hash of its content."""

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


def has_rows(connection: sa.Connection, register: SnapshotInUse) -> bool:
    """Whether any row of the snapshot is usable; without one nothing can be concluded."""
    usable = (register_factory.c.content_sha256 == register.content_sha256) & register_factory.c.usable
    found: bool = connection.execute(sa.select(sa.exists().where(usable))).scalar_one()
    return found


def in_force(connection: sa.Connection, register: SnapshotInUse, day: date, usccs: Collection[str]) -> set[str]:
    """Which of these credit codes have an active row on `day`."""
    factory = register_factory.c
    rows = connection.execute(
        sa.select(factory.uscc).where(
            (factory.content_sha256 == register.content_sha256)
            & factory.usable
            & (factory.uscc == sa.any_(sa.literal(list(usccs), sa.ARRAY(sa.Text))))
            & (factory.listed_on <= day)
            & (factory.removed_on.is_(None) | (factory.removed_on > day))
        )
    )
    return set(rows.scalars())

"""Which snapshot of the register of green factories (绿色工厂名单) is in use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from include.store.tables import register_snapshot

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


def has_rows(connection: sa.Connection, content_sha256: str) -> bool:
    """Whether any row of the snapshot with this content is usable; without one nothing can be concluded."""
    found: bool = connection.execute(_HAS_ROWS, {"content": content_sha256}).scalar_one()
    return found


def in_force(connection: sa.Connection, register: SnapshotInUse, day: date, usccs: Collection[str]) -> set[str]:
    """The credit codes among `usccs` that have a row in force on `day`."""
    asked = {"content": register.content_sha256, "usccs": list(usccs), "day": day}
    return set(connection.execute(_IN_FORCE, asked).scalars())


_HAS_ROWS = sa.text("select exists (select from listed_factory where content_sha256 = :content)")
_IN_FORCE = sa.text(
    "select uscc from listed_factory where content_sha256 = :content and uscc = any(:usccs) and :day <@ listed"
)

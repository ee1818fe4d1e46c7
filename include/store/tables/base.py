"""Shared by all tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import DDL, Column, DateTime, MetaData, Table, event

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def moment(name: str, *, nullable: bool = False) -> Column[object]:
    """A point in time, stored with offset."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def store_uncompressed(table: Table, column: str) -> None:
    """Make PostgreSQL store long values of `column` uncompressed, from the creation of `table` on.

    Ciphertexts do not compress, and a need of 2 KB hardly does: trying took half the time of storing it.
    """
    event.listen(table, "after_create", DDL(f"alter table {table.name} alter column {column} set storage external"))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class History:
    """In which respects a table is only added to.

    `sealed`: columns of ciphertexts, which a purge empties and a new key re-encrypts. `purged`: columns that may name a
    person, which a purge empties. `once`: columns that are filled in later, and then never change.
    """

    sealed: Sequence[str] = ()
    purged: Sequence[str] = ()
    once: Sequence[str] = ()


def only_added_to(
    *, sealed: Sequence[str] = (), purged: Sequence[str] = (), once: Sequence[str] = ()
) -> dict[Any, Any]:
    """The `info` of a table whose rows are never changed or deleted; the database refuses it (include/store/history.py)."""
    return {_HISTORY: History(tuple(sealed), tuple(purged), tuple(once))}


def history_of(table: Table) -> History | None:
    """How `table` is only added to; None if it holds a state."""
    found: History | None = table.info.get(_HISTORY)
    return found


_HISTORY = "history"

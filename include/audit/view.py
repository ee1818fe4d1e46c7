"""The audit trail as an auditor reads it: newest first, page by page, by person, act or object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from include.store.tables import audit_entry, person

PAGE = 100
"""Entries per page."""


def entries(
    connection: sa.Connection, *, actor: str = "", action: str = "", object_: str = "", before: int | None = None
) -> Sequence[sa.Row[Any]]:
    """Entries by a person (id, or current name), an act and the beginning of an object; `before` an entry, the next page."""
    entry = audit_entry.c
    chosen = sa.select(audit_entry).order_by(entry.entry_id.desc()).limit(PAGE)
    if actor:
        named = sa.select(person.c.actor_id).where(person.c.name == actor)
        chosen = chosen.where((entry.actor == actor) | entry.actor.in_(named))
    if action:
        chosen = chosen.where(entry.action == action)
    if object_:
        chosen = chosen.where(entry.object.startswith(object_, autoescape=True))
    if before:
        chosen = chosen.where(entry.entry_id < before)
    return connection.execute(chosen).all()


def actions(connection: sa.Connection) -> list[str]:
    """Every act in the trail, found by one index look-up each."""
    return list(connection.execute(_ACTIONS).scalars())


_ACTIONS = sa.text(
    """
    with recursive known (action) as (
        (select action from audit_entry order by action limit 1)
        union all
        select (select next.action from audit_entry next where next.action > known.action order by next.action limit 1)
        from known where known.action is not null
    )
    select action from known where action is not null
    """
)

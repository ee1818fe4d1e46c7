"""The audit trail as an auditor reads it: newest first, page by page, by person, act, object, words and days."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.audited import Action
from include.store.tables import audit_entry, person

PAGE = 100
"""Entries per page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Which entries; an empty field asks for nothing. `actor`: a person's id or current name; `object_`: the beginning of the
    object; `words`: each is part of the object or the reason, or `acts_of` says which acts it is part of; days of Shanghai."""

    actor: str = ""
    action: str = ""
    object_: str = ""
    words: str = ""
    acts_of: Mapping[str, Collection[str]] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None


def entries(
    connection: sa.Connection, wanted: Searched, *, before: int | None = None, most: int = PAGE
) -> Sequence[sa.Row[Any]]:
    """The entries that match, the newest first; `before` an entry, the next page."""
    entry = audit_entry.c
    chosen = sa.select(audit_entry).order_by(entry.entry_id.desc()).limit(most)
    if wanted.actor:
        named = sa.select(person.c.actor_id).where(person.c.name == wanted.actor)
        chosen = chosen.where((entry.actor == wanted.actor) | entry.actor.in_(named))
    if wanted.action:
        chosen = chosen.where(entry.action == wanted.action)
    if wanted.object_:
        chosen = chosen.where(entry.object.startswith(wanted.object_, autoescape=True))
    for part in wanted.words.split():
        within = [column.contains(part, autoescape=True) for column in (entry.object, entry.reason)]
        chosen = chosen.where(sa.or_(*within, entry.action.in_(wanted.acts_of.get(part, ()))))
    if wanted.since:
        chosen = chosen.where(entry.at >= datetime.combine(wanted.since, time(), SHANGHAI))
    if wanted.until:
        chosen = chosen.where(entry.at < datetime.combine(wanted.until + timedelta(days=1), time(), SHANGHAI))
    if before:
        chosen = chosen.where(entry.entry_id < before)
    return connection.execute(chosen).all()


def last_verification(connection: sa.Connection) -> sa.Row[Any] | None:
    """The newest time that somebody had the chain walked: when, who, and the outcome in `details`."""
    return connection.execute(
        sa.select(audit_entry)
        .where(audit_entry.c.action == Action.VERIFY_AUDIT)
        .order_by(audit_entry.c.entry_id.desc())
        .limit(1)
    ).one_or_none()


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

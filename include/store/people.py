"""Who acts in the console: names by id, and grants by administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.roles import Role
from include.store.tables import console_grant, person


@dataclass(frozen=True, slots=True)
class Grant:
    """A person's grant in addition to the auth manager's roles. `departments` None: not confined; `coordinator_id`: of the
    roster, if this is the account of a coordinator."""

    actor_id: str
    roles: frozenset[Role] = frozenset()
    departments: frozenset[str] | None = None
    coordinator_id: str | None = None
    changed_by: str = ""
    changed_at: datetime | None = None


def remember(connection: sa.Connection, actor_id: str, name: str, now: datetime) -> None:
    """Store this person's current name."""
    said = insert(person).values(actor_id=actor_id, name=name, seen_at=now)
    connection.execute(
        said.on_conflict_do_update(
            index_elements=[person.c.actor_id], set_={"name": said.excluded.name, "seen_at": said.excluded.seen_at}
        )
    )


def names(connection: sa.Connection) -> dict[str, str]:
    """The name of everybody who ever acted, by id."""
    return dict(connection.execute(sa.select(person.c.actor_id, person.c.name)).tuples().all())


def called(known: Mapping[str, str], actor_id: str) -> str:
    """A person as people read of him: his name, with the id if it differs."""
    name = known.get(actor_id, actor_id)
    return name if name == actor_id else f"{name}（{actor_id}）"


def grant_of(connection: sa.Connection, actor_id: str) -> Grant:
    """This person's grant; an empty one for most."""
    row = connection.execute(sa.select(console_grant).where(console_grant.c.actor_id == actor_id)).one_or_none()
    return Grant(actor_id) if row is None else _grant(row)


def grants(connection: sa.Connection) -> list[Grant]:
    """All grants, by id."""
    return [_grant(row) for row in connection.execute(sa.select(console_grant).order_by(console_grant.c.actor_id))]


def set_grant(connection: sa.Connection, grant: Grant, *, by: str, now: datetime) -> None:
    """Set exactly this grant; an empty one is removed."""
    if not grant.roles and grant.departments is None and grant.coordinator_id is None:
        connection.execute(console_grant.delete().where(console_grant.c.actor_id == grant.actor_id))
        return
    values = {
        "roles": sorted(grant.roles),
        "departments": None if grant.departments is None else sorted(grant.departments),
        "coordinator_id": grant.coordinator_id,
        "changed_by": by,
        "changed_at": now,
    }
    connection.execute(
        insert(console_grant)
        .values(actor_id=grant.actor_id, **values)
        .on_conflict_do_update(index_elements=[console_grant.c.actor_id], set_=values)
    )


def _grant(row: sa.Row[tuple[object, ...]]) -> Grant:
    return Grant(
        row.actor_id,
        frozenset(map(Role, row.roles)),
        None if row.departments is None else frozenset(row.departments),
        row.coordinator_id,
        row.changed_by,
        row.changed_at,
    )

"""Everything in the business database beside its tables: views, functions, triggers, policies, rights.

Each is stated once, in SQL beside this file or in the module that derives it from the tables (history.py,
row_security.py, grants.py). All of it is created again whenever any of it changes, so that it needs no migrations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from include.store import grants, history, row_security, tables
from include.store.grants import DatabaseRole

_HERE = Path(__file__).parent
_BESIDE_TABLES = ("needs.sql", "pushes.sql", "cases.sql", "standing.sql", "two_persons.sql", "guards.sql")
_AS_ONE = {"no_parameters": True}


@cache
def version() -> str:
    """Changes whenever the definition of the tables or of anything beside them changes."""
    definitions = [
        *(path.read_text(encoding="utf-8") for path in sorted(Path(tables.__file__).parent.glob("*.py"))),
        *(_sql(name) for name in ("values.sql", *_BESIDE_TABLES)),
        *history.guards(),
        *row_security.policies(),
        *grants.grants(),
    ]
    return hashlib.sha256("\n".join(definitions).encode()).hexdigest()


def made_version(connection: sa.Connection) -> str | None:
    """The version last made in this database; None if none was."""
    made: str | None = connection.execute(_MADE_VERSION).scalar_one()
    return made


def clear(connection: sa.Connection) -> None:
    """Drop everything beside the tables, and create what the tables depend on; in the transaction that ends with
    `make`.

    Fails if somebody else's object depends on a view or function of ours, instead of dropping it.
    """
    for statement in connection.execute(_DROPS, {"owner": DatabaseRole.OWNER}).scalars().all():
        connection.execute(sa.text(statement))
    connection.exec_driver_sql(_sql("values.sql"), execution_options=_AS_ONE)


def make(connection: sa.Connection) -> None:
    """Create everything beside the tables, and store its version; the caller may act as the tables' owner."""
    for name in _BESIDE_TABLES:
        connection.exec_driver_sql(_sql(name), execution_options=_AS_ONE)
    for statement in _derived():
        connection.execute(sa.text(statement))
    grants.apply(connection)
    connection.execute(sa.text(f"comment on function refuse_change_of_history() is '{version()}'"))


def _derived() -> Iterator[str]:
    yield from history.guards()
    yield from row_security.policies()


def _sql(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_MADE_VERSION = sa.text("select obj_description(to_regprocedure('refuse_change_of_history()'), 'pg_proc')")
# In this order: dependent objects are dropped first. Functions that a table depends on stay.
_DROPS = sa.text(
    """
    with ours as (select oid from pg_roles where rolname = cast(:owner as text)),
    routine as (
        select pg_proc.oid from pg_proc
        where pronamespace = 'public'::regnamespace and proowner in (select oid from ours)
          and not exists (
              select from pg_depend
              where refclassid = 'pg_proc'::regclass and refobjid = pg_proc.oid
                and classid in ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass)
          )
    )
    select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger
    where not tgisinternal and tgfoid in (select oid from routine)
    union all
    select format('drop policy %I on %s', polname, polrelid::regclass) from pg_policy
    join pg_class on pg_class.oid = polrelid
    where relnamespace = 'public'::regnamespace and relowner in (select oid from ours)
    union all
    select 'drop view ' || string_agg(oid::regclass::text, ', ') from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'v' and relowner in (select oid from ours)
    having count(*) > 0
    union all
    select 'drop routine ' || string_agg(oid::regprocedure::text, ', ') from routine having count(*) > 0
    """
)

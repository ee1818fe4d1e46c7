"""Logins and databases on a PostgreSQL server, made by its superuser: Airflow's and the pipeline's (docs/database-roles.md)."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

Superuser = psycopg.Connection[tuple[object, ...]]
"""A connection of the superuser, in autocommit."""


def create_login(connection: Superuser, name: str, password: str, roles: Iterable[str] = ()) -> None:
    """Ensure a login without rights of its own, with this password, a member of these roles."""
    known = connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone() is not None
    connection.execute(
        sql.SQL("{} role {} login nosuperuser password {}").format(
            sql.SQL("alter" if known else "create"), sql.Identifier(name), sql.Literal(password)
        )
    )
    for role in roles:
        connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(name)))


def create_database(connection: Superuser, name: str, owner: str) -> None:
    """Create the database unless it exists; it is the owner's."""
    if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    connection.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(name), sql.Identifier(owner)))


def hand_over(connection: Superuser, owner: str) -> None:
    """Give the owner what a superuser left in the database of `connection` before."""
    for (statement,) in connection.execute(_HAND_OVER, (owner, owner, owner, owner)).fetchall():
        connection.execute(str(statement).encode())


_HAND_OVER = """
    select format('alter %%s %%s owner to %%I', case relkind when 'v' then 'view' else 'table' end, oid::regclass, %s::text)
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and pg_get_userbyid(relowner) <> %s
    union all
    select format('alter type %%s owner to %%I', oid::regtype, %s::text) from pg_type
    where typnamespace = 'public'::regnamespace and typtype = 'e' and pg_get_userbyid(typowner) <> %s
"""

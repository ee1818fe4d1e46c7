"""Needs that banks refused, and alerts on them."""

from __future__ import annotations

import sqlalchemy as sa

from include.store import tables
from tests.support.rows import add_case, add_delivery, add_need, moment, need_id, rewrite


def refused_need(connection: sa.Connection, number: int = 1, *, category: str = "technical_retrofit") -> None:
    """A pushed need whose two intended institutions declined it."""
    pushed_need(connection, number, category=category)
    for institution in ("ICBC", "CCB"):
        add_case(connection, number, institution, state="declined", last_event_at=moment("2026-10-09 10:00"))


def pushed_need(
    connection: sa.Connection, number: int, *, department_code: str = "330000", category: str = "technical_retrofit"
) -> None:
    add_need(connection, number, department_code=department_code)
    rewrite(
        connection,
        sa.update(tables.need_version)
        .where(tables.need_version.c.need_id == need_id(number))
        .values(intended_institutions=["ICBC", "CCB"], document=f'{{"project": {{"category": "{category}"}}}}'),
    )
    add_delivery(connection, number)


def add_alert(connection: sa.Connection, number: int, institution_code: str) -> None:
    connection.execute(
        tables.alert.insert().values(
            rule_id="G03a",
            need_id=need_id(number),
            institution_code=institution_code,
            severity="hold",
            state="open",
            opened_at=moment("2026-10-12 08:00"),
        )
    )

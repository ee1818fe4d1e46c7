"""Obstructions that banks report, and what coordinators answer."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include import obstructions
from include.reference.day import Day
from include.store import tables
from tests.support.escalation import pushed_need, staff
from tests.support.rows import add_case, add_event, moment

NOW = moment("2026-10-09 11:00")


def obstructed(
    connection: sa.Connection, institution: str = "ICBC", *, reason: str = "R04", number: str = "OB1"
) -> None:
    if not connection.execute(sa.select(tables.need_version.c.need_id)).first():
        staff(connection)
        pushed_need(connection, 1)
    add_event(
        connection, 1, "obstructed", institution_code=institution, sequence=1, reason_code=reason, obstruction_id=number
    )
    standing = {"obstruction_id": number, "opened_on": "2026-10-09", "reason_code": reason}
    add_case(connection, 1, institution, state="contacted", open_obstructions=[standing])


def advance(engine: sa.Engine, now: datetime = NOW) -> dict[str, int]:
    found = obstructions.advance(engine, day=Day.in_force(now))
    return {name: number for name in found.__dataclass_fields__ if (number := getattr(found, name))}


def answers(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(tables.delivery.c.body)
            .where(tables.delivery.c.action == "obstruction_update")
            .order_by(tables.delivery.c.delivery_id)
        )
        return [json.loads(row.body) for row in rows]

"""Breaches and the coordinators who are told of them: posts, stalled cases, and the mails that the outbox holds."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include import escalation, obstructions
from include.base.act import Act
from include.escalation import EscalationSummary
from include.escalation.digests import digest_key
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import tables
from tests.support.rows import add_case, add_clock, add_delivery, add_event, add_need, moment, need_id, rewrite

CALENDAR = china_calendar()
POLICY = policy()
DUE = date(2026, 10, 9)
"""A Friday; the Saturday after it is a make-up work day."""
POSTS = [
    ("MIIT", "city", "330100"),
    ("PBOC", "city", "330100"),
    ("MIIT", "province", "330000"),
    ("PBOC", "province", "330000"),
    ("MIIT", "nation", "000000"),
    ("PBOC", "nation", "000000"),
]
LOCAL = [post for post in POSTS if post[1] != "nation"]
"""Without the nation, which reads a table on Mondays."""


def overdue_day(working_days: int) -> str:
    return f"{CALENDAR.add_working_days(DUE, working_days).day} 08:30"


def run(database: sa.Engine, when: str, policy: Policy = POLICY) -> EscalationSummary:
    return escalation.escalate(database, day=Day(moment(when), CALENDAR, policy))


def run_urgent(database: sa.Engine, when: str) -> EscalationSummary:
    return escalation.tell_urgent(database, day=Day(moment(when), CALENDAR, POLICY))


def with_policy(**values: str) -> Policy:
    return Policy({**POLICY.values, **values})


def digest_keys(*days: str) -> dict[str, str]:
    """Idempotency key → the coordinator of POSTS whose digest it is, on these days."""
    posts = [f"{authority}-{level}" for authority, level, _ in POSTS]
    return {digest_key(address_of(post), date.fromisoformat(day)): post for post in posts for day in days}


def address_of(coordinator_id: str) -> str:
    authority, level = coordinator_id.split("-")
    return f"{authority}.{level}@example.test".lower()


def digests(database: sa.Engine, day: str) -> dict[str, dict[str, Any]]:
    """The digests of a day, by the coordinator to whom they go."""
    of = digest_keys(day)
    return {
        of[row.idempotency_key]: json.loads(row.body) for row in mails(database, "digest:") if row.idempotency_key in of
    }


def notify_operator(database: sa.Engine, when: str) -> bool:
    return escalation.operator_notice(
        database,
        recipient="operator@example.test",
        day=Day(moment(when), CALENDAR, POLICY),
        console_url="https://console.example.test",
    )


def staff(connection: sa.Connection, posts: list[tuple[str, str, str]] = POSTS) -> None:
    connection.execute(tables.coordinator.delete())
    for position, (authority, level, region) in enumerate(posts):
        connection.execute(
            tables.coordinator.insert().values(
                coordinator_id=f"{authority}-{level}",
                position=position,
                authority=authority,
                level=level,
                region_code=region,
                role="融资协调岗",
                email=address_of(f"{authority}-{level}"),
                on_duty=True,
            )
        )


def pushed_need(connection: sa.Connection, number: int, *, is_major: bool = False, **changes: Any) -> str:
    """A need of Hangzhou that the credit-market platform has taken."""
    identity = add_need(connection, number, is_major=is_major)
    place = {"city_code": "330100", "branch_code": "PBC330000", "uscc": "91330100MA2TE5T013"}
    rewrite(
        connection,
        tables.need_version.update().where(tables.need_version.c.need_id == identity).values({**place, **changes}),
    )
    add_delivery(connection, number)
    return identity


def stalled_case(connection: sa.Connection, number: int = 1, institution_code: str = "ICBC", **changes: Any) -> None:
    """Pushed, answered by an event, and overdue since DUE at its next limit."""
    if institution_code == "ICBC":
        pushed_need(connection, number, **changes)
    add_case(connection, number, institution_code, state="pushed", last_event_at=moment("2026-10-08 10:00"))
    add_event(connection, number, "received", sequence=1, institution_code=institution_code)
    add_clock(connection, number, institution_code, due_on=DUE)


def mails(database: sa.Engine, prefix: str = "") -> list[sa.Row[Any]]:
    with database.connect() as connection:
        rows = connection.execute(
            sa.select(tables.delivery)
            .where(tables.delivery.c.channel == "mail", tables.delivery.c.idempotency_key.startswith(prefix))
            .order_by(tables.delivery.c.idempotency_key)
        ).all()
    return list(rows)


def keys(database: sa.Engine, prefix: str = "") -> list[str]:
    return [row.idempotency_key for row in mails(database, prefix)]


def bodies(database: sa.Engine, prefix: str = "") -> list[dict[str, Any]]:
    return [json.loads(row.body) for row in mails(database, prefix)]


def steps(database: sa.Engine, **where: Any) -> list[tuple[str, int, str, str]]:
    step = tables.escalation_step.c
    with database.connect() as connection:
        rows = connection.execute(
            sa.select(step.rule_id, step.step, step.state, step.coordinator_id)
            .filter_by(**where)
            .order_by(step.step, step.coordinator_id)
        )
        return [(row.rule_id, row.step, row.state, row.coordinator_id) for row in rows]


def resolve_ticket(connection: sa.Connection, at: datetime) -> None:
    """The operator li reports the only ticket as resolved."""
    obstructions.work_on(
        connection,
        connection.execute(sa.select(tables.obstruction_ticket.c.ticket_id)).scalar_one(),
        "resolved",
        act=Act(actor_id="li", role="operator", reason="已落实担保", at=at),
        day=Day(at, CALENDAR, POLICY),
    )


def obstructed_need(connection: sa.Connection, *, is_major: bool = False) -> None:
    """A need whose bank reported an obstruction on the day of the first run."""
    pushed_need(connection, 1, is_major=is_major)
    add_event(connection, 1, "obstructed", sequence=1, reason_code="R04", obstruction_id="OB1")
    standing = {"obstruction_id": "OB1", "opened_on": "2026-10-09", "reason_code": "R04"}
    add_case(connection, 1, state="contacted", open_obstructions=[standing])


def run_with_tickets(engine: sa.Engine, when: str) -> EscalationSummary:
    """A day as the DAG plays it: tickets first."""
    obstructions.advance(engine, day=Day.in_force(moment(when)))
    return run(engine, when)


def returned_need(connection: sa.Connection, respond_by: str) -> None:
    add_need(connection, 1, verdict="returned")
    add_delivery(connection, 1, action="return")
    connection.execute(
        tables.delivery.update()
        .where(tables.delivery.c.action == "return")
        .values(body=json.dumps({"need_id": need_id(1), "revision": 1, "respond_by": respond_by}))
    )

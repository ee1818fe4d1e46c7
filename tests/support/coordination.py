"""A need on which coordinators can act in every way: an overdue case, an obstruction, an alert; and links to them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import sqlalchemy as sa

from include import coordination, obstructions
from include.action_links import tokens
from include.action_links.maker import LinkMaker
from include.action_links.tokens import LinkClaims, LinkSubject
from include.coordination import Outcome, Said
from include.domain.states import CoordinatorAct, LinkKind
from include.reference.day import Day
from include.store import tables
from tests.support.escalation import staff, stalled_case
from tests.support.rows import add_case, add_event, add_withdrawal, digest, moment, need_id

KEY = b"the tests' key of action links"
NOW = moment("2026-10-20 10:00")
DAY = Day.in_force(NOW)
MAIL = "digest:PBOC-city:2026-10-20"
WHO = "PBOC-city"
MAKER = LinkMaker(KEY, "https://console.example.test/green-finance")
SUBJECTS = {
    LinkKind.CASE: LinkSubject(kind=LinkKind.CASE, need_id=need_id(1), institution_code="ICBC"),
    LinkKind.NEED: LinkSubject(kind=LinkKind.NEED, need_id=need_id(1)),
    LinkKind.OBSTRUCTION: LinkSubject(
        kind=LinkKind.OBSTRUCTION, need_id=need_id(1), institution_code="CCB", obstruction_id="OB1"
    ),
    LinkKind.ALERT: LinkSubject(kind=LinkKind.ALERT, need_id=need_id(1)),
}


def fill(engine: sa.Engine, **changes: Any) -> None:
    """One need in Hangzhou, its coordinators, and the digest that named it to WHO."""
    with engine.begin() as connection:
        staff(connection)
        stalled_case(connection, 1, **changes)
        standing = {"obstruction_id": "OB1", "opened_on": "2026-10-19", "reason_code": "R04"}
        add_event(
            connection, 1, "obstructed", sequence=1, institution_code="CCB", reason_code="R04", obstruction_id="OB1"
        )
        add_case(connection, 1, "CCB", state="contacted", open_obstructions=[standing])
        connection.execute(
            tables.alert.insert().values(
                rule_id="G13", need_id=need_id(1), severity="hold", state="open", opened_at=NOW, persons_required=2
            )
        )
        add_mail(connection, MAIL, f"{WHO.replace('-', '.').lower()}@example.test")
    obstructions.advance(engine, day=DAY)


def add_mail(connection: sa.Connection, key: str, *to: str) -> None:
    """A mail that left for these addresses."""
    connection.execute(
        tables.delivery.insert().values(
            channel="mail",
            action="mail",
            idempotency_key=key,
            body=json.dumps({"to": list(to), "subject": "s", "text": "t"}),
            body_sha256=digest(key),
            state="delivered",
            created_at=NOW,
            next_attempt_at=NOW,
        )
    )


def finish(engine: sa.Engine, kind: LinkKind) -> None:
    """Whatever the link is about comes to its end."""
    with engine.begin() as connection:
        if kind is LinkKind.CASE:
            case = tables.matching_case
            connection.execute(sa.update(case).where(case.c.institution_code == "ICBC").values(state="closed"))
        elif kind is LinkKind.NEED:
            connection.execute(sa.update(tables.matching_case).values(state="declined"))
        elif kind is LinkKind.OBSTRUCTION:
            connection.execute(sa.update(tables.obstruction_ticket).values(state="verified"))
        else:
            connection.execute(sa.update(tables.alert).values(state="closed", settled_at=NOW))


def withdraw(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        add_withdrawal(connection, 1)


def token(
    kind: LinkKind = LinkKind.CASE,
    *,
    key: bytes = KEY,
    who: str = WHO,
    mail: str = MAIL,
    expires_on: date = date(2026, 11, 3),
    subject: LinkSubject | None = None,
) -> str:
    return tokens.mint(
        key,
        coordinator_id=who,
        subject=subject or SUBJECTS[kind],
        expires_on=expires_on,
        idempotency_key=mail,
    )


def claims(kind: LinkKind = LinkKind.CASE, **changes: Any) -> LinkClaims:
    return tokens.read([KEY], token(kind, **changes), today=DAY.today)


def said(act: CoordinatorAct, **changes: Any) -> Said:
    """A complete report: with a remark, days and a post where the act wants them."""
    fields: dict[str, Any] = {
        "remark": "已与银行和企业沟通",
        "working_days": 5 if act is CoordinatorAct.NEEDS_TIME else None,
        "handed_to": "MIIT-city" if act is CoordinatorAct.HANDED_OVER else "",
        **changes,
    }
    return Said(act=act, **fields)


def report(engine: sa.Engine, one: LinkClaims, act: CoordinatorAct, *, day: Day = DAY, **changes: Any) -> Outcome:
    with engine.begin() as connection:
        return coordination.report_by_link(connection, one, said(act, **changes), day=day, links=MAKER)


def reported(engine: sa.Engine) -> list[tuple[str, str, str]]:
    act = tables.coordinator_act.c
    with engine.connect() as connection:
        return list(
            connection.execute(sa.select(act.act, act.coordinator_id, act.remark).order_by(act.act_id)).tuples()
        )

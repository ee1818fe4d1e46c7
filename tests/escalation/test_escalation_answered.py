"""Breaches taken on by coordinators, a storm, and a mail server that is away for a day."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from include import escalation
from include.action_links import tokens
from include.action_links.maker import LinkMaker
from include.base.act import Act
from include.base.errors import InvalidRequest, PlatformUnavailable
from include.base.settings import ConnectionFields, Settings
from include.delivery.stage import deliver
from include.escalation import AuditSummary
from include.reference import policy
from include.reference.day import Day
from include.store import tables
from tests.support.escalation import (
    CALENDAR,
    DUE,
    LOCAL,
    POLICY,
    bodies,
    digests,
    keys,
    overdue_day,
    run,
    staff,
    stalled_case,
    steps,
)
from tests.support.mails import Mailbox
from tests.support.outbox import Clock
from tests.support.rows import add_case, add_clock, moment, need_id


def acknowledge(database: sa.Engine, when: str, note: str = "已约机构上门", actor: str = "op") -> None:
    with database.begin() as connection:
        for need in escalation.stalled_needs(connection, day=Day(moment(when), CALENDAR, POLICY)).rows:
            act = Act(actor_id=actor, role="operator", reason=note, at=moment(when))
            escalation.acknowledge(connection, need.need_id, act=act)


def audit(database: sa.Engine, when: str) -> AuditSummary:
    return escalation.audit_steps(database, day=Day(moment(when), CALENDAR, POLICY))


def send(database: sa.Engine, settings: Settings, clock: Clock) -> int:
    """Deliver what is due; how many mails left."""
    try:
        return deliver(database, "mail", settings=settings, policy=policy(), clock=clock).delivered  # type: ignore[arg-type]
    except PlatformUnavailable:
        return 0


def hand_over(database: sa.Engine) -> None:
    """Let all mails have left."""
    with database.begin() as connection:
        connection.execute(
            tables.delivery.update().where(tables.delivery.c.channel == "mail").values(state="delivered")
        )


def told_steps(database: sa.Engine) -> list[int]:
    return sorted({step for rule, step, state, _ in steps(database) if state == "mailed"})


def test_what_was_taken_on_waits_and_climbs_one_step_after_quiet_days(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(4))
    acknowledge(database, overdue_day(4).replace("08:30", "10:00"))
    hand_over(database)
    for day in (5, 6):
        run(database, overdue_day(day))
        audit(database, overdue_day(day))
    assert told_steps(database) == [1]
    run(database, overdue_day(7))
    assert told_steps(database) == [1, 2]
    run(database, overdue_day(9))
    assert told_steps(database) == [1, 2]
    run(database, overdue_day(10))
    assert told_steps(database) == [1, 2, 3]


def test_news_of_a_case_begins_the_quiet_days_anew(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(4))
    acknowledge(database, overdue_day(4).replace("08:30", "10:00"))
    with database.begin() as connection:
        news = moment(overdue_day(6))
        connection.execute(tables.matching_case.update().values(last_event_at=news))
    run(database, overdue_day(8))
    assert told_steps(database) == [1]
    run(database, overdue_day(9))
    assert told_steps(database) == [1, 2]


def test_the_digest_says_who_took_it_on(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(2))
    acknowledge(database, overdue_day(2).replace("08:30", "10:00"), actor="PBOC-city")
    run(database, overdue_day(6))
    assert "杭州市 · 市级 · 人民银行" in digests(database, overdue_day(6).split()[0])["PBOC-province"]["text"]


def play(database: sa.Engine, first: date, last: date) -> None:
    """Look at the ladder on every day, days off included, twice."""
    day = first
    while day <= last:
        run(database, f"{day} 08:30")
        run(database, f"{day} 16:00")
        day += timedelta(days=1)


@pytest.mark.parametrize("taken_on", [False, True])
@pytest.mark.parametrize("state", ["declined", "closed"])
def test_nothing_more_is_told_of_a_case_that_ended_however_long_it_is_looked_at(
    database: sa.Engine, state: str, taken_on: bool
) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(2))
    if taken_on:
        acknowledge(database, overdue_day(2).replace("08:30", "10:00"))
    before = steps(database)
    with database.begin() as connection:
        # One of several institutions asked: the need as a whole is not turned down by it.
        add_case(connection, 1, "CCB", state="credit_approved", last_event_at=moment("2026-12-30 10:00"))
        connection.execute(
            tables.matching_case.update().where(tables.matching_case.c.institution_code == "ICBC").values(state=state)
        )
    play(database, date(2026, 10, 13), date(2026, 11, 20))
    assert steps(database) == before


def test_what_is_urgent_waits_for_a_working_day_too(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, is_major=True)
    for day_off in ("2026-10-11", "2026-10-17", "2026-10-18"):
        run(database, f"{day_off} 08:30")
    assert keys(database) == []
    run(database, "2026-10-19 08:30")
    assert keys(database) != []


def test_whoever_takes_over_a_post_is_not_told_again_of_what_the_post_was_told(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(2))
    with database.begin() as connection:
        post = tables.coordinator
        renamed = {"coordinator_id": "PBOC-city-2", "email": "new@example.test"}
        connection.execute(post.update().where(post.c.coordinator_id == "PBOC-city").values(renamed))
    run(database, overdue_day(3))
    assert not any(coordinator == "PBOC-city-2" for *_, coordinator in steps(database))


def test_a_need_that_is_settled_or_was_told_to_nobody_cannot_be_taken_on(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    act = Act(actor_id="op", role="operator", reason="已约机构上门", at=moment(overdue_day(1)))
    with pytest.raises(InvalidRequest, match="已经办结"), database.begin() as connection:
        escalation.acknowledge(connection, need_id(1), act=act)
    run(database, overdue_day(2))
    with database.begin() as connection:
        connection.execute(tables.case_clock.update().values(stopped_on=DUE))
    run(database, overdue_day(3))
    with pytest.raises(InvalidRequest, match="已经办结"), database.begin() as connection:
        escalation.acknowledge(connection, need_id(1), act=act)


def test_a_step_is_held_only_in_its_own_round(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(2))
    acknowledge(database, overdue_day(2).replace("08:30", "10:00"))
    with database.begin() as connection:
        connection.execute(tables.case_clock.update().values(stopped_on=date(2026, 10, 12)))
    run(database, overdue_day(3))
    with database.begin() as connection:
        add_clock(connection, 1, due_on=date(2026, 10, 14), day0=date(2026, 10, 13))
    run(database, "2026-10-16 08:30")
    with database.connect() as connection:
        rounds = connection.execute(sa.select(tables.escalation_step.c.round).order_by(sa.text("1"))).scalars().all()
    assert rounds == [1, 2]


def test_a_digest_links_to_the_need_only_where_the_console_s_address_is_known(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    links = LinkMaker(None, "https://airflow.example/green-finance")
    escalation.escalate(database, day=Day(moment(overdue_day(2)), CALENDAR, POLICY), links=links)
    assert bodies(database)
    link = f"https://airflow.example/green-finance/needs/{need_id(1)}"
    for body in bodies(database):
        assert link in body["text"] and f'href="{link}"' in body["html"]
        assert "/act/" not in body["text"]


def test_a_digest_carries_a_link_by_which_its_reader_acts_on_the_need_until_it_expires(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    key, day = b"the tests' key of action links", Day(moment(overdue_day(2)), CALENDAR, POLICY)
    escalation.escalate(database, day=day, links=LinkMaker(key, "https://airflow.example/green-finance"))
    (body,) = bodies(database)
    (token,) = set(re.findall(r"/green-finance/act/([^\s\"]+)", body["html"]))
    assert f"/act/{token}" in body["text"]
    claims = tokens.read([key], token, today=day.today)
    assert (claims.coordinator_id, claims.subject.need_id, claims.subject.institution_code) == (
        "PBOC-city",
        need_id(1),
        "ICBC",
    )
    assert claims.idempotency_key == keys(database)[0]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ""),
        ({"AIRFLOW__API__BASE_URL": "https://airflow.example/"}, "https://airflow.example/green-finance"),
    ],
)
def test_the_console_s_address_comes_from_airflow(environ: dict[str, str], expected: str) -> None:
    assert Settings.from_environment(environ).console_url == expected


# --- Storm and outage ------------------------------------------------------------------------------------------------


def test_a_hundred_stalls_at_once_are_one_digest_a_person_a_day_and_lose_nothing_to_a_day_without_mail(
    database: sa.Engine, free_tcp_port: int
) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        for number in range(1, 101):
            stalled_case(connection, number)
    server = ConnectionFields(
        host="127.0.0.1",
        port=free_tcp_port,
        extra={"from_email": "robot@example.test", "disable_ssl": True, "disable_tls": True},
    )
    settings = Settings(connections={"smtp_default": server})
    clock = Clock(moment(overdue_day(5)))
    for day in (2, 5, 6):
        run(database, overdue_day(day))
        run(database, overdue_day(day))
    digests = Counter(tuple(key.split(":")[1:]) for key in keys(database, "digest:"))
    assert set(digests.values()) == {1} and len(digests) == 3
    for _ in range(3):
        clock.sleep(8 * 3600)
        assert send(database, settings, clock) == 0
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_tcp_port)
    controller.start()
    try:
        for _ in range(3):
            clock.sleep(2 * 3600)
            send(database, settings, clock)
    finally:
        controller.stop()
    assert sorted(str(mail["To"]) for mail in box.messages) == sorted(
        ["pboc.city@example.test"] + ["pboc.province@example.test"] * 2
    )
    assert len({mail["Message-ID"] for mail in box.messages}) == 3

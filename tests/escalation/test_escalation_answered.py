"""Breaches taken on by coordinators, a storm, and a mail server that is away for a day."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from include import escalation
from include.base.act import Act
from include.base.errors import InvalidRequest, PlatformUnavailable
from include.base.settings import ConnectionFields, Settings
from include.delivery.stage import deliver
from include.escalation import AuditSummary
from include.reference import policy
from include.reference.day import Day
from include.store import tables
from tests.support.escalation import CALENDAR, POLICY, bodies, keys, overdue_day, run, staff, stalled_case, steps
from tests.support.mails import Mailbox
from tests.support.outbox import Clock
from tests.support.rows import add_case, add_clock, moment, need_id

BREACH = (need_id(1), "ICBC", "S01", "limit@received-contacted@2026-10-08")


def acknowledge(database: sa.Engine, when: str, note: str = "已约机构上门") -> None:
    with database.begin() as connection:
        found = escalation.open_breaches(connection, day=Day(moment(when), CALENDAR, POLICY))
        for one in found:
            escalation.acknowledge(
                connection,
                one.item.key,
                act=Act(actor_id="op", role="operator", reason=note, at=moment(when)),
                day=Day(moment(when), CALENDAR, POLICY),
            )


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
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(1))
    acknowledge(database, overdue_day(1).replace("08:30", "10:00"))
    hand_over(database)
    for day in (2, 3):
        run(database, overdue_day(day))
        audit(database, overdue_day(day))
    assert told_steps(database) == [1]
    run(database, overdue_day(4))
    assert told_steps(database) == [1, 2]
    run(database, overdue_day(6))
    assert told_steps(database) == [1, 2]
    run(database, overdue_day(7))
    assert told_steps(database) == [1, 2, 3]


def test_news_of_a_case_begins_the_quiet_days_anew(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(1))
    acknowledge(database, overdue_day(1).replace("08:30", "10:00"))
    with database.begin() as connection:
        news = moment(overdue_day(3))
        connection.execute(tables.matching_case.update().values(last_event_at=news))
    run(database, overdue_day(5))
    assert told_steps(database) == [1]
    run(database, overdue_day(6))
    assert told_steps(database) == [1, 2]


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
    run(database, overdue_day(1))
    if taken_on:
        acknowledge(database, overdue_day(1).replace("08:30", "10:00"))
    before = steps(database)
    with database.begin() as connection:
        # One of several institutions asked: the need as a whole is not turned down by it.
        add_case(connection, 1, "CCB", state="credit_approved", last_event_at=moment("2026-12-30 10:00"))
        connection.execute(
            tables.matching_case.update().where(tables.matching_case.c.institution_code == "ICBC").values(state=state)
        )
    play(database, date(2026, 10, 11), date(2026, 11, 20))
    assert steps(database) == before


def test_what_is_urgent_waits_for_a_working_day_too(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, is_major=True)
    for day_off in ("2026-10-11", "2026-10-17", "2026-10-18"):
        run(database, f"{day_off} 08:30")
    assert keys(database) == []
    run(database, "2026-10-19 08:30")
    assert keys(database, "urgent:") == keys(database) != []


def test_whoever_takes_over_a_post_is_not_told_again_of_what_the_post_was_told(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(1))
    with database.begin() as connection:
        post = tables.coordinator
        renamed = {"coordinator_id": "MIIT-city-2", "email": "new@example.test"}
        connection.execute(post.update().where(post.c.coordinator_id == "MIIT-city").values(renamed))
    run(database, overdue_day(2))
    assert not any(coordinator == "MIIT-city-2" for *_, coordinator in steps(database))


def test_a_breach_that_begins_anew_is_another_one_and_climbs_from_the_foot(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        connection.execute(tables.matching_case.update().values(last_event_at=moment("2026-12-30 10:00")))
    run(database, overdue_day(2))
    with database.begin() as connection:
        clock = tables.case_clock
        connection.execute(clock.update().values(stopped_on=date(2026, 10, 12)))
        add_clock(connection, 1, "CCB", due_on=date(2026, 10, 15))
        connection.execute(
            clock.update()
            .where(clock.c.institution_code == "CCB")
            .values(institution_code="ICBC", day0=date(2026, 10, 13))
        )
    run(database, "2026-10-16 08:30")
    with database.connect() as connection:
        step = tables.escalation_step.c
        found = connection.execute(sa.select(step.breach, step.step).where(step.state == "mailed").distinct()).all()
    assert sorted(map(tuple, found)) == [
        ("limit@pushed-received@2026-09-30", 2),
        ("limit@pushed-received@2026-10-13", 1),
    ]


def test_a_breach_that_is_over_cannot_be_taken_on(database: sa.Engine) -> None:
    with pytest.raises(InvalidRequest, match="已经办结"), database.begin() as connection:
        escalation.acknowledge(
            connection,
            BREACH,
            act=Act(actor_id="op", role="operator", reason="已约机构上门", at=moment(overdue_day(1))),
            day=Day(moment(overdue_day(1)), CALENDAR, POLICY),
        )


def test_a_digest_links_to_the_need_only_where_the_console_s_address_is_known(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    escalation.escalate(
        database, day=Day(moment(overdue_day(1)), CALENDAR, POLICY), console_url="https://airflow.example/green-finance"
    )
    link = f"https://airflow.example/green-finance/needs/{need_id(1)}"
    for body in bodies(database):
        assert link in body["text"] and f'href="{link}"' in body["html"]


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


def test_five_hundred_stalls_at_once_are_one_digest_a_person_a_day_and_lose_nothing_to_a_day_without_mail(
    database: sa.Engine, free_tcp_port: int
) -> None:
    with database.begin() as connection:
        staff(connection)
        for number in range(1, 501):
            stalled_case(connection, number)
    server = ConnectionFields(
        host="127.0.0.1",
        port=free_tcp_port,
        extra={"from_email": "robot@example.test", "disable_ssl": True, "disable_tls": True},
    )
    settings = Settings(connections={"smtp_default": server})
    clock = Clock(moment(overdue_day(1)))
    for day in (1, 2):
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
        ["miit.city@example.test", "pboc.city@example.test", "pboc.province@example.test"]
    )
    assert len({mail["Message-ID"] for mail in box.messages}) == 3

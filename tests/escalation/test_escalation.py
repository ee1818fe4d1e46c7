"""Escalation on a real database: rows as the other stages would have left them, mails as the outbox holds them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.escalation import EscalationSummary
from include.store import tables
from tests.support.escalation import (
    CALENDAR,
    DUE,
    LOCAL,
    POSTS,
    bodies,
    digests,
    mails,
    obstructed_need,
    overdue_day,
    pushed_need,
    resolve_ticket,
    returned_need,
    run,
    run_urgent,
    run_with_tickets,
    staff,
    stalled_case,
    steps,
    with_policy,
)
from tests.support.rows import (
    add_case,
    add_clock,
    add_delivery,
    add_event,
    add_hold,
    add_need,
    add_report,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)

NOTHING = EscalationSummary(0, 0, 0, 0, 0, 0)


def set_due(connection: sa.Connection, number: int, working_days: int) -> None:
    """Let the only limit of a need have run out so many working days after DUE."""
    due = CALENDAR.add_working_days(DUE, working_days).day
    clock = tables.case_clock
    connection.execute(clock.update().where(clock.c.need_id == need_id(number)).values(due_on=due))


# --- The ladder ------------------------------------------------------------------------------------------------------


def test_nobody_is_told_before_the_first_step(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    for day in (0, 1):
        assert run(database, overdue_day(day)).steps_raised == 0
    assert mails(database) == []


def test_two_working_days_overdue_are_told_to_the_branch_of_the_city(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    summary = run(database, overdue_day(2))
    assert summary == EscalationSummary(overdue=1, steps_raised=1, digests=1, urgent_mails=0, waiting=0, vacancies=0)
    assert steps(database) == [("S01", 1, "mailed", "PBOC-city")]
    assert [body["to"] for body in bodies(database)] == [["pboc.city@example.test"]]


@pytest.mark.parametrize("is_major", [False, True])
def test_looked_at_every_day_a_need_climbs_each_rung_once_and_only_a_major_one_reaches_the_nation(
    database: sa.Engine, is_major: bool
) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, is_major=is_major)
    day = DUE
    while day < date(2026, 11, 30):
        run(database, f"{day} 08:30")
        day += timedelta(days=1)
    expected = [("S01", 1, "mailed", "PBOC-city"), ("S01", 2, "mailed", "PBOC-province")]
    if is_major:
        # Steps 3 and 4 fall on one day: the lower one is overtaken.
        expected += [("S01", 3, "superseded", ""), ("S01", 3, "superseded", "")]
        expected += [("S01", 4, "mailed", "MIIT-nation"), ("S01", 4, "mailed", "PBOC-nation")]
    else:
        expected += [("S01", 3, "mailed", "MIIT-province"), ("S01", 3, "mailed", "PBOC-province")]
    assert steps(database) == expected


def test_a_need_climbs_once_for_its_oldest_limit_whatever_the_institution(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        for bank, days in (("CCB", 1), ("ABC", 3)):
            add_case(connection, 1, bank, last_event_at=moment("2026-10-08 10:00"))
            add_clock(connection, 1, bank, due_on=CALENDAR.add_working_days(DUE, days).day)
    for day in range(1, 10):
        run(database, overdue_day(day))
    assert steps(database) == [("S01", 1, "mailed", "PBOC-city"), ("S01", 2, "mailed", "PBOC-province")]
    # The oldest one is met: what is left is not told anew at a step that was told.
    with database.begin() as connection:
        clock = tables.case_clock
        connection.execute(clock.update().where(clock.c.institution_code == "ICBC").values(stopped_on=DUE))
    run(database, overdue_day(10))
    assert len(steps(database)) == 2


def test_back_within_all_limits_and_late_again_a_need_climbs_a_second_round(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(5))
    with database.begin() as connection:
        connection.execute(tables.case_clock.update().values(stopped_on=date(2026, 10, 15)))
    run(database, overdue_day(6))
    with database.begin() as connection:
        add_clock(connection, 1, "ICBC", due_on=date(2026, 10, 19), day0=date(2026, 10, 16))
    run(database, "2026-10-21 08:30")
    with database.connect() as connection:
        step = tables.escalation_step.c
        found = connection.execute(
            sa.select(step.round, step.step).where(step.state == "mailed").order_by(step.round, step.step)
        ).all()
    assert [tuple(one) for one in found] == [(1, 2), (2, 1)]


def test_a_pause_does_not_begin_another_round(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(2))
    with database.begin() as connection:
        connection.execute(tables.matching_case.update().values(paused=True))
        connection.execute(tables.case_clock.update().values(paused=True))
    run(database, overdue_day(3))
    with database.begin() as connection:
        connection.execute(tables.matching_case.update().values(paused=False))
        connection.execute(tables.case_clock.update().values(paused=False))
    run(database, overdue_day(4))
    assert steps(database) == [("S01", 1, "mailed", "PBOC-city")]


def test_after_an_outage_only_the_highest_step_is_told(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    assert run(database, overdue_day(14)).steps_raised == 1
    assert digests(database, overdue_day(14).split()[0]).keys() == {"MIIT-province", "PBOC-province"}
    assert [(step, state) for _, step, state, _ in steps(database)] == [
        (1, "superseded"),
        (2, "superseded"),
        (3, "mailed"),
        (3, "mailed"),
    ]


def test_a_second_run_adds_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        stalled_case(connection, 2, is_major=True)
    run(database, overdue_day(2))
    before = (mails(database), steps(database))
    again = run(database, overdue_day(2))
    assert (again.steps_raised, again.digests, again.urgent_mails) == (0, 0, 0)
    assert (mails(database), steps(database)) == before


def test_runs_at_the_same_time_tell_everything_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        for number in range(1, 11):
            stalled_case(connection, number)
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(lambda _: run(database, overdue_day(2)), range(4)))
    assert sum(summary.steps_raised for summary in summaries) == 10
    assert len(mails(database)) == 1
    assert len(steps(database)) == 10


def test_nothing_is_told_on_days_off_and_the_next_working_day_catches_up_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection, is_major=True)
    for day_off in ("2026-10-11 08:30", "2026-10-17 08:30", "2026-10-18 10:30"):
        assert run(database, day_off) == run_urgent(database, day_off) == NOTHING
    assert mails(database) == [] and steps(database) == []
    assert run(database, "2026-10-19 08:30").digests == 1
    assert steps(database, state="mailed") == [("S01", 2, "mailed", "PBOC-province")]


def test_a_make_up_saturday_is_a_working_day(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
        connection.execute(tables.case_clock.update().values(due_on=date(2026, 9, 30)))
    assert run(database, "2026-10-10 08:30").digests == 1


# --- The digest ------------------------------------------------------------------------------------------------------


def _one_person(connection: sa.Connection, addresses: dict[str, str]) -> None:
    """Posts (coordinator id → address) held by the same person."""
    post = tables.coordinator
    for coordinator_id, address in addresses.items():
        connection.execute(post.update().where(post.c.coordinator_id == coordinator_id).values(email=address))


def test_two_posts_with_one_address_get_one_digest_that_names_each_need_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        _one_person(connection, {"MIIT-province": "Wang@Example.test", "PBOC-province": "wang@example.TEST"})
        for number in (1, 2):
            stalled_case(connection, number)
    summary = run(database, overdue_day(10))
    assert (summary.steps_raised, summary.digests) == (2, 1)
    assert steps(database, state="mailed") == [
        ("S01", 3, "mailed", post) for post in ("MIIT-province", "MIIT-province", "PBOC-province", "PBOC-province")
    ]
    (body,) = bodies(database)
    assert body["to"] == ["Wang@Example.test"]
    for number in (1, 2):
        assert body["text"].count(need_id(number)) == 1
        assert need_id(number) in body["html"]
    # Nothing more that day, whichever of the posts has news.
    with database.begin() as connection:
        stalled_case(connection, 3)
        set_due(connection, 3, 5)
    assert run(database, overdue_day(10)).digests == 0
    assert run(database, overdue_day(11)).digests == 1


def test_full_width_letters_do_not_make_another_address(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
        stalled_case(connection, 2)
        set_due(connection, 2, -3)
        _one_person(connection, {"PBOC-city": "ＷＡＮＧ@example.test", "PBOC-province": "wang@example.test"})
    # An address that cannot be written to has no reader: the province stands in for the city.
    assert run(database, overdue_day(2)).digests == 1
    assert {who for *_, state, who in steps(database) if state == "mailed"} == {"PBOC-province"}


def test_however_many_needs_stall_a_coordinator_gets_one_digest_a_working_day(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        for number in range(1, 31):
            stalled_case(connection, number)
    summary = run(database, overdue_day(2))
    assert (summary.overdue, summary.steps_raised, summary.digests) == (30, 30, 1)
    text = bodies(database)[0]["text"]
    assert all(need_id(number) in text for number in range(1, 31))


def test_what_has_no_room_is_not_told_and_leads_the_next_digest(database: sa.Engine) -> None:
    small = with_policy(digest_lines="2")
    with database.begin() as connection:
        staff(connection, LOCAL)
        for number in range(1, 6):
            stalled_case(connection, number)
        stalled_case(connection, 6, is_major=True)
    summary = run(database, overdue_day(2), small)
    assert (summary.steps_raised, summary.waiting) == (3, 3)
    named = [need_id(number) for number in (1, 2, 6)]
    (body,) = bodies(database)
    assert [one for one in map(need_id, range(1, 7)) if one in body["text"]] == sorted(named)
    assert steps(database, need_id=need_id(4)) == []
    # On the next day others have become due that are overdue longer: those that waited come first.
    with database.begin() as connection:
        for number in (7, 8):
            stalled_case(connection, number)
            set_due(connection, number, -1)
    run(database, overdue_day(3), small)
    body = digests(database, overdue_day(3).split()[0])["PBOC-city"]
    assert need_id(3) in body["text"] and need_id(4) in body["text"]
    assert steps(database, need_id=need_id(7)) == []
    with database.connect() as connection:
        waiting = connection.execute(sa.select(tables.escalation_waiting.c.need_id)).scalars().all()
    assert sorted(waiting) == [need_id(number) for number in (5, 7, 8)]


def test_what_waits_and_is_settled_before_it_is_told_is_never_told(database: sa.Engine) -> None:
    small = with_policy(digest_lines="1")
    with database.begin() as connection:
        staff(connection)
        for number in (1, 2):
            stalled_case(connection, number)
    run(database, overdue_day(2), small)
    with database.begin() as connection:
        clock = tables.case_clock
        connection.execute(clock.update().where(clock.c.need_id == need_id(2)).values(stopped_on=date(2026, 10, 12)))
    run(database, overdue_day(3), small)
    assert steps(database, need_id=need_id(2)) == []
    with database.connect() as connection:
        assert connection.execute(sa.select(tables.escalation_waiting)).all() == []


def test_a_digest_counts_what_was_told_before_and_says_what_was_settled(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        for number in (1, 2):
            stalled_case(connection, number)
    run(database, overdue_day(2))
    with database.begin() as connection:
        clock = tables.case_clock
        connection.execute(clock.update().where(clock.c.need_id == need_id(2)).values(stopped_on=date(2026, 10, 12)))
        stalled_case(connection, 3)
        set_due(connection, 3, 1)
        add_report(connection, 2, "contacted", at=moment(overdue_day(2).replace("08:30", "10:00")))
    run(database, overdue_day(3))
    text = digests(database, overdue_day(3).split()[0])["PBOC-city"]["text"]
    assert need_id(3) in text and need_id(2) in text
    assert "经杭州" in text and "协调，中国工商银行，机构反馈" in text
    assert need_id(1) not in text, "told before and still open: only counted"
    assert "机构反馈：已接收" in text


def test_a_major_need_that_stalls_is_named_in_every_digest(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, is_major=True)
    run(database, overdue_day(2))
    with database.begin() as connection:
        stalled_case(connection, 2)
        set_due(connection, 2, 1)
    run(database, overdue_day(3))
    text = digests(database, overdue_day(3).split()[0])["PBOC-city"]["text"]
    assert need_id(1) in text and need_id(2) in text


# --- What is urgent --------------------------------------------------------------------------------------------------


def test_a_major_need_does_not_wait_for_the_next_digest(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(2))
    with database.begin() as connection:
        stalled_case(connection, 2, is_major=True)
        stalled_case(connection, 3)
    later = run_urgent(database, overdue_day(2).replace("08:30", "15:00"))
    assert (later.digests, later.urgent_mails) == (0, 1)
    assert run_urgent(database, overdue_day(2).replace("08:30", "15:30")).urgent_mails == 0
    (body,) = bodies(database, "urgent:")
    assert "加急" in body["subject"] and need_id(2) in body["text"] and need_id(3) not in body["text"]
    assert steps(database, need_id=need_id(3)) == []
    run(database, overdue_day(3))
    assert steps(database, need_id=need_id(3), state="mailed") == [("S01", 1, "mailed", "PBOC-city")]


@pytest.mark.parametrize("hour", ["07:00", "08:30", "08:59", "18:01", "23:00"])
def test_urgent_mails_leave_in_working_hours_after_the_digests_are_out(database: sa.Engine, hour: str) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, is_major=True)
    assert run_urgent(database, overdue_day(2).replace("08:30", hour)) == NOTHING
    assert run_urgent(database, overdue_day(2).replace("08:30", "09:00")).urgent_mails == 1


def test_an_obstruction_that_arrives_at_the_nation_is_told_within_the_interval(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection)
        connection.execute(tables.coordinator.delete().where(tables.coordinator.c.level != "nation"))
    run_with_tickets(database, "2026-10-09 08:30")
    assert run_with_tickets(database, "2026-10-13 08:30").digests == 2
    with database.connect() as connection:
        level = connection.execute(sa.select(tables.obstruction_ticket.c.level)).scalar_one()
    assert level == "nation"
    assert all("融资梗阻" in body["text"] for body in bodies(database))


# --- Who is told -----------------------------------------------------------------------------------------------------


def test_a_vacant_city_goes_to_the_province_and_is_counted(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [post for post in LOCAL if post != ("PBOC", "city", "330100")])
        stalled_case(connection)
    assert run(database, overdue_day(2)).vacancies == 1
    assert digests(database, overdue_day(2).split()[0]).keys() == {"PBOC-province"}


@pytest.mark.parametrize(("is_major", "who"), [(True, ["PBOC-nation"]), (False, [])])
def test_a_vacant_province_goes_to_the_nation_for_major_needs_only(
    database: sa.Engine, is_major: bool, who: list[str]
) -> None:
    with database.begin() as connection:
        staff(connection, [post for post in POSTS if post[1] == "nation"])
        stalled_case(connection, is_major=is_major)
    assert run(database, overdue_day(5)).vacancies >= 1
    assert [one for *_, state, one in steps(database) if state == "mailed"] == who


def test_where_nobody_can_be_told_the_step_waits_for_somebody(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [])
        stalled_case(connection)
    run(database, overdue_day(2))
    assert steps(database) == []
    with database.begin() as connection:
        staff(connection)
    run(database, overdue_day(5))
    assert steps(database, state="mailed") == [("S01", 2, "mailed", "PBOC-province")]


def test_a_coordinator_whose_address_smuggles_a_header_is_never_written_to(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        _one_person(connection, {"PBOC-city": "city@example.test\r\nBcc: other@example.test"})
        stalled_case(connection)
    assert run(database, overdue_day(2)).vacancies == 1
    assert digests(database, overdue_day(2).split()[0]).keys() == {"PBOC-province"}


# --- What climbs, and what does not ----------------------------------------------------------------------------------


def quiet(connection: sa.Connection) -> None:
    add_withdrawal(connection, 1)


def paused_case(connection: sa.Connection) -> None:
    connection.execute(tables.matching_case.update().values(paused=True))


def paused_clock(connection: sa.Connection) -> None:
    connection.execute(tables.case_clock.update().values(paused=True))


def stopped_clock(connection: sa.Connection) -> None:
    connection.execute(tables.case_clock.update().values(stopped_on=DUE))


def closed_case(connection: sa.Connection) -> None:
    connection.execute(tables.matching_case.update().values(state="closed"))


def expired_need(connection: sa.Connection) -> None:
    rewrite(connection, tables.need_version.update().values(quarter="2025Q2"))


@pytest.mark.parametrize("change", [quiet, paused_case, paused_clock, stopped_clock, closed_case, expired_need])
def test_withdrawn_paused_terminal_and_expired_cases_climb_no_ladder(database: sa.Engine, change: Any) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        change(connection)
    assert run(database, overdue_day(9)).steps_raised == 0
    assert mails(database) == []


def test_an_approved_need_does_not_expire(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        expired_need(connection)
        connection.execute(
            tables.matching_case.update().values(state="credit_approved", furthest_state="credit_approved")
        )
    assert run(database, overdue_day(2)).steps_raised == 1


def idle_case(connection: sa.Connection) -> None:
    pushed_need(connection, 1)
    add_case(connection, 1, state="accepted", last_event_at=moment("2026-08-30 23:30"))
    add_event(connection, 1, "accepted", sequence=1)


def turned_down_need(connection: sa.Connection) -> None:
    pushed_need(connection, 1)
    for sequence, bank in enumerate(("ICBC", "CCB", "ABC"), start=1):
        add_case(connection, 1, bank, state="declined", state_since=date(2026, 10, 9))
        add_event(connection, 1, "declined", sequence=sequence, institution_code=bank, reason_code="R17")


@pytest.mark.parametrize("stalls", [idle_case, turned_down_need])
def test_what_is_only_quiet_turned_down_or_unreachable_is_mailed_to_nobody(database: sa.Engine, stalls: Any) -> None:
    with database.begin() as connection:
        staff(connection)
        stalls(connection)
    for day in range(15):
        run(database, overdue_day(day))
    assert mails(database) == []


def test_a_push_that_nobody_is_asked_about_or_answers_starts_at_the_province(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1)
        pushed_need(connection, 2, intended_institutions=["ICBC"])
    assert run(database, "2026-10-13 08:30").steps_raised == 0
    assert run(database, "2026-10-14 08:30").steps_raised == 1
    assert steps(database) == [("S06", 2, "mailed", "PBOC-province")]
    for day in range(14, 31):
        run(database, f"2026-10-{day} 08:30")
    assert [one[1:] for one in steps(database)] == [
        (2, "mailed", "PBOC-province"),
        (3, "mailed", "MIIT-province"),
        (3, "mailed", "PBOC-province"),
    ]


def test_a_need_that_was_never_pushed_is_nobody_s_silence(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        add_need(connection, 1)
        add_delivery(connection, 1, state="pending")
    assert run(database, "2026-12-01 08:30").overdue == 0


def test_an_obstruction_is_told_once_to_both_authorities_at_each_level(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection)
    assert run_with_tickets(database, "2026-10-09 11:00").digests == 2
    assert steps(database) == [("OBSTRUCTION", 1, "mailed", "MIIT-city"), ("OBSTRUCTION", 1, "mailed", "PBOC-city")]
    assert "担保或抵质押不足" in bodies(database)[0]["text"]
    # Until the end of 10-12 it may be acknowledged (10-10 is a worked Saturday): then it is the province's.
    assert run_with_tickets(database, "2026-10-12 08:30").steps_raised == 0
    assert run_with_tickets(database, "2026-10-13 08:30").steps_raised == 1
    assert run_with_tickets(database, "2026-10-14 08:30").steps_raised == 0
    assert {recipient for *_, recipient in steps(database)} >= {"MIIT-province", "PBOC-province"}


def test_an_obstruction_of_a_major_need_goes_to_the_province_at_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, 2)
    run(database, "2026-10-09 08:30")
    with database.begin() as connection:
        obstructed_need(connection, is_major=True)
    run_with_tickets(database, "2026-10-09 08:31")
    assert [recipient for rule, *_, recipient in steps(database) if rule == "OBSTRUCTION"] == [
        "MIIT-province",
        "PBOC-province",
    ]


def test_the_branch_is_reminded_of_what_its_bank_does_not_confirm(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection)
    run_with_tickets(database, "2026-10-09 11:00")
    with database.begin() as connection:
        resolve_ticket(connection, moment("2026-10-10 10:00"))
    before = len(steps(database))
    assert run_with_tickets(database, "2026-10-16 08:30").steps_raised == 0
    assert run_with_tickets(database, "2026-10-19 08:30").steps_raised == 1
    assert steps(database)[before:] == [("OBSTRUCTION", 1, "mailed", "PBOC-province")]
    assert need_id(1) in digests(database, "2026-10-19")["PBOC-province"]["text"]


def test_a_new_alert_is_told_once_to_the_branch_s_coordinator(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1)
        add_event(connection, 1, "drawn", sequence=1)
        add_case(connection, 1, state="drawn")
        for rule_id, severity in (("G03a", "hold"), ("G09b", "warn")):
            connection.execute(
                tables.alert.insert().values(
                    rule_id=rule_id,
                    need_id=need_id(1),
                    institution_code="ICBC",
                    severity=severity,
                    state="open",
                    opened_at=moment("2026-10-09 09:00"),
                )
            )
    assert run(database, "2026-10-09 11:00").digests == 1
    assert steps(database) == [("G03a", 1, "mailed", "PBOC-province")]
    assert "放款金额超过合同金额" in bodies(database)[0]["text"]
    assert run(database, "2026-10-12 08:30").steps_raised == 0


def test_a_return_not_answered_in_time_is_told_once_to_the_department(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        returned_need(connection, "2026-10-21")
    assert run(database, "2026-10-21 08:30").steps_raised == 0
    assert run(database, "2026-10-22 08:30").steps_raised == 1
    assert run(database, "2026-11-20 08:30").steps_raised == 0
    assert steps(database) == [("S07", 1, "mailed", "MIIT-province")]


def test_a_hold_nobody_decides_on_goes_to_the_ministry_after_twice_the_time(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1, opened_at=moment("2026-10-08 10:00"))
    assert run(database, "2026-10-21 08:30").steps_raised == 0
    assert run(database, "2026-10-22 08:30").steps_raised == 1
    assert steps(database) == [("S08", 1, "mailed", "MIIT-nation")]
    assert run(database, "2026-10-23 08:30").steps_raised == 0


def test_a_return_that_never_arrived_is_not_told(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        returned_need(connection, "2026-10-21")
        connection.execute(tables.delivery.update().values(state="closed"))
    assert run(database, "2026-10-22 08:30").steps_raised == 0


def test_a_return_answered_by_a_new_revision_is_not_told(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        returned_need(connection, "2026-10-21")
        add_need(connection, 1, revision=2)
    assert run(database, "2026-10-22 08:30").steps_raised == 0


# --- What the nation is told -----------------------------------------------------------------------------------------


def test_once_a_week_the_nation_reads_a_table_and_no_need_that_is_not_major(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    nation = {"MIIT-nation", "PBOC-nation"}
    for day, told in ((14, False), (15, False), (16, False), (19, True), (20, False), (26, True)):
        run(database, f"2026-10-{day} 08:30")
        if day == 14:
            continue
        assert (digests(database, f"2026-10-{day}").keys() & nation == nation) is told, day
    text = digests(database, "2026-10-19")["MIIT-nation"]["text"]
    assert "中国工商银行" in text and "浙江" in text
    assert need_id(1) not in text


# --- What the mails say ----------------------------------------------------------------------------------------------


def test_what_outsiders_wrote_stays_text_and_nothing_personal_leaves(database: sa.Engine) -> None:
    hostile = '<img src=x onerror="alert(1)">青禾 13900001234 canary@leak.example'
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection, enterprise_name=hostile)
        connection.execute(
            insert(tables.contact)
            .values(need_id=need_id(1), revision=9, ciphertext="赵金丝雀 13900001234 canary@leak.example".encode())
            .on_conflict_do_nothing()
        )
    run(database, overdue_day(2))
    assert mails(database)
    for row in mails(database):
        for canary in ("13900001234", "canary@leak.example", "赵金丝雀"):
            assert canary not in row.body
        assert "<img" not in json.loads(row.body)["html"]
        assert "&lt;img" in json.loads(row.body)["html"]


def test_a_sole_proprietor_is_not_named(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, uscc="92330100MA2TE5T01X", enterprise_name="钱某某铸造经营部")
    run(database, overdue_day(2))
    assert mails(database)
    assert all("钱某某" not in row.body for row in mails(database))

"""Escalation on a real database: rows as the other stages would have left them, mails as the outbox holds them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include import audit
from include.base.act import Act
from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside
from include.escalation import EscalationSummary
from include.gate.consequences import queue_pushes
from include.reference import Policy, policy
from include.store import tables
from include.store.set_aside import keep
from tests.support.escalation import (
    CALENDAR,
    DUE,
    POSTS,
    bodies,
    keys,
    mails,
    notify_operator,
    obstructed_need,
    overdue_day,
    pushed_need,
    resolve_ticket,
    returned_need,
    run,
    run_with_tickets,
    staff,
    stalled_case,
    steps,
)
from tests.support.rows import (
    add_case,
    add_clock,
    add_delivery,
    add_event,
    add_hold,
    add_judgement,
    add_need,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)

# --- The ladder and the digest ---------------------------------------------------------------------------------------


def _one_person(connection: sa.Connection, addresses: dict[str, str]) -> None:
    """Posts (coordinator id → address) held by the same person."""
    for coordinator_id, address in addresses.items():
        connection.execute(
            tables.coordinator.update()
            .where(tables.coordinator.c.coordinator_id == coordinator_id)
            .values(email=address)
        )


def test_two_posts_with_one_address_get_one_digest_that_names_both(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        _one_person(connection, {"MIIT-city": "Wang@Example.test", "PBOC-city": "wang@example.TEST"})
        stalled_case(connection, 1)
        stalled_case(connection, 2)
    summary = run(database, overdue_day(1))
    assert (summary.steps_raised, summary.digests) == (2, 1)
    assert keys(database) == ["digest:MIIT-city:2026-10-10"]
    # Both posts are recorded as told, and the mail names both.
    assert steps(database) == [
        ("S01", 1, "mailed", post) for post in ("MIIT-city", "MIIT-city", "PBOC-city", "PBOC-city")
    ]
    (body,) = bodies(database)
    assert body["to"] == ["Wang@Example.test"]
    for text in (body["text"], body["html"]):
        assert "杭州市 · 市级 · 工信部门、杭州市 · 市级 · 人民银行 协调人" in text
    assert body["subject"].startswith("【绿厂融通】融资对接提醒：2项需协调")
    assert body["text"].count(need_id(1)) == body["text"].count(need_id(2)) == 1
    # Nothing more that day; on the next a third goes out, as one digest again, beside what climbs to the province.
    assert run(database, overdue_day(1)).digests == 0
    with database.begin() as connection:
        stalled_case(connection, 3)
        connection.execute(
            tables.case_clock.update()
            .where(tables.case_clock.c.need_id == need_id(3))
            .values(due_on=CALENDAR.add_working_days(DUE, 1).day)
        )
    assert run(database, overdue_day(1)).digests == 0
    run(database, overdue_day(2))
    next_day = overdue_day(2).split()[0]
    assert [key for key in keys(database, "digest:") if "city" in key and next_day in key] == [
        f"digest:MIIT-city:{next_day}"
    ]
    (body,) = bodies(database, f"digest:MIIT-city:{next_day}")
    assert need_id(3) in body["text"] and "1项需协调" in body["subject"]


def test_a_mailbox_of_two_posts_has_one_digest_a_day_whichever_post_is_told_first(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        _one_person(connection, {"PBOC-city": "wang@example.test", "PBOC-province": "WANG@example.test"})
        stalled_case(connection, 1)
    assert run(database, overdue_day(1)).digests == 2
    with database.begin() as connection:
        # S01's second step goes to the province: the mailbox has had its digest of the day.
        stalled_case(connection, 2)
        connection.execute(
            tables.case_clock.update().where(tables.case_clock.c.need_id == need_id(2)).values(due_on=date(2026, 9, 1))
        )
    run(database, overdue_day(1))
    to = [body["to"][0].lower() for body in bodies(database, "digest:")]
    assert to.count("wang@example.test") == 1


def test_a_case_one_working_day_overdue_is_told_to_both_authorities_of_the_city(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    summary = run(database, overdue_day(1))
    assert summary == EscalationSummary(overdue=1, steps_raised=1, digests=2, urgent_mails=0, vacancies=0)
    assert keys(database) == ["digest:MIIT-city:2026-10-10", "digest:PBOC-city:2026-10-10"]
    assert steps(database) == [("S01", 1, "mailed", "MIIT-city"), ("S01", 1, "mailed", "PBOC-city")]
    assert [body["to"] for body in bodies(database)] == [["miit.city@example.test"], ["pboc.city@example.test"]]


def test_a_case_due_today_is_not_overdue_yet(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    assert run(database, f"{DUE} 23:59").overdue == 0
    assert mails(database) == []


def test_however_many_cases_stall_a_coordinator_gets_one_digest_a_working_day(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        for number in range(1, 31):
            stalled_case(connection, number)
    summary = run(database, overdue_day(1))
    assert (summary.overdue, summary.steps_raised, summary.digests) == (30, 30, 2)
    text = bodies(database)[0]["text"]
    assert all(need_id(number) in text for number in range(1, 31))


def test_a_flood_of_items_is_counted_by_institution_rather_than_cut_by_the_mail_client(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        for number in range(1, 203):
            stalled_case(connection, number)
    assert run(database, overdue_day(1)).steps_raised == 202
    body = bodies(database)[0]
    assert "202项需协调" in body["subject"]
    for form in (body["text"], body["html"]):
        assert sum(need_id(number) in form for number in range(1, 203)) == 200
        assert "中国工商银行 2 项" in form


def test_a_second_run_adds_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        stalled_case(connection, 2, is_major=True)
    run(database, overdue_day(1))
    before = (mails(database), steps(database))
    again = run(database, overdue_day(1))
    assert (again.steps_raised, again.digests, again.urgent_mails) == (0, 0, 0)
    assert (mails(database), steps(database)) == before


def test_runs_at_the_same_time_tell_everything_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        for number in range(1, 11):
            stalled_case(connection, number)
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(lambda _: run(database, overdue_day(1)), range(4)))
    assert sum(summary.steps_raised for summary in summaries) == 10
    assert len(mails(database)) == 2
    assert len(steps(database)) == 20


def test_looked_at_every_day_a_breach_climbs_each_rung_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        connection.execute(tables.matching_case.update().values(last_event_at=moment("2026-12-30 10:00")))
    day = DUE
    while day < date(2026, 11, 30):
        run(database, f"{day} 08:30")
        day += timedelta(days=1)
    assert steps(database) == [
        ("S01", 1, "mailed", "MIIT-city"),
        ("S01", 1, "mailed", "PBOC-city"),
        ("S01", 2, "mailed", "PBOC-province"),
        ("S01", 3, "mailed", "MIIT-province"),
        ("S01", 3, "mailed", "PBOC-province"),
        ("S01", 4, "mailed", "MIIT-nation"),
        ("S01", 4, "mailed", "PBOC-nation"),
    ]


def test_after_an_outage_only_the_highest_step_is_told(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    summary = run(database, overdue_day(7))
    assert summary.steps_raised == 1
    assert keys(database) == ["digest:MIIT-province:2026-10-19", "digest:PBOC-province:2026-10-19"]
    assert [(step, state) for _, step, state, _ in steps(database, rule_id="S01")] == [
        (1, "superseded"),
        (2, "superseded"),
        (3, "mailed"),
        (3, "mailed"),
    ]


def test_nothing_is_told_on_days_off_and_the_next_working_day_catches_up_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    for day_off in ("2026-10-11 08:30", "2026-10-17 08:30", "2026-10-18 08:30"):
        assert run(database, day_off) == EscalationSummary(0, 0, 0, 0, 0)
    assert mails(database) == [] and steps(database) == []
    assert run(database, "2026-10-12 08:30").digests == 1
    assert steps(database, state="mailed") == [("S01", 2, "mailed", "PBOC-province")]


def test_a_make_up_saturday_is_a_working_day(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    assert run(database, "2026-10-10 08:30").digests == 2


def test_the_nation_is_told_at_once_by_a_mail_of_its_own(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        stalled_case(connection, 2)
        connection.execute(tables.matching_case.update().values(last_event_at=moment("2026-10-20 10:00")))
    summary = run(database, overdue_day(10))
    assert (summary.digests, summary.urgent_mails) == (0, 2)
    assert all(key.startswith(("urgent:MIIT-nation:", "urgent:PBOC-nation:")) for key in keys(database))
    assert all("加急" in body["subject"] for body in bodies(database))
    assert need_id(1) in bodies(database)[0]["text"] and need_id(2) in bodies(database)[0]["text"]


def test_a_major_need_does_not_wait_for_the_next_digest(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(1))
    with database.begin() as connection:
        stalled_case(connection, 2, is_major=True)
        stalled_case(connection, 3)
    later = run(database, overdue_day(1).replace("08:30", "15:00"))
    assert (later.digests, later.urgent_mails) == (0, 2)
    assert steps(database, need_id=need_id(2)) != []
    assert steps(database, need_id=need_id(3)) == []
    run(database, overdue_day(2))
    assert steps(database, need_id=need_id(3), state="mailed") == [("S01", 2, "mailed", "PBOC-province")]


def test_a_digest_repeats_in_short_what_was_told_before_and_is_still_open(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        stalled_case(connection, 2)
    run(database, overdue_day(1))
    with database.begin() as connection:
        connection.execute(
            tables.case_clock.update().where(tables.case_clock.c.need_id == need_id(2)).values(stopped_on=DUE)
        )
        pushed_need(connection, 3)
        add_case(connection, 3, last_event_at=moment("2026-10-08 10:00"))
        add_event(connection, 3, "received", sequence=1)
        add_clock(connection, 3, due_on=date(2026, 10, 12))
    run(database, "2026-10-13 08:30")
    text = bodies(database, "digest:MIIT-city:2026-10-13")[0]["text"]
    new, before = text.split("此前已提请、尚未办结（1 项）")
    assert need_id(3) in new and need_id(1) not in new
    assert need_id(1) in before and need_id(2) not in before


# --- Who is told -----------------------------------------------------------------------------------------------------


def test_a_vacant_city_goes_to_the_province_and_is_counted(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [post for post in POSTS if post != ("MIIT", "city", "330100")])
        stalled_case(connection)
    summary = run(database, overdue_day(1))
    assert summary.vacancies == 1
    assert keys(database) == ["digest:MIIT-province:2026-10-10", "digest:PBOC-city:2026-10-10"]
    assert "市级暂无在岗协调人" in bodies(database)[0]["text"]
    assert "暂无在岗协调人" not in bodies(database)[1]["text"]


def test_where_nobody_can_be_told_the_step_waits_for_somebody(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [])
        stalled_case(connection)
    assert run(database, overdue_day(1)).vacancies == 6
    assert steps(database) == []
    with database.begin() as connection:
        staff(connection)
    run(database, overdue_day(2))
    assert steps(database, state="mailed") == [("S01", 2, "mailed", "PBOC-province")]


def test_a_coordinator_whose_address_smuggles_a_header_is_never_written_to(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        connection.execute(
            tables.coordinator.update()
            .where(tables.coordinator.c.coordinator_id == "MIIT-city")
            .values(email="city@example.test\r\nBcc: other@example.test")
        )
        stalled_case(connection)
    assert run(database, overdue_day(1)).vacancies == 1
    assert keys(database) == ["digest:MIIT-province:2026-10-10", "digest:PBOC-city:2026-10-10"]


# --- What climbs, and what does not ----------------------------------------------------------------------------------


def quiet(connection: sa.Connection) -> None:
    add_withdrawal(connection, 1)


def paused_case(connection: sa.Connection) -> None:
    connection.execute(tables.matching_case.update().values(paused=True))


def paused_clock(connection: sa.Connection) -> None:
    connection.execute(tables.case_clock.update().values(paused=True))
    connection.execute(tables.matching_case.update().values(last_event_at=moment("2026-10-20 10:00")))


def stopped_clock(connection: sa.Connection) -> None:
    connection.execute(tables.case_clock.update().values(stopped_on=DUE))
    connection.execute(tables.matching_case.update().values(last_event_at=moment("2026-10-20 10:00")))


def closed_case(connection: sa.Connection) -> None:
    # Closed after money flowed: S03 does not apply either.
    connection.execute(tables.matching_case.update().values(state="closed", drawn=1))


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
    assert run(database, overdue_day(1)).steps_raised == 1


def test_an_idle_case_is_told_although_no_limit_is_overdue(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1)
        add_case(connection, 1, state="accepted", last_event_at=moment("2026-09-30 23:30"))
        add_event(connection, 1, "accepted", sequence=1)
    assert run(database, "2026-10-20 08:30").steps_raised == 0
    assert run(database, "2026-10-21 08:30").steps_raised == 1
    assert {rule for rule, *_ in steps(database)} == {"S02"}
    assert "对接长时间没有新的反馈" in bodies(database)[0]["text"]


def test_two_refusals_are_told_once_for_the_need_as_a_whole(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1)
        for sequence, bank in enumerate(("ICBC", "CCB", "ABC"), start=1):
            add_case(connection, 1, bank, state="declined", state_since=date(2026, 10, 9))
            add_event(connection, 1, "declined", sequence=sequence, institution_code=bank)
    assert run(database, "2026-10-10 08:30").steps_raised == 1
    assert {rule for rule, *_ in steps(database, institution_code="")} == {"S03"}
    assert run(database, "2026-10-10 09:30").steps_raised == 0


def test_three_failed_contacts_are_told_without_any_contact(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1)
        for sequence, bank in enumerate(("ICBC", "CCB", "ABC"), start=1):
            add_event(
                connection,
                1,
                "declined",
                sequence=sequence,
                institution_code=bank,
                occurred_at=moment(f"2026-10-{8 + sequence:02d} 10:00"),
                reason_code="R17",
            )
    run(database, "2026-10-12 08:30")
    assert {rule for rule, *_ in steps(database)} == {"S05"}


def test_a_push_that_nobody_answers_is_told_after_five_working_days(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1)
    assert run(database, "2026-10-13 08:30").steps_raised == 0
    assert run(database, "2026-10-14 08:30").steps_raised == 1
    assert {rule for rule, *_ in steps(database)} == {"S06"}


def test_a_need_that_was_never_pushed_is_nobody_s_silence(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        add_need(connection, 1)
        add_delivery(connection, 1, state="pending")
    assert run(database, "2026-12-01 08:30").overdue == 0


def test_several_reasons_of_one_case_stand_together(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        connection.execute(tables.matching_case.update().values(last_event_at=moment("2026-09-24 10:00")))
    run(database, "2026-10-20 08:30")
    body = bodies(database, "digest:PBOC-province")[0]
    assert "1项需协调" in body["subject"]
    assert body["text"].count(need_id(1)) == 1
    assert body["text"].count("事由：") == 2


def test_an_obstruction_is_told_once_to_both_authorities_at_each_level(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection)
    assert run_with_tickets(database, "2026-10-09 11:00").digests == 2
    assert steps(database) == [("OBSTRUCTION", 1, "mailed", "MIIT-city"), ("OBSTRUCTION", 1, "mailed", "PBOC-city")]
    text = bodies(database)[0]["text"]
    assert "机构报告融资梗阻：担保或抵质押不足" in text
    assert "工信部门牵头" in text
    # Until the end of 10-12 it may be acknowledged (10-10 is a worked Saturday): then it is the province's.
    assert run_with_tickets(database, "2026-10-12 08:30").steps_raised == 0
    assert run_with_tickets(database, "2026-10-13 08:30").steps_raised == 1
    assert run_with_tickets(database, "2026-10-14 08:30").steps_raised == 0
    assert {recipient for *_, recipient in steps(database)} >= {"MIIT-province", "PBOC-province"}


def test_an_obstruction_of_a_major_need_goes_to_the_province_at_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection, is_major=True)
    assert run_with_tickets(database, "2026-10-09 11:00").urgent_mails == 2
    assert [recipient for *_, recipient in steps(database)] == ["MIIT-province", "PBOC-province"]


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
    assert "机构尚未确认" in bodies(database, "digest:PBOC-province")[-1]["text"]


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
    text = bodies(database)[0]["text"]
    assert "警示：放款金额超过合同金额。" in text and "督促机构核实更正" in text
    assert run(database, "2026-10-12 08:30").steps_raised == 0


def test_a_return_not_answered_in_time_is_told_once_to_the_department(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        returned_need(connection, "2026-10-21")
    assert run(database, "2026-10-21 08:30").steps_raised == 0
    assert run(database, "2026-10-22 08:30").steps_raised == 1
    assert run(database, "2026-11-20 08:30").steps_raised == 0
    assert steps(database) == [("S07", 1, "mailed", "MIIT-province")]


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


# --- What the mails say ----------------------------------------------------------------------------------------------


def test_a_digest_says_what_why_since_when_and_by_when(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(1))
    body = bodies(database)[0]
    assert body["subject"] == "【绿厂融通】融资对接提醒：1项需协调，最长逾期1个工作日"
    for form in (body["text"], body["html"]):
        for expected in (
            need_id(1),
            "青禾精密铸造有限公司",
            "中国工商银行",
            "已推送",
            "推送后机构尚未接收",
            "2026年9月30日（周三）",
            "2026年10月9日（周五）",
            "已逾期 1 个工作日",
            "如实反馈原因",
            "2026年10月12日（周一）前；届时仍无进展的，将提请省级（人民银行）",
            "自主决策",
            "工作安排",
        ):
            assert expected in form
        assert "暂定" not in form


def test_a_provisional_due_day_is_marked_and_explained(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        connection.execute(tables.case_clock.update().values(provisional=True))
    run(database, overdue_day(1))
    text = bodies(database)[0]["text"]
    assert "2026年10月9日（周五，暂定）" in text
    assert "公布后可能调整" in text


def test_what_outsiders_wrote_stays_text_and_nothing_personal_leaves(database: sa.Engine) -> None:
    hostile = '<img src=x onerror="alert(1)">青禾 13900001234 canary@leak.example'
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, enterprise_name=hostile)
        connection.execute(
            insert(tables.contact)
            .values(need_id=need_id(1), revision=9, ciphertext="赵金丝雀 13900001234 canary@leak.example".encode())
            .on_conflict_do_nothing()
        )
    run(database, overdue_day(1))
    for row in mails(database):
        for canary in ("13900001234", "canary@leak.example", "赵金丝雀"):
            assert canary not in row.body
        assert "<img" not in json.loads(row.body)["html"]
        assert "&lt;img" in json.loads(row.body)["html"]


def test_a_sole_proprietor_is_not_named(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, uscc="92330100MA2TE5T01X", enterprise_name="钱某某铸造经营部")
    run(database, overdue_day(1))
    assert all("钱某某" not in row.body for row in mails(database))


# --- The operator's notice -------------------------------------------------------------------------------------------


def test_the_operator_hears_once_a_day_of_pushes_holds_vacancies_and_provisional_days(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, POSTS[1:])
        stalled_case(connection)
        connection.execute(tables.case_clock.update().values(provisional=True))
        add_need(connection, 2)
        add_delivery(connection, 2, state="unknown")
        add_need(connection, 3, verdict="held")
        add_hold(connection, 3, opened_at=moment("2026-09-23 20:00"))
    assert notify_operator(database, overdue_day(3))
    assert not notify_operator(database, overdue_day(3))
    [body] = bodies(database, "operator:")
    assert body["subject"] == "【绿厂融通】运维提示：1项推送无结果，1项挂起未决定，1个岗位空缺"
    for form in (body["text"], body["html"]):
        for expected in (need_id(2), need_id(3), "杭州市 · 市级 · 工信部门", "暂定日期（1 个时限）"):
            assert expected in form
        for page in ("deliveries", "holds"):
            assert f"https://console.example.test/{page}" in form
    for number in (2, 3):
        assert f'href="https://console.example.test/needs/{need_id(number)}"' in body["html"]


def test_the_operator_hears_of_what_waits_for_sign_off(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        for number in (1, 2):
            add_need(connection, number, is_major=number == 2)
        two = Policy({**policy().values, "push_approval": "two"})
        assert queue_pushes(connection, [(need_id(1), 1), (need_id(2), 1)], moment("2026-10-01 09:00"), two) == 0
    assert notify_operator(database, "2026-10-12 09:00")
    [body] = bodies(database, "operator:")
    assert body["subject"] == "【绿厂融通】运维提示：2条待签批"
    for form in (body["text"], body["html"]):
        assert "2026Q3：2 条，其中重大项目 1 条，合计 2,000 万元，最早自 2026年10月1日" in form
        assert "https://console.example.test/approvals" in form


def test_the_operator_hears_nothing_where_nothing_is_amiss_or_on_a_day_off(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        add_need(connection, 1)
        add_delivery(connection, 1, state="delivered")
        add_need(connection, 2, verdict="held")
        add_hold(connection, 2, opened_at=moment("2026-10-08 10:00"))
    assert not notify_operator(database, "2026-10-12 08:30")
    assert not notify_operator(database, "2026-11-21 08:30")
    assert notify_operator(database, "2026-11-20 08:30")


def test_the_notice_hands_out_the_head_of_the_audit_chain_on_each_day_with_new_entries(database: sa.Engine) -> None:
    heads = []
    for day in ("2026-10-12", "2026-10-14"):
        with database.begin() as connection:
            audit.record(
                connection,
                act=Act(actor_id="a", role="r", reason="why", at=moment(f"{day} 02:00")),
                action="x",
                object_="o",
            )
            heads.append(str(audit.head(connection)))
        assert notify_operator(database, f"{day} 08:30")
        assert not notify_operator(database, f"{day[:-1]}{int(day[-1]) + 1} 08:30")
    first, second = bodies(database, "operator:")
    assert first["subject"] == "【绿厂融通】运维提示：无待处理事项，请留存审计首部"
    for body, head in ((first, heads[0]), (second, heads[1])):
        assert head in body["text"]
        assert head in body["html"]


def test_the_operator_hears_of_what_could_not_be_read_until_it_comes_whole(database: sa.Engine) -> None:
    cipher = PersonalDataCipher(["key of the escalation tests"])
    pieces = [SetAside(b"1", "不是一个对象"), SetAside(b"2", "不是一个对象")]
    with database.begin() as connection:
        keep(connection, cipher, "needs/2026Q3/330000/recommended", pieces, now=moment("2026-10-10 10:00"), whole=True)
        keep(connection, cipher, "feedback", pieces[:1], now=moment("2026-10-10 10:00"), whole=False)
    assert notify_operator(database, "2026-10-12 08:30")
    [body] = bodies(database, "operator:")
    assert body["subject"] == "【绿厂融通】运维提示：3条内容未能读取"
    for form in (body["text"], body["html"]):
        for expected in (
            "绿色平台融资需求：2 条",
            "信贷市场服务平台对接反馈：1 条",
            "https://console.example.test/unreadable",
        ):
            assert expected in form
    with database.begin() as connection:
        keep(connection, cipher, "needs/2026Q3/330000/recommended", [], now=moment("2026-10-12 10:00"), whole=True)
        keep(connection, cipher, "feedback", [], now=moment("2026-10-12 10:00"), whole=True)
    assert not notify_operator(database, "2026-10-13 08:30")


def test_a_hold_that_is_settled_or_was_overtaken_is_decided(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        for number, state in enumerate(("released", "returned", "expired"), start=1):
            add_need(connection, number, verdict="held")
            add_hold(connection, number, state=state)
        add_need(connection, 4, verdict="held")
        add_hold(connection, 4)
        add_need(connection, 4, revision=2, verdict=None)
        add_need(connection, 5, verdict="held")
        add_hold(connection, 5)
        add_withdrawal(connection, 5)
    assert not notify_operator(database, "2026-10-20 08:30")
    with database.begin() as connection:
        add_need(connection, 6, verdict="held")
        add_hold(connection, 6)
    assert notify_operator(database, "2026-10-20 08:30")


def test_a_hold_without_a_usable_number_is_named_by_its_own(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        add_need(connection, 1, verdict="held")
        hold = add_hold(connection, 1)
        connection.execute(tables.quarantine.update().values(need_id=None, revision=None))
    assert notify_operator(database, "2026-10-20 08:30")
    [body] = bodies(database, "operator:")
    assert f"挂起记录{hold}" in body["text"]


def test_rejudging_a_hold_does_not_start_its_limit_anew(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1)
        judged_again: datetime = moment("2026-10-20 08:00")
        add_judgement(connection, 1, "held", judged_at=judged_again, ruleset_version="rules-2")
    assert notify_operator(database, "2026-10-20 08:30")

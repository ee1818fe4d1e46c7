"""The auditor (核查) beside the ladder: content with what was told, alarmed where anything of any rule was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from include import escalation
from include.escalation import AuditSummary, StepsMissing
from include.reference.day import Day
from include.store import tables
from tests.support.escalation import (
    CALENDAR,
    LOCAL,
    POLICY,
    POSTS,
    keys,
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
    with_policy,
)
from tests.support.rows import (
    add_case,
    add_delivery,
    add_event,
    add_hold,
    add_need,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)


def audit(database: sa.Engine, when: str) -> AuditSummary:
    return escalation.audit_steps(database, day=Day(moment(when), CALENDAR, POLICY))


def forget_steps(connection: sa.Connection, rule_id: str) -> None:
    step = tables.escalation_step
    assert rewrite(connection, step.delete().where(step.c.rule_id == rule_id)).rowcount


def hand_over(connection: sa.Connection) -> None:
    connection.execute(tables.delivery.update().where(tables.delivery.c.channel == "mail").values(state="delivered"))


def overdue_limit(connection: sa.Connection) -> None:
    stalled_case(connection)


def unclaimed_need(connection: sa.Connection) -> None:
    pushed_need(connection, 1)


def unanswered_return(connection: sa.Connection) -> None:
    returned_need(connection, "2026-10-13")


def standing_alert(connection: sa.Connection) -> None:
    pushed_need(connection, 1)
    add_event(connection, 1, "drawn", sequence=1)
    add_case(connection, 1, state="drawn")
    connection.execute(
        tables.alert.insert().values(
            rule_id="G03a",
            need_id=need_id(1),
            institution_code="ICBC",
            severity="hold",
            state="open",
            opened_at=moment("2026-10-09 09:00"),
        )
    )


def forgotten_hold(connection: sa.Connection) -> None:
    add_need(connection, 1, verdict="held")
    add_hold(connection, 1, opened_at=moment("2026-09-15 10:00"))


RULES: dict[str, Callable[[sa.Connection], None]] = {
    "S01": overdue_limit,
    "S06": unclaimed_need,
    "S07": unanswered_return,
    "S08": forgotten_hold,
    "G03a": standing_alert,
    "OBSTRUCTION": obstructed_need,
}


@pytest.mark.parametrize("rule_id", RULES)
def test_it_is_content_with_what_was_told_and_alarmed_where_it_was_not(database: sa.Engine, rule_id: str) -> None:
    when = overdue_day(5)
    with database.begin() as connection:
        staff(connection)
        RULES[rule_id](connection)
    run_with_tickets(database, when)
    notify_operator(database, when)
    later = when.replace("08:30", "09:00")
    assert audit(database, later).breaches >= 1
    with database.begin() as connection:
        forget_steps(connection, rule_id)
    with pytest.raises(StepsMissing, match=f"没有提请.*{rule_id}"):
        audit(database, later)


@pytest.mark.parametrize("rule_id", ["S01", "S06"])
def test_a_step_higher_up_is_missed_like_the_first(database: sa.Engine, rule_id: str) -> None:
    with database.begin() as connection:
        staff(connection)
        RULES[rule_id](connection)
    day = date(2026, 10, 10)
    while day < date(2026, 11, 20):
        if CALENDAR.is_working_day(day):
            run(database, f"{day} 08:30")
            with database.begin() as connection:
                hand_over(connection)
            audit(database, f"{day} 08:30")
        day += timedelta(days=1)
    with database.begin() as connection:
        step = tables.escalation_step.c
        rewrite(connection, tables.escalation_step.delete().where((step.rule_id == rule_id) & (step.step == 3)))
    with pytest.raises(StepsMissing, match=rule_id):
        audit(database, "2026-11-19 08:30")


@pytest.mark.parametrize("rule_id", [*RULES])
def test_nothing_is_missed_of_a_withdrawn_need(database: sa.Engine, rule_id: str) -> None:
    with database.begin() as connection:
        staff(connection)
        RULES[rule_id](connection)
        add_withdrawal(connection, 1)
    run_with_tickets(database, overdue_day(5))
    audit(database, overdue_day(5))


def test_a_ticket_that_did_not_climb_is_missed(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection)
    run_with_tickets(database, "2026-10-09 11:00")
    with database.begin() as connection:
        hand_over(connection)
    audit(database, "2026-10-12 08:30")
    run(database, "2026-10-13 08:30")
    with pytest.raises(StepsMissing, match=r"协调事项逾期而没有升级.*ICBC"):
        audit(database, "2026-10-13 08:30")
    run_with_tickets(database, "2026-10-13 08:30")
    audit(database, "2026-10-13 08:30")


def test_a_confirmation_that_nobody_was_told_of_is_missed(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        obstructed_need(connection)
    run_with_tickets(database, "2026-10-09 11:00")
    with database.begin() as connection:
        resolve_ticket(connection, moment("2026-10-10 10:00"))
        hand_over(connection)
    audit(database, "2026-10-16 08:30")
    with pytest.raises(StepsMissing, match="OBSTRUCTION"):
        audit(database, "2026-10-19 08:30")
    run_with_tickets(database, "2026-10-19 08:30")
    audit(database, "2026-10-19 08:30")


@pytest.mark.parametrize("rule_id", ["S04", "S08"])
def test_an_operator_who_got_no_notice_is_missed(database: sa.Engine, rule_id: str) -> None:
    with database.begin() as connection:
        staff(connection)
        if rule_id == "S04":
            add_need(connection, 1)
            add_delivery(connection, 1, state="unknown")
        else:
            add_need(connection, 1, verdict="held")
            add_hold(connection, 1)
    on_time, late = {"S04": ("2026-10-08", "2026-10-09"), "S08": ("2026-10-13", "2026-10-14")}[rule_id]
    audit(database, f"{on_time} 08:30")
    with pytest.raises(StepsMissing, match="1 项推送无结果或待核实未决定，而今天没有运维提示"):
        audit(database, f"{late} 08:30")
    assert notify_operator(database, f"{late} 08:30")
    audit(database, f"{late} 08:30")


def test_a_mail_that_is_gone_is_missed(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(3))
    gone = keys(database)[0]
    with database.begin() as connection:
        rewrite(connection, tables.delivery.delete().where(tables.delivery.c.idempotency_key == gone))
    with pytest.raises(StepsMissing, match=gone):
        audit(database, overdue_day(3))


@pytest.mark.parametrize("state", ["pending", "held"])
def test_a_mail_that_was_not_handed_over_within_a_day_is_missed(database: sa.Engine, state: str) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        stalled_case(connection)
    run(database, overdue_day(3))
    one = keys(database)[0]
    with database.begin() as connection:
        hand_over(connection)
        mail = tables.delivery.c.idempotency_key == one
        connection.execute(tables.delivery.update().where(mail).values(state=state))
    assert audit(database, overdue_day(3).replace("08:30", "20:00")).waiting == 1
    run(database, overdue_day(4))
    with pytest.raises(StepsMissing, match=f"1 封邮件登记满一天仍未发出（{one}）"):
        audit(database, overdue_day(4))
    with database.begin() as connection:
        connection.execute(tables.delivery.update().where(mail).values(state="closed"))
    audit(database, overdue_day(4))


def test_it_asks_nothing_on_a_day_off_or_of_a_network_without_the_nation_s_post(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [])
        stalled_case(connection)
    audit(database, overdue_day(3))
    assert audit(database, "2026-10-11 08:30") == AuditSummary(0, 0, 0)


def test_a_vacancy_at_the_other_authority_excuses_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [post for post in POSTS if post != ("MIIT", "province", "330000")])
        stalled_case(connection)
    with pytest.raises(StepsMissing, match="S01"):
        audit(database, overdue_day(10))


def test_a_need_that_is_not_major_is_not_missed_where_only_the_nation_is_there(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection, [post for post in POSTS if post[1] == "nation"])
        stalled_case(connection)
    audit(database, overdue_day(4))
    with database.begin() as connection:
        rewrite(connection, tables.need_version.update().values(is_major=True))
    with pytest.raises(StepsMissing, match="S01"):
        audit(database, overdue_day(4))


@pytest.mark.parametrize("part", ["text", "html", "to"])
def test_what_is_recorded_as_told_and_is_not_in_the_mail_is_missed(database: sa.Engine, part: str) -> None:
    with database.begin() as connection:
        staff(connection, LOCAL)
        for number in (1, 2):
            stalled_case(connection, number)
    run(database, overdue_day(3))
    later = overdue_day(3).replace("08:30", "09:00")
    audit(database, later)
    with database.begin() as connection:
        row = connection.execute(
            sa.select(tables.delivery).where(tables.delivery.c.idempotency_key.startswith("digest:"))
        ).one()
        body = json.loads(row.body)
        body[part] = ["somebody.else@example.test"] if part == "to" else body[part].replace(need_id(2), "")
        mail = tables.delivery.c.delivery_id == row.delivery_id
        rewrite(connection, tables.delivery.update().where(mail).values(body=json.dumps(body)))
    with pytest.raises(StepsMissing, match=f"没有写进发给本人的邮件.*{need_id(2)} S01"):
        audit(database, later)


def test_what_had_no_room_is_excused_only_while_todays_mail_is_full(database: sa.Engine) -> None:
    small = with_policy(digest_lines="2")
    with database.begin() as connection:
        staff(connection)
        for number in (1, 2, 3):
            stalled_case(connection, number)
    later = moment(overdue_day(3).replace("08:30", "09:00"))
    run(database, overdue_day(3), small)
    escalation.audit_steps(database, day=Day(later, CALENDAR, small))
    with pytest.raises(StepsMissing, match=need_id(3)):
        escalation.audit_steps(database, day=Day(later, CALENDAR, POLICY))


def test_what_changed_while_the_ladder_was_looked_at_is_left_to_the_next_audit(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        just_now = moment(overdue_day(2).replace("08:30", "08:25"))
        connection.execute(tables.matching_case.update().values(folded_at=just_now))
    audit(database, overdue_day(2))
    with pytest.raises(StepsMissing, match="S01"):
        audit(database, overdue_day(2).replace("08:30", "08:40"))


def test_what_came_after_the_digest_of_the_day_waits_for_the_next(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, overdue_day(3))
    with database.begin() as connection:
        stalled_case(connection, 2)
        later = moment(overdue_day(3)).replace(hour=12)
        case = tables.matching_case
        connection.execute(case.update().where(case.c.need_id == need_id(2)).values(folded_at=later))
        standing_alert_of(connection, 2, later.isoformat())
    audit(database, overdue_day(3).replace("08:30", "15:00"))
    with database.begin() as connection:
        hand_over(connection)
    with pytest.raises(StepsMissing, match=f"2 个到期事项没有提请.*{need_id(2)}"):
        audit(database, overdue_day(4))


def standing_alert_of(connection: sa.Connection, number: int, opened_at: str) -> None:
    connection.execute(
        sa.text(
            "insert into alert (rule_id, need_id, institution_code, severity, state, opened_at)"
            " values ('G03a', :need_id, 'ICBC', 'hold', 'open', :opened_at)"
        ),
        {"need_id": need_id(number), "opened_at": opened_at},
    )

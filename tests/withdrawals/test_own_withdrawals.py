"""Withdrawals by us: nothing happens on one person's word, and everything on two persons'."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.errors import InvalidRequest, NotFound
from include.escalation.settled import settled_since
from include.withdrawals import view
from include.withdrawals.two_persons import decide_withdrawal
from tests.support.escalation import mails, overdue_day, run, staff, stalled_case, steps
from tests.support.matching import NEED, collect, prepare, told
from tests.support.rows import add_delivery, add_hold, add_need, add_withdrawal, moment, need_id
from tests.support.withdrawals import NOW, ask, person, withdraw_by_two

LATER = moment("2026-10-21 10:00")


def _state(database: sa.Engine) -> dict[str, Any]:
    with database.connect() as connection:
        return {
            name: connection.execute(sa.text(statement)).scalars().all()
            for name, statement in {
                "notices": "select reason_code from withdrawal_notice",
                "pushes": "select state from delivery where action = 'push' order by delivery_id",
                "withdrawals": "select body from delivery where action = 'withdrawal'",
                "holds": "select state from quarantine",
                "audit": "select action || ' ' || actor from audit_entry order by entry_id",
            }.items()
        }


@pytest.fixture
def pushed(database: sa.Engine) -> sa.Engine:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
    return database


def test_a_request_alone_changes_nothing(pushed: sa.Engine) -> None:
    with pushed.begin() as connection:
        ask(connection, need_id(1))
    assert _state(pushed) == {
        "notices": [],
        "pushes": ["delivered"],
        "withdrawals": [],
        "holds": [],
        "audit": ["request_withdrawal wang"],
    }


def test_the_second_person_withdraws_the_need_and_the_market_learns_why(pushed: sa.Engine) -> None:
    with pushed.begin() as connection:
        withdraw_by_two(connection, need_id(1))
    found = _state(pushed)
    assert (found["notices"], found["audit"]) == (
        ["duplicate_project"],
        ["request_withdrawal wang", "confirm_withdrawal li"],
    )
    (body,) = (json.loads(one) for one in found["withdrawals"])
    assert (body["need_id"], body["revision"], body["reason_code"]) == (need_id(1), 1, "duplicate_project")
    assert "同一项目" in body["note"]


def test_a_held_need_is_closed_and_a_waiting_push_is_not_sent(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1)
        add_need(connection, 2)
        add_delivery(connection, 2, state="pending")
        for number in (1, 2):
            withdraw_by_two(connection, need_id(number), "false_information")
    found = _state(database)
    assert (found["holds"], found["pushes"], found["withdrawals"]) == (["expired"], ["superseded"], [])


def test_the_green_platform_hears_of_it_with_the_next_fold(database: sa.Engine) -> None:
    prepare(database)
    with database.begin() as connection:
        withdraw_by_two(connection, NEED)
    from tests.support.matching import Feed

    collect(database, Feed([]), LATER)
    assert [one["stage"] for one in told(database)][-1] == "withdrawn"


@pytest.mark.parametrize("decision", ["confirmed", "rejected"])
def test_whoever_asked_does_not_decide(pushed: sa.Engine, decision: Any) -> None:
    with pushed.begin() as connection:
        number = ask(connection, need_id(1))
    before = _state(pushed)
    for actor in ("wang", "WANG", "wa\u00adng"):
        with pytest.raises(InvalidRequest), pushed.begin() as connection:
            decide_withdrawal(connection, number, decision=decision, act=person(actor))
    assert _state(pushed) == before


def test_only_whoever_asked_takes_a_request_back(pushed: sa.Engine) -> None:
    with pushed.begin() as connection:
        number = ask(connection, need_id(1))
    with pytest.raises(InvalidRequest), pushed.begin() as connection:
        decide_withdrawal(connection, number, decision="taken_back", act=person("li"))
    with pushed.begin() as connection:
        decide_withdrawal(connection, number, decision="taken_back", act=person("Wang"))
        assert view.waiting_withdrawals(connection).number == 0
        ask(connection, need_id(1))
    assert _state(pushed)["notices"] == []


@pytest.mark.parametrize("decision", ["confirmed", "rejected", "taken_back"])
def test_a_request_is_settled_once(pushed: sa.Engine, decision: Any) -> None:
    with pushed.begin() as connection:
        number = ask(connection, need_id(1))
        decide_withdrawal(connection, number, decision="rejected", act=person("li"))
    before = _state(pushed)
    with pytest.raises(InvalidRequest), pushed.begin() as connection:
        decide_withdrawal(connection, number, decision=decision, act=person("zhang"))
    assert _state(pushed) == before


def test_one_request_at_a_time_and_none_for_what_is_withdrawn_or_unknown(pushed: sa.Engine) -> None:
    with pushed.begin() as connection:
        ask(connection, need_id(1))
    with pytest.raises(InvalidRequest), pushed.begin() as connection:
        ask(connection, need_id(1), "false_information")
    with pushed.begin() as connection:
        add_need(connection, 2)
        add_withdrawal(connection, 2)
    with pytest.raises(InvalidRequest), pushed.begin() as connection:
        ask(connection, need_id(2))
    with pytest.raises(NotFound), pushed.begin() as connection:
        ask(connection, need_id(3))


def test_a_need_that_left_meanwhile_waits_for_nobody(pushed: sa.Engine) -> None:
    with pushed.begin() as connection:
        number = ask(connection, need_id(1))
        add_withdrawal(connection, 1)
        assert view.waiting_withdrawals(connection).number == 0
        (settled,) = view.settled_requests(connection, before=None)
        assert (settled.decision, settled.withdrawn_for) == (None, "withdrawn_by_enterprise")
    with pytest.raises(InvalidRequest), pushed.begin() as connection:
        decide_withdrawal(connection, number, decision="confirmed", act=person("li"))
    assert _state(pushed)["notices"] == ["withdrawn_by_enterprise"]


STATEMENTS = {
    "without a request": (
        "insert into withdrawal_notice (need_id, revision, reason_code, noticed_at) values (:need_id, 1, :why, :now)"
    ),
    "decided by whoever asked": (
        "insert into withdrawal_decision (request_id, decision, decided_by, role, reason, decided_at)"
        " select request_id, 'confirmed', 'WANG', 'operator', 'x', :now from withdrawal_request"
        " where need_id = :need_id and reason_code = :why"
    ),
    "taken back by another": (
        "insert into withdrawal_decision (request_id, decision, decided_by, role, reason, decided_at)"
        " select request_id, 'taken_back', 'li', 'operator', 'x', :now from withdrawal_request"
        " where need_id = :need_id and reason_code = :why"
    ),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_the_database_itself_wants_two_persons(pushed: sa.Engine, superuser: sa.Engine, statement: str) -> None:
    with pushed.begin() as connection:
        ask(connection, need_id(1))
    asked = {"need_id": need_id(1), "why": "duplicate_project", "now": NOW}
    with pytest.raises(sa.exc.IntegrityError), superuser.begin() as connection:
        connection.execute(sa.text(statement), asked)


def test_the_database_withdraws_for_the_reason_that_was_confirmed(pushed: sa.Engine) -> None:
    statement = sa.text(STATEMENTS["without a request"])
    with pushed.begin() as connection:
        add_need(connection, 2)
        number = ask(connection, need_id(1))
        decide_withdrawal(connection, number, decision="rejected", act=person("li"))
    for wanted, why in ((need_id(1), "duplicate_project"), (need_id(2), "false_information")):
        with pytest.raises(sa.exc.IntegrityError), pushed.begin() as connection:
            connection.execute(statement, {"need_id": wanted, "why": why, "now": NOW})


def test_two_persons_who_decide_at_once_have_one_effect(pushed: sa.Engine) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with pushed.begin() as connection:
        number = ask(connection, need_id(1))

    def confirm(actor: str) -> bool:
        try:
            with pushed.begin() as connection:
                decide_withdrawal(connection, number, decision="confirmed", act=person(actor))
        except InvalidRequest:
            return False
        return True

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(confirm, ("li", "zhang"))) == [False, True]
    found = _state(pushed)
    assert (len(found["withdrawals"]), found["notices"]) == (1, ["duplicate_project"])


def test_a_need_that_we_withdrew_climbs_no_ladder_and_is_told_as_ended(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, 1)
        stalled_case(connection, 2)
        withdraw_by_two(connection, need_id(1), "false_information", at=moment(overdue_day(4)))
    run(database, overdue_day(5))
    told_of = [json.loads(mail.body)["text"] for mail in mails(database)]
    assert any(need_id(2) in text for text in told_of)
    assert all(need_id(1) not in text or "需求已撤回：信息虚假" in text for text in told_of)
    assert steps(database, need_id=need_id(1)) == []


def test_branch_and_department_hear_of_it_in_their_next_digest(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        for number in (1, 2):
            stalled_case(connection, number)
        withdraw_by_two(connection, need_id(1), "false_information", at=moment(overdue_day(10)))
        told_to = settled_since(connection, NOW.replace(month=9))
    assert {"miit.province@example.test", "pboc.province@example.test"} <= told_to.keys()
    for items in told_to.values():
        assert [(one.need_id, one.what) for one in items] == [(need_id(1), "需求已撤回：信息虚假")]

"""The life of a held need: every one finds a way back, by a person's decision or because it was overtaken."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, UserFacingError
from include.gate import department_stop
from include.gate.consequences import queue_pushes
from include.quarantine.closing import close_overtaken
from include.quarantine.listing import Chosen, holds_of
from include.quarantine.stage import Decided, DecisionRefused, confirm, release
from include.quarantine.view import Place, detail
from include.reference import policy
from include.reference.day import Day
from include.store import tables
from include.withdrawals.stage import Withdrawal, withdraw
from tests.support.clean_need import clean_need
from tests.support.quarantine import AMOUNT, NOW, REASON, SAME_CODE, held, note_findings, open_all
from tests.support.rows import (
    QUARTER,
    TAKEN_IN,
    add_judgement,
    add_need,
    add_stop,
    add_withdrawal,
    let_history_be_changed,
    moment,
    need_id,
    rewrite,
)
from tests.support.taken_in import judge, take_in

PERMIT: Place = ("DQ53", "project.permits.land")


def held_and_open(database: sa.Engine, *places: Place) -> int:
    """Need 1, held with these findings; returns its quarantine_id."""
    with database.begin() as connection:
        held(connection, 1, *places)
        open_all(connection)
        return connection.execute(sa.select(sa.func.max(tables.quarantine.c.quarantine_id))).scalar_one()


def let_go(database: sa.Engine, hold: int, actor: str = "王审核", **changed: Any) -> Decided:
    with database.begin() as connection:
        return release(connection, hold, **_said(actor, **changed))


def send_back(database: sa.Engine, hold: int, actor: str = "王审核", **changed: Any) -> Decided:
    with database.begin() as connection:
        return confirm(connection, hold, **_said(actor, **changed))


def _said(actor: str, reason: str = REASON, **more: Any) -> dict[str, Any]:
    act = Act(actor_id=actor, role="reviewer", reason=reason, at=NOW)
    return {"act": act, "day": Day.in_force(NOW), **more}


@dataclass(frozen=True)
class Stored:
    """What the database says of held needs and of what they led to."""

    states: dict[int, str]
    events: list[str]
    deliveries: list[tuple[str, str]]
    audit: list[tuple[str, str]]


def stored(database: sa.Engine) -> Stored:
    with database.connect() as connection:
        assert audit.verify(connection) is None
        event, sent, entry = tables.quarantine_event.c, tables.delivery.c, tables.audit_entry.c
        return Stored(
            states={row.quarantine_id: row.state for row in connection.execute(sa.select(tables.quarantine))},
            events=list(connection.execute(sa.select(event.kind).order_by(event.event_id)).scalars()),
            deliveries=[
                (row.idempotency_key, row.state)
                for row in connection.execute(sa.select(sent.idempotency_key, sent.state).order_by(sent.delivery_id))
            ],
            audit=[
                (row.actor, row.action)
                for row in connection.execute(sa.select(entry.actor, entry.action).order_by(entry.entry_id))
            ],
        )


# --- Opening ---------------------------------------------------------------------------------------------------------


def test_each_held_record_opens_once_with_its_hold_findings_and_the_day_of_decision(database: sa.Engine) -> None:
    with database.begin() as connection:
        held(connection, 1, PERMIT, AMOUNT)
        add_need(connection, 2, verdict="passed")
        add_need(connection, 3, verdict="returned")
        held(connection, 4, department_code="440300")
        assert open_all(connection) == 1
        assert open_all(connection) == 0
        [waiting] = holds_of(connection)
    assert (waiting.need_id, waiting.revision, waiting.state) == (need_id(1), 1, "open")
    assert [one.place for one in waiting.findings] == [AMOUNT, PERMIT]
    # Wednesday 30 September, then the holiday until 7 October, then a Saturday that is worked.
    assert waiting.decide_by == date(2026, 10, 13)
    assert stored(database).events == ["opened"]


def test_what_nobody_can_decide_any_more_is_not_opened(database: sa.Engine) -> None:
    with database.begin() as connection:
        held(connection, 1)
        add_need(connection, 1, revision=2, verdict=None)
        held(connection, 2)
        add_withdrawal(connection, 2)
        held(connection, 3)
        add_judgement(connection, 3, "passed", ruleset_version="rules-2")
        assert open_all(connection) == 0


def test_two_contents_of_one_revision_are_decided_one_after_the_other(database: sa.Engine) -> None:
    first = held_and_open(database)
    with database.begin() as connection:
        add_judgement(connection, 1, "held", item_hash="other content")
        note_findings(connection, AMOUNT, ("DQ43", "revision"))
        assert open_all(connection) == 0
    let_go(database, first)
    with database.begin() as connection:
        assert open_all(connection) == 1
    second = max(stored(database).states)
    # The content stored first stands: what is listed under its number later is never pushed, nor sent back.
    assert "人工核对" in let_go(database, second).note
    assert stored(database).deliveries == [(f"push:{need_id(1)}:1", "pending")]


# --- Releasing -------------------------------------------------------------------------------------------------------


def test_a_released_need_is_pushed_and_the_release_is_audited_with_name_and_reason(database: sa.Engine) -> None:
    hold = held_and_open(database, AMOUNT, PERMIT)
    decided = let_go(database, hold)
    assert (decided.state, decided.queued, decided.waiting) == ("released", 1, ())
    found = stored(database)
    assert found.states == {hold: "released"}
    assert found.events == ["opened", "approved", "approved", "released"]
    assert found.deliveries == [(f"push:{need_id(1)}:1", "pending")]
    assert found.audit == [("王审核", "release_hold")]
    with database.connect() as connection:
        entry = connection.execute(sa.select(tables.audit_entry)).one()
        need, events = detail(connection, hold)
    assert (entry.reason, entry.role, entry.object) == (REASON, "reviewer", f"quarantine:{hold}")
    assert json.loads(entry.details)["findings"] == [" ".join(AMOUNT), " ".join(PERMIT)]
    assert need.state == "released"
    assert [(one.actor, one.reason) for one in events if one.kind == "released"] == [("王审核", REASON)]


def test_findings_may_be_released_one_by_one(database: sa.Engine) -> None:
    hold = held_and_open(database, AMOUNT, PERMIT)
    first = let_go(database, hold, findings=[PERMIT])
    assert (first.state, [one.place for one in first.waiting]) == ("open", [AMOUNT])
    assert stored(database).deliveries == []
    with pytest.raises(DecisionRefused, match="均已同意"):
        let_go(database, hold, "李审核", findings=[PERMIT])
    assert let_go(database, hold, findings=[AMOUNT]).state == "released"


def test_a_suspicion_of_greenwashing_needs_two_different_persons(database: sa.Engine) -> None:
    hold = held_and_open(database, AMOUNT, SAME_CODE)
    first = let_go(database, hold)
    assert (first.state, [one.place for one in first.waiting]) == ("open", [SAME_CODE])
    for same in ("王审核", " 王审核 "):
        with pytest.raises(DecisionRefused, match="同一人不能重复同意"):
            let_go(database, hold, same)
    with database.connect() as connection:
        [waiting] = holds_of(connection)
    assert [(one.rule_id, one.approved_by, one.missing) for one in waiting.findings] == [
        ("DQ37", ("王审核",), 0),
        ("G01", ("王审核",), 1),
    ]
    assert stored(database).deliveries == []
    assert let_go(database, hold, "李审核").state == "released"
    found = stored(database)
    assert found.audit == [("王审核", "approve_hold_release"), ("李审核", "release_hold")]
    assert len(found.deliveries) == 1


def test_a_name_in_other_letters_is_the_same_person(database: sa.Engine) -> None:
    hold = held_and_open(database, SAME_CODE)
    let_go(database, hold, "wang.shenhe")
    with pytest.raises(DecisionRefused, match="同一人"):
        let_go(database, hold, "Wang.Shenhe")


@pytest.mark.parametrize(("actor", "reason"), [("", REASON), ("  ", REASON), ("王审核", "核实 "), ("王审核", "")])
def test_a_decision_needs_a_name_and_a_reason(database: sa.Engine, actor: str, reason: str) -> None:
    hold = held_and_open(database)
    for decide in (let_go, send_back):
        with pytest.raises(InvalidRequest):
            decide(database, hold, actor, reason=reason)
    assert stored(database).states == {hold: "open"}


def test_a_decision_speaks_of_findings_that_are_there(database: sa.Engine) -> None:
    hold = held_and_open(database)
    for decide in (let_go, send_back):
        for places in ([PERMIT], []):
            with pytest.raises(InvalidRequest, match="不属于"):
                decide(database, hold, findings=places)
        with pytest.raises(InvalidRequest, match="没有编号为99"):
            decide(database, 99)


def test_an_earlier_approval_counts_when_the_same_revision_is_held_again(database: sa.Engine) -> None:
    hold = held_and_open(database, SAME_CODE)
    let_go(database, hold)
    let_go(database, hold, "李审核")
    with database.begin() as connection:
        add_judgement(connection, 1, "held", ruleset_version="rules-2", judged_at=NOW)
        note_findings(connection, SAME_CODE)
        assert open_all(connection, NOW) == 1
    assert set(stored(database).states.values()) == {"released"}
    with database.begin() as connection:
        add_judgement(connection, 1, "held", ruleset_version="rules-3", judged_at=NOW)
        note_findings(connection, SAME_CODE, AMOUNT)
        open_all(connection, NOW)
        [waiting] = holds_of(connection)
    assert [(one.rule_id, one.missing) for one in waiting.findings] == [("DQ37", 1), ("G01", 0)]
    assert len(stored(database).deliveries) == 1


def test_what_was_confirmed_is_not_approved_any_more(database: sa.Engine) -> None:
    hold = held_and_open(database, SAME_CODE)
    let_go(database, hold)
    send_back(database, hold, "李审核")
    with database.begin() as connection:
        add_judgement(connection, 1, "held", ruleset_version="rules-2", judged_at=NOW)
        note_findings(connection, SAME_CODE)
        open_all(connection, NOW)
        [waiting] = holds_of(connection)
    assert [one.missing for one in waiting.findings] == [2]


def test_a_release_in_a_stopped_department_is_pushed_once_the_department_continues(database: sa.Engine) -> None:
    hold = held_and_open(database)
    with database.begin() as connection:
        add_stop(connection)
    decided = let_go(database, hold)
    assert (decided.state, decided.queued) == ("released", 0)
    assert "暂停" in decided.note
    assert stored(database).deliveries == []
    with database.begin() as connection:
        queued = department_stop.decide(
            connection,
            department_stop.SeenStop(QUARTER, "330000", "open"),
            "continued",
            act=Act(actor_id="张负责", role="operator", reason="已逐条核实", at=NOW),
            policy=policy(),
        )
    assert queued == 1
    assert stored(database).deliveries == [(f"push:{need_id(1)}:1", "pending")]


def test_a_push_held_back_for_a_late_finding_goes_on_with_its_first_key(database: sa.Engine) -> None:
    hold = held_and_open(database)
    let_go(database, hold)
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(tables.quarantine.update().values(state="open", settled_at=None, origin="late_history"))
        rewrite(connection, tables.quarantine_finding.update().values(rule_id="DQ42", field="project.name"))
        connection.execute(tables.delivery.update().values(state="superseded", outcome="late_history"))
    assert let_go(database, hold).queued == 1
    assert stored(database).deliveries == [(f"push:{need_id(1)}:1", "pending")]


def test_what_waits_for_a_person_is_pushed_in_no_other_way(database: sa.Engine) -> None:
    held_and_open(database)
    with database.begin() as connection:
        assert queue_pushes(connection, [(need_id(1), 1)], NOW, policy()) == 0


def test_a_head_that_no_push_can_carry_is_not_released(database: sa.Engine) -> None:
    hold = held_and_open(database, ("DQ01", "is_major"))
    with pytest.raises(DecisionRefused, match="不能推送"):
        let_go(database, hold)
    assert send_back(database, hold).state == "returned"


# --- Confirming ------------------------------------------------------------------------------------------------------


def test_what_is_confirmed_goes_back_with_the_confirmed_findings_as_its_reasons(database: sa.Engine) -> None:
    hold = held_and_open(database, AMOUNT, PERMIT)
    decided = send_back(database, hold, findings=[PERMIT])
    assert (decided.state, decided.queued) == ("returned", 1)
    found = stored(database)
    assert found.events == ["opened", "confirmed", "returned"]
    assert found.deliveries == [(f"return:{need_id(1)}:1", "pending")]
    assert found.audit == [("王审核", "confirm_hold")]
    with database.connect() as connection:
        body = json.loads(connection.execute(sa.select(tables.delivery.c.body)).scalar_one())
    assert (body["ruleset_version"], body["respond_by"]) == ("rules-1", "2026-10-22")
    assert [(one["rule_id"], one["field"]) for one in body["reasons"]] == [PERMIT]
    assert "疑似未批先建" in body["reasons"][0]["message"]


def test_a_record_that_cannot_be_addressed_is_closed_and_settled_by_hand(database: sa.Engine) -> None:
    for number, decide in ((1, send_back), (2, let_go)):
        with database.begin() as connection:
            add_need(connection, number, verdict=None)
            rewrite(connection, tables.need_version.delete())
            add_judgement(connection, number, "held", item_hash=f"unaddressed {number}")
            note_findings(connection, ("DQ01", "need_id"))
            let_history_be_changed(connection)
            connection.execute(tables.judgement.update().values(need_id=None, revision=None))
            assert open_all(connection) == 1
            [waiting] = holds_of(connection)
        assert (waiting.need_id, waiting.enterprise) == (None, "（企业名称缺失）")
        assert "人工核对" in decide(database, waiting.quarantine_id).note
    found = stored(database)
    assert sorted(found.states.values()) == ["released", "returned"]
    assert found.deliveries == []


# --- Only once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [let_go, send_back])
@pytest.mark.parametrize("second", [let_go, send_back])
def test_a_settled_hold_is_not_decided_again(
    database: sa.Engine, first: Callable[..., Decided], second: Callable[..., Decided]
) -> None:
    hold = held_and_open(database)
    first(database, hold)
    before = stored(database)
    with pytest.raises(DecisionRefused, match="不能再作决定"):
        second(database, hold, "李审核")
    assert stored(database) == before


def decided_meanwhile(database: sa.Engine, hold: int, first: str, second: Callable[[], Decided]) -> Decided:
    """What a decision comes to that starts while another, which then holds, is not yet committed."""
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as connection:
            release(
                connection, hold, act=Act(actor_id=first, role="reviewer", reason=REASON, at=NOW), day=Day.in_force(NOW)
            )
            other = pool.submit(second)
            for _ in range(10_000):
                if other.done() or waits_for_a_lock(database):
                    break
            else:
                raise AssertionError("the second decision neither ends nor waits for the first")
        return other.result()


def waits_for_a_lock(database: sa.Engine) -> bool:
    with database.connect() as connection:
        return connection.execute(
            sa.text(
                # What a session waits for, pg_stat_activity shows only to the role of its login; pg_locks shows it to all.
                "select exists (select from pg_locks join pg_stat_activity using (pid)"
                " where datname = current_database() and not granted)"
            )
        ).scalar_one()


@pytest.mark.parametrize("second", [let_go, send_back])
def test_of_decisions_at_the_same_time_one_has_its_effect(database: sa.Engine, second: Callable[..., Decided]) -> None:
    hold = held_and_open(database)
    with pytest.raises(DecisionRefused, match="核实通过"):
        decided_meanwhile(database, hold, "王审核", lambda: second(database, hold, "李审核"))
    found = stored(database)
    assert found.states == {hold: "released"}
    assert found.events == ["opened", "approved", "released"]
    assert len(found.deliveries) == len(found.audit) == 1


def test_two_persons_at_the_same_time_release_together(database: sa.Engine) -> None:
    hold = held_and_open(database, SAME_CODE)
    assert decided_meanwhile(database, hold, "王审核", lambda: let_go(database, hold, "李审核")).state == "released"
    assert len(stored(database).deliveries) == 1


def test_gates_at_the_same_time_open_each_hold_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(1, 6):
            held(connection, number)

    def open_them(_: int) -> int:
        with database.begin() as connection:
            return open_all(connection)

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(open_them, range(3))) == 5
    assert stored(database).events == ["opened"] * 5


@pytest.mark.parametrize("decide", [release, confirm])
def test_a_decision_that_breaks_off_leaves_nothing_behind(database: sa.Engine, decide: Callable[..., Decided]) -> None:
    hold = held_and_open(database)
    before = stored(database)
    with pytest.raises(KeyboardInterrupt), database.begin() as connection:
        decide(
            connection, hold, act=Act(actor_id="王审核", role="reviewer", reason=REASON, at=NOW), day=Day.in_force(NOW)
        )
        raise KeyboardInterrupt
    assert stored(database) == before
    assert let_go(database, hold).state == "released"


# --- Overtaken -------------------------------------------------------------------------------------------------------


def test_a_resubmission_closes_the_hold_of_the_revision_before(database: sa.Engine) -> None:
    old = held_and_open(database)
    with database.begin() as connection:
        held(connection, 1, PERMIT, revision=2)
        assert open_all(connection, NOW) == 1
        _, events = detail(connection, old)
    found = stored(database)
    assert found.states == {old: "expired", max(found.states): "open"}
    assert (events[-1].kind, events[-1].actor, events[-1].reason) == (
        "expired",
        "gate",
        "已收到更高修订号，按新版本重新审核",
    )


def test_a_hold_that_was_overtaken_or_withdrawn_is_not_decided_and_pushes_nothing(database: sa.Engine) -> None:
    hold = held_and_open(database)
    with database.begin() as connection:
        add_need(connection, 1, revision=2, verdict=None)
    for decide in (let_go, send_back):
        with pytest.raises(DecisionRefused, match="更高修订号"):
            decide(database, hold)
    with database.begin() as connection:
        add_withdrawal(connection, 1)
    for decide in (let_go, send_back):
        with pytest.raises(DecisionRefused, match="已撤回"):
            decide(database, hold)
    with database.begin() as connection:
        assert close_overtaken(connection, act=Act.by_stage("withdrawal", NOW)) == 1
        assert close_overtaken(connection, act=Act.by_stage("withdrawal", NOW)) == 0
    with pytest.raises(DecisionRefused, match="未决定即关闭"):
        let_go(database, hold)
    assert stored(database).deliveries == []


def test_a_need_goes_from_the_listing_through_hold_and_resubmission_to_the_outbox(database: sa.Engine) -> None:
    first = clean_need(need_id=need_id(1), project__construction_status="under_construction")
    listed_on = moment("2026-09-29 10:00")
    intake_id = take_in(database, "run-1", [first], now=listed_on)
    assert judge(database, intake_id, now=listed_on).held == 1
    with database.connect() as connection:
        [waiting] = holds_of(connection)
    assert [one.place for one in waiting.findings] == [("DQ53", "project.permits.environment")]
    corrected = clean_need(need_id=need_id(1), revision=2)
    again = take_in(database, "run-2", [corrected], now=NOW)
    assert judge(database, again, now=NOW).passed == 1
    found = stored(database)
    assert found.states == {waiting.quarantine_id: "expired"}
    assert found.deliveries == [(f"push:{need_id(1)}:2", "pending")]


def test_a_withdrawal_closes_the_hold_with_it(database: sa.Engine) -> None:
    hold = held_and_open(database)
    with database.begin() as connection:
        withdraw(connection, [Withdrawal(need_id=need_id(1), revision=1, reason_code="withdrawn_by_enterprise")], NOW)
    assert stored(database).states == {hold: "expired"}


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_the_list_shows_the_most_urgent_first_in_chinese_and_masks_sole_proprietors(database: sa.Engine) -> None:
    with database.begin() as connection:
        held(connection, 1)
        open_all(connection, NOW)
        held(connection, 2, ("DQ53", "project.permits.land"))
        open_all(connection, TAKEN_IN - timedelta(days=9))
        rewrite(
            connection,
            tables.need_version.update()
            .where(tables.need_version.c.need_id == need_id(2))
            .values(uscc="92330100MA2TE5T01X", enterprise_name="钱某某铸造经营部"),
        )
        urgent, later = holds_of(connection)
        assert holds_of(connection, Chosen(quarter="2026Q2")) == []
        assert holds_of(connection, Chosen(department_code="440300")) == []
        assert len(holds_of(connection, Chosen(quarter=QUARTER, department_code="330000"))) == 2
    assert (urgent.need_id, urgent.enterprise) == (need_id(2), "个体工商户（名称不显示）")
    assert (later.enterprise, later.department) == ("青禾精密铸造有限公司", "浙江")
    [finding] = urgent.findings
    assert "用地" in finding.field_name
    assert "疑似未批先建" in finding.message
    assert finding.how_to_fix


def test_errors_tell_a_person_what_to_do(database: sa.Engine) -> None:
    hold = held_and_open(database)
    let_go(database, hold)
    with pytest.raises(UserFacingError) as refused:
        let_go(database, hold)
    assert need_id(1) in refused.value.what
    assert refused.value.next_step

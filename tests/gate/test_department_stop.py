"""The breaker of a department's pushes (B08), on a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.base.errors import InvalidRequest
from include.gate import department_stop as stops
from include.gate.consequences import queue_pushes
from include.gate.stop_view import Cause, stop_figures
from include.reference import policy
from include.store.tables import audit_entry, delivery, department_stop, finding, judgement, quarantine
from tests.support import rows
from tests.support.judged import needs

NOW = rows.moment("2026-10-09 10:00")
WHERE = {"quarter": rows.QUARTER, "department_code": "330000"}


def _check(connection: sa.Connection) -> bool:
    asked = {"quarter": rows.QUARTER, "department_codes": ["330000"], "intake_id": rows.add_intake(connection)}
    return stops.check(connection, **asked, now=NOW, policy=policy()) == ("330000",)


def _decide(connection: sa.Connection, decision: stops.Decision = "continued", **other: str) -> int:
    given = {"actor": "li", "reason": "已与主管部门核实", "seen": "open", **other}
    act = Act(actor_id=given["actor"], role="operator", reason=given["reason"], at=NOW)
    return stops.decide(connection, stops.SeenStop(**WHERE, state=given["seen"]), decision, act=act, policy=policy())


def _pushed(connection: sa.Connection) -> list[str]:
    return sorted(connection.execute(sa.select(delivery.c.need_id).where(delivery.c.action == "push")).scalars())


def test_a_department_is_stopped_once_more_than_the_share_was_returned(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 7, *["returned"] * 3)
        assert not _check(connection), "30 % exactly is not more than 30 %"
        needs(connection, "returned", first=11)
        assert _check(connection)
        stop = connection.execute(sa.select(department_stop)).one()
    assert (stop.judged, stop.returned, stop.state) == (11, 4, "open")


def test_few_needs_never_stop_a_department(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["returned"] * 4)
        assert not _check(connection)
        needs(connection, "returned", first=5)
        assert _check(connection)


def test_only_the_newest_revision_counts_and_withdrawn_needs_do_not(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 4, *["returned"] * 2)
        rows.add_need(connection, 5, revision=2, verdict="passed")
        rows.add_withdrawal(connection, 6)
        assert not _check(connection)


def test_what_a_person_made_of_a_held_need_is_its_outcome(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 3, *["held"] * 2)
        assert not _check(connection)
        held = connection.execute(sa.select(judgement).where(judgement.c.verdict == "held")).all()
        for row in held:
            connection.execute(
                quarantine.insert().values(
                    judgement_id=row.judgement_id,
                    origin="verdict",
                    need_id=row.need_id,
                    revision=row.revision,
                    quarter=row.quarter,
                    department_code=row.department_code,
                    state="returned",
                    opened_at=NOW,
                    decide_by=NOW.date(),
                )
            )
        assert _check(connection)


def test_other_departments_and_quarters_go_on(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(1, 8):
            rows.add_need(connection, number, verdict="returned", department_code="110000")
        for number in range(11, 18):
            rows.add_need(connection, number, verdict="returned", quarter="2026Q2")
        needs(connection, *["passed"] * 5, first=21)
        assert not _check(connection)


def test_continuing_queues_all_that_waits_with_an_audit_entry(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 5, *["returned"] * 5)
        assert _check(connection)
        assert stops.stop_of(connection, **WHERE).waiting == 5
        assert _decide(connection) == 5
        assert _pushed(connection) == [rows.need_id(number) for number in range(1, 6)]
        entry = connection.execute(sa.select(audit_entry)).one()
        assert (entry.actor, entry.role, entry.action) == ("li", "operator", "department_stop_continued")
        assert entry.reason == "已与主管部门核实"
        assert not _check(connection), "a stop that was continued is not opened again"
        assert _decide(connection) == 0, "the same decision recorded again has no effect"
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar() == 1


def test_a_kept_stop_goes_on_waiting_and_may_be_continued_later(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 5, *["returned"] * 5)
        _check(connection)
        later = rows.add_intake(connection, run_id="run-2")
        assert stops.undecided(connection, intake_id=later) == [(rows.QUARTER, "330000")]
        assert _decide(connection, "kept") == 0
        assert _check(connection)
        assert _pushed(connection) == []
        assert stops.undecided(connection, intake_id=later) == []
        with pytest.raises(stops.DecidedMeanwhile, match="已由 li 决定维持暂停"):
            _decide(connection, "continued", actor="wang")
        assert _decide(connection, "continued", actor="wang", seen="kept") == 5
        for seen in ("open", "kept"):
            with pytest.raises(stops.DecidedMeanwhile, match="已由 wang 决定继续推送"):
                _decide(connection, "kept", seen=seen)


def test_a_decision_needs_a_reason_and_a_stop(database: sa.Engine) -> None:
    with database.begin() as connection, pytest.raises(InvalidRequest, match="没有被暂停"):
        _decide(connection)
    with database.begin() as connection:
        needs(connection, *["returned"] * 5)
        _check(connection)
        with pytest.raises(InvalidRequest, match="理由"):
            _decide(connection, reason="  ")


def test_two_decisions_at_once_queue_each_need_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 5, *["returned"] * 5)
        _check(connection)

    def continue_it(_: int) -> int:
        with database.begin() as connection:
            return _decide(connection)

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(continue_it, range(2))) == [0, 5]
    with database.connect() as connection:
        assert len(_pushed(connection)) == 5
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar() == 1


def test_a_need_that_passes_while_the_stop_is_decided_is_queued_all_the_same(database: sa.Engine) -> None:
    """A release holds no lock of the gate: the decision waits for it, or it for the decision."""
    with database.begin() as connection:
        needs(connection, *["passed"] * 3, *["returned"] * 3)
        _check(connection)
    with ThreadPoolExecutor(1) as thread:
        with database.begin() as deciding:
            assert _decide(deciding) == 3
            needs_passed_now = thread.submit(_pass_one_more, database)
            with pytest.raises(TimeoutError):
                needs_passed_now.result(timeout=1)
        assert needs_passed_now.result(timeout=10) == 1


def _pass_one_more(database: sa.Engine) -> int:
    with database.begin() as connection:
        needs(connection, "passed", first=10)
        return queue_pushes(connection, [(rows.need_id(10), 1)], NOW, policy())


def test_what_was_returned_is_told_by_cause_and_by_the_largest_examples(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 2, *["returned"] * 7, "held")
        rows.add_need(connection, 3, revision=2, verdict="passed", is_major=True, financing_need="30000")
        rows.add_delivery(connection, 2)
        rows.add_need(connection, 20, verdict="returned", financing_need="50000")
        rows.add_need(connection, 21, verdict="returned", department_code="110000")
        rows.add_withdrawal(connection, 9)
        found = connection.execute(sa.select(judgement).where(judgement.c.verdict == "returned")).all()
        for row in found:
            connection.execute(
                finding.insert(),
                [
                    {"judgement_id": row.judgement_id, "rule_id": rule_id, "field": "x", "severity": severity}
                    for rule_id, severity in (("DQ03", "block"), ("DQ37", "hold"))
                ],
            )
        figures = stop_figures(connection, rows.QUARTER, "330000")
    assert (figures.judged, figures.returned, figures.held, figures.corrected) == (10, 6, 1, 1)
    assert (figures.waiting, figures.waiting_major, figures.waiting_amount) == (2, 1, 31000)
    assert figures.causes == [Cause(rule_id="DQ03", needs=6)]
    assert len(figures.examples) == 5
    assert (figures.examples[0].need_id, list(figures.examples[0].rules)) == (rows.need_id(20), ["DQ03"])

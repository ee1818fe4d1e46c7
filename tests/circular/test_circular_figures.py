from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from include.circular.figures import CircularFigures, ManifestFigures, NeedFigures, figures
from include.reference.day import Day
from include.store.tables import alert, need_fingerprint
from tests.support.rows import (
    QUARTER,
    add_case,
    add_clock,
    add_delivery,
    add_event,
    add_hold,
    add_judgement,
    add_manifest,
    add_need,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)

CUT_OFF = moment("2026-10-22 18:00")


def _figures(database: sa.Engine) -> CircularFigures:
    with database.begin() as connection:
        return figures(connection, QUARTER, day=Day.in_force(CUT_OFF))


def _department(found: CircularFigures, code: str) -> NeedFigures:
    return next(row.needs for row in found.departments if row.department_code == code)


def test_a_quarter_without_anything_gives_zeros_for_every_department_and_institution(database: sa.Engine) -> None:
    found = _figures(database)
    assert found.needs == NeedFigures()
    assert len(found.departments) == 37
    assert len(found.institutions) == 26
    assert len(found.manifests.missing) == 37
    assert found.refusals == ()


def test_each_need_counts_once_at_its_newest_revision_with_its_verdict_and_amount(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="returned", financing_need="700.00")
        add_need(connection, 1, revision=2, verdict="passed", financing_need="800.55")
        add_need(connection, 2, verdict="held", financing_need=None)
        add_need(connection, 3, verdict="returned", department_code="440300", financing_need="50.00")
        add_need(connection, 4, verdict=None, financing_need="1.00")
        add_need(connection, 5, verdict="passed", financing_need="999.00")
        add_withdrawal(connection, 5)
        add_need(connection, 6, quarter="2026Q2")
    found = _figures(database).needs
    assert (found.collected, found.withdrawn, found.recommended) == (5, 1, 4)
    assert (found.passed, found.held, found.returned, found.unjudged) == (1, 1, 1, 1)
    assert found.passed_amount == Decimal("800.55")
    assert _department(_figures(database), "440300").returned == 1


def test_the_newest_rule_set_decides_the_verdict(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_judgement(connection, 1, "passed", ruleset_version="rules-2")
    assert _figures(database).needs.passed == 1


def test_a_held_need_counts_as_it_was_decided_by_the_cut_off(database: sa.Engine) -> None:
    late = moment("2026-10-22 18:01")
    with database.begin() as connection:
        for number, state in enumerate(("released", "returned", "expired", "open"), start=1):
            add_need(connection, number, verdict="held")
            add_hold(connection, number, state=state)
        add_need(connection, 5, verdict="held")
        add_hold(connection, 5, state="released", settled_at=late)
        add_need(connection, 6, verdict="passed")
        add_hold(connection, 6, opened_at=late)
    found = _figures(database).needs
    assert (found.passed, found.returned, found.held) == (2, 1, 3)


def test_only_delivered_pushes_count_as_pushed(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number, state in enumerate(("delivered", "pending", "unknown", "held", "superseded"), start=1):
            add_need(connection, number)
            add_delivery(connection, number, state=state)
        add_need(connection, 6)
        add_delivery(connection, 6, created_at=moment("2026-10-22 18:01"))
    found = _figures(database).needs
    assert (found.passed, found.pushed, found.pushed_amount) == (6, 1, Decimal("1000.00"))


def test_a_need_counts_as_far_as_its_best_case_came_also_if_that_case_ended(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in (1, 2, 3):
            add_need(connection, number)
            add_delivery(connection, number)
        add_case(connection, 1, "ICBC", state="declined", furthest_state="accepted")
        add_case(connection, 1, "ABC", state="contacted")
        add_case(connection, 2, "ICBC", state="drawn", approved="500.10", contracted="400.00", drawn="100.05")
        add_case(connection, 2, "ABC", state="credit_approved", approved="0.20")
        add_case(connection, 3, "ICBC", state="pushed")
    found = _figures(database)
    needs = found.needs
    assert (needs.answered, needs.contacted, needs.accepted) == (2, 2, 2)
    assert (needs.approved, needs.contracted, needs.drawn) == (1, 1, 1)
    assert (needs.approved_amount, needs.contracted_amount, needs.drawn_amount) == (
        Decimal("500.30"),
        Decimal("400.00"),
        Decimal("100.05"),
    )
    icbc = next(row.cases for row in found.institutions if row.institution_code == "ICBC")
    assert (icbc.cases, icbc.answered, icbc.accepted, icbc.approved, icbc.drawn, icbc.declined) == (3, 2, 2, 1, 1, 1)
    assert (found.cases.cases, found.cases.approved, found.cases.approved_amount) == (5, 2, Decimal("500.30"))


def test_departments_and_institutions_add_up_to_the_nation(database: sa.Engine) -> None:
    codes = ("330000", "330200", "660000")
    with database.begin() as connection:
        for number in range(1, 13):
            add_need(connection, number, department_code=codes[number % 3], verdict=("passed", "held")[number % 2])
            add_delivery(connection, number)
            add_case(connection, number, ("ICBC", "CDB")[number % 2], state="credit_approved", approved=f"{number}.01")
    found = _figures(database)
    assert found.needs.approved_amount == Decimal("78.12")
    assert sum(row.needs.approved_amount for row in found.departments) == found.needs.approved_amount
    assert sum(row.cases.approved_amount for row in found.institutions) == found.needs.approved_amount
    assert sum(row.needs.recommended for row in found.departments) == found.needs.recommended == 12


def test_manifests_are_on_time_until_midnight_of_the_last_working_day(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_manifest(connection, "110000", reported_at=moment("2026-09-30 23:59"))
        add_manifest(connection, "120000", reported_at=moment("2026-10-01 00:00"))
        add_manifest(connection, "130000", reported_at=moment("2026-09-28 10:00"), recommended=0, zero_return=True)
    manifests = _figures(database).manifests
    assert (manifests.departments, manifests.on_time, manifests.late, manifests.zero_returns) == (37, 2, 1, 1)
    assert len(manifests.missing) == 34
    assert isinstance(manifests, ManifestFigures)


def test_refusals_are_ranked_by_reason_and_unknown_reasons_count_as_other(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number, reason in enumerate(("R04", "R04", "R05", None, "R88", "R99"), start=1):
            add_need(connection, number)
            add_delivery(connection, number)
            add_case(connection, number, state="declined")
            add_event(connection, number, "declined", sequence=1, reason_code=reason)
    found = _figures(database).refusals
    assert [(row.reason_code, row.events) for row in found] == [("R99", 3), ("R04", 2), ("R05", 1)]


def test_anomalies_and_feedback_after_the_cut_off_do_not_count(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        dropped = add_event(connection, 1, "declined", sequence=1, reason_code="R01")
        add_event(connection, 1, "declined", sequence=2, reason_code="R02", occurred_at=moment("2026-10-22 18:01"))
        add_case(connection, 1, state="received", anomalies=[{"event_id": dropped, "reason": "E08"}])
    assert _figures(database).refusals == ()


def test_a_case_with_feedback_after_the_cut_off_counts_as_it_stood_then(database: sa.Engine) -> None:
    later = moment("2026-10-23 09:00")
    with database.begin() as connection:
        for number in (1, 2, 3):
            add_need(connection, number)
            add_delivery(connection, number)
        add_event(connection, 1, "credit_approved", sequence=1, amount="70.00")
        add_event(connection, 1, "contracted", sequence=2, amount="60.00")
        add_event(connection, 1, "drawn", sequence=3, amount="50.00", occurred_at=later)
        add_case(connection, 1, state="drawn", last_event_at=later, approved="70.00", contracted="60.00", drawn="50.00")
        add_event(connection, 2, "accepted", sequence=1)
        add_event(connection, 2, "declined", sequence=2, reason_code="R01", occurred_at=later)
        add_case(connection, 2, state="declined", furthest_state="accepted", last_event_at=later)
        add_event(connection, 3, "received", sequence=1, occurred_at=later)
        add_case(connection, 3, state="received", last_event_at=later)
    found = _figures(database)
    assert (found.needs.answered, found.needs.accepted, found.needs.contracted, found.needs.drawn) == (2, 2, 1, 0)
    assert (found.needs.approved_amount, found.needs.drawn_amount) == (Decimal("70.00"), Decimal(0))
    assert (found.cases.cases, found.cases.declined) == (3, 0)


def test_obstructions_count_once_however_often_reported_and_are_open_while_the_case_says_so(
    database: sa.Engine,
) -> None:
    with database.begin() as connection:
        for number in (1, 2):
            add_need(connection, number)
            add_delivery(connection, number)
        for sequence in (1, 2):
            add_event(connection, 1, "obstructed", sequence=sequence, obstruction_id="OB-1", reason_code="R06")
        add_event(connection, 2, "obstructed", sequence=1, obstruction_id="OB-2", reason_code="R06")
        add_case(
            connection,
            1,
            state="received",
            open_obstructions=[{"obstruction_id": "OB-1", "opened_on": "2026-10-09", "reason_code": "R06"}],
        )
        add_case(connection, 2, state="received")
    found = _figures(database).obstructions
    assert (found.opened, found.opened_needs, found.open, found.open_needs) == (2, 2, 1, 1)


@pytest.mark.parametrize(
    ("due_on", "stopped_on", "paused", "stalled"),
    [
        (date(2026, 10, 21), None, False, 1),
        (date(2026, 10, 22), None, False, 0),
        (date(2026, 10, 21), date(2026, 10, 22), False, 0),
        (date(2026, 10, 21), None, True, 0),
    ],
)
def test_a_need_is_stalled_while_a_clock_runs_past_its_due_day(
    database: sa.Engine, due_on: date, stopped_on: date | None, paused: bool, stalled: int
) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        add_case(connection, 1)
        add_clock(connection, 1, due_on=due_on, stopped_on=stopped_on, paused=paused)
    found = _figures(database)
    assert (found.needs.stalled, found.stalled_cases) == (stalled, stalled)


def test_the_loan_rate_is_weighted_by_the_amounts_drawn(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        add_case(connection, 1, state="drawn")
        add_event(connection, 1, "drawn", sequence=1, amount="100.00", rate="3.0000")
        add_event(connection, 1, "drawn", sequence=2, amount="300.00", rate="2.2000")
        add_event(connection, 1, "drawn", sequence=3, amount="900.00")
    rate = _figures(database).loan_rate
    assert rate.weighted / rate.amount == Decimal("2.4")
    assert rate.needs == 1


def test_need_ids_do_not_reach_the_figures(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
    found = repr(_figures(database))
    assert need_id(1) not in found
    assert "青禾" not in found


def _alert(database: sa.Engine, state: str, institution_code: str, *, severity: str = "hold", at: str) -> None:
    with database.begin() as connection:
        rewrite(connection, sa.delete(alert))
        connection.execute(
            alert.insert().values(
                rule_id="G03a",
                need_id=need_id(1),
                institution_code=institution_code,
                severity=severity,
                state=state,
                persons_required=1,
                opened_at=moment("2026-10-20 09:00"),
                settled_at=None if state == "open" else moment(at),
            )
        )


def _two_banks(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        rewrite(connection, sa.text("update need_version set total_investment = 1000"))
        add_delivery(connection, 1)
        intake_id = connection.execute(sa.text("select intake_id from need_version")).scalar_one()
        connection.execute(
            need_fingerprint.insert().values(
                need_id=need_id(1), revision=1, intake_id=intake_id, saving=400_0000, carbon=1000_5000, reports=[]
            )
        )
        for code, drawn in (("ICBC", "300"), ("ABC", "200")):
            add_case(connection, 1, code, state="drawn", approved="400", contracted="400", drawn=drawn)


def test_the_expected_effect_counts_a_need_once_by_the_share_that_loans_have(database: sa.Engine) -> None:
    _two_banks(database)
    effect = _figures(database).soundness.effect
    assert (effect.needs, effect.energy_saving_tce, effect.carbon_reduction_tco2) == (1, 200, Decimal("500.25"))
    with database.begin() as connection:
        connection.execute(sa.text("update matching_case set drawn = 900"))
    assert _figures(database).soundness.effect.carbon_reduction_tco2 == Decimal("1000.5"), "never more than was filed"


@pytest.mark.parametrize(
    ("state", "institution", "severity", "at", "cases", "drawn"),
    [
        ("open", "ICBC", "hold", "", 1, 200),
        ("open", "", "hold", "", 0, 0),
        ("confirmed", "ICBC", "hold", "2026-10-21 09:00", 1, 200),
        ("cleared", "ICBC", "hold", "2026-10-21 09:00", 2, 500),
        ("closed", "ICBC", "hold", "2026-10-21 09:00", 2, 500),
        ("cleared", "ICBC", "hold", "2026-10-23 09:00", 1, 200),
        ("open", "ICBC", "warn", "", 2, 500),
    ],
)
def test_an_alert_that_stands_keeps_its_case_out_and_is_counted_apart(
    database: sa.Engine, state: str, institution: str, severity: str, at: str, cases: int, drawn: int
) -> None:
    _two_banks(database)
    _alert(database, state, institution, severity=severity, at=at)
    found = _figures(database)
    assert (found.cases.cases, found.needs.drawn_amount) == (cases, drawn)
    assert (found.soundness.kept_out.cases, found.soundness.kept_out.drawn_amount) == (2 - cases, 500 - drawn)
    assert found.soundness.effect.carbon_reduction_tco2 == Decimal("1000.5") * drawn / 1000
    assert len(found.soundness.alerts) == (severity == "hold")

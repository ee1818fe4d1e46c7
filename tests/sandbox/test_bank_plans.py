"""How banks behave, from their plans alone: the shares of the handbook's section 13, and what each manner means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal

import pytest

from include.base.business_time import SHANGHAI
from include.domain.case import FeedbackEvent, fold
from include.domain.clocks import Clock, clocks
from include.reference import case_limits, case_transitions
from include.reference.calendar import china_calendar
from include.sandbox.banks.plan import (
    STORM,
    CasePlan,
    Manner,
    NeedFacts,
    PlannedEvent,
    institution_asked,
    plan_case,
    schedule,
)

PUSHED = datetime.fromisoformat("2026-10-01T00:10:00+08:00")
CALENDAR = china_calendar()
BANKS = ("ICBC", "CMB", "CDB")
SEEDS = (1, 490, 2026)


def _facts(number: int) -> NeedFacts:
    return NeedFacts(f"FN202603{number:06d}", Decimal("3000.00"), 60, 4.0, "1.4.2", "购置余热锅炉", BANKS)


def _plans(seed: int, needs: int = 1000) -> list[tuple[tuple[str, str, int], CasePlan]]:
    return [
        ((facts.need_id, bank, 0), plan_case(seed, facts, bank, len(BANKS)))
        for facts in map(_facts, range(needs))
        for bank in BANKS[: 1 + int(facts.need_id[-1]) % 3]
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_cases_move_wait_and_fall_silent_in_the_shares_of_the_handbook(seed: int) -> None:
    plans = [plan for _, plan in _plans(seed)]
    shares = {manner: count / len(plans) for manner, count in Counter(plan.manner for plan in plans).items()}
    expected = {Manner.STEADY: 0.78, Manner.LATE_ONCE: 0.12, Manner.WAITING: 0.06, Manner.SILENT: 0.04}
    assert shares == pytest.approx(expected, abs=0.025)
    assert sum(plan.obstruction is not None for plan in plans) / len(plans) == pytest.approx(0.06, abs=0.015)


@pytest.mark.parametrize("seed", SEEDS)
def test_events_are_repeated_late_or_contradictory_in_the_shares_of_the_handbook(seed: int) -> None:
    events = [event for case, plan in _plans(seed) for event in schedule(seed, case, plan.steps, PUSHED, 1)]
    assert sum(len(event.published_at) > 1 for event in events) / len(events) == pytest.approx(0.05, abs=0.01)
    late = sum(event.published_at[0] > event.occurred_at for event in events)
    assert late / len(events) == pytest.approx(0.05, abs=0.015)
    ends = [tuple(step.type for step in plan.steps[-2:]) for _, plan in _plans(seed)]
    # Of those that end in a draw, half contradict themselves by its amount instead.
    assert 0.003 < sum(end in _CONTRADICTIONS for end in ends) / len(events) < 0.015


_CONTRADICTIONS = {("declined", "drawn"), ("closed", "accepted")}


def _folded(events: Sequence[PlannedEvent]) -> tuple[Clock, ...]:
    reports = [
        FeedbackEvent(
            event_id=event.event_id,
            need_id="FN202603000000",
            revision=1,
            institution_code="ICBC",
            type=event.type,
            occurred_at=event.occurred_at,
            sequence=event.sequence,
            amount=Decimal(event.fields["amount"]) if "amount" in event.fields else None,
        )
        for event in events
    ]
    case = fold(PUSHED, reports, transitions=case_transitions(), reopen_max=1)
    return clocks(case, case_limits(), CALENDAR)


def _overdue(clock: Clock) -> int:
    return 0 if clock.stopped_on is None else CALENDAR.working_days_after(clock.due.day, clock.stopped_on)


def _scheduled(seed: int, manner: Manner) -> list[list[PlannedEvent]]:
    return [
        schedule(seed, case, plan.steps, PUSHED, 1)
        for case, plan in _plans(seed, needs=300)
        if plan.manner == manner and plan.obstruction is None
    ]


def test_who_moves_within_his_limits_is_never_overdue_and_reports_in_time() -> None:
    for events in _scheduled(1, Manner.STEADY):
        for clock in _folded(events):
            assert clock.stopped_on is not None and clock.stopped_on <= clock.due.day, (clock, events)
            end = datetime.combine(clock.due.day, time.max, SHANGHAI)
            known = {one.started: one for one in _folded([one for one in events if one.published_at[0] <= end])}
            assert known[clock.started].stopped_on is not None, (clock, events)


def test_who_is_late_once_breaks_one_limit_by_a_few_days() -> None:
    for events in _scheduled(1, Manner.LATE_ONCE):
        overdue = [days for clock in _folded(events) if (days := _overdue(clock))]
        assert len(overdue) == 1 and overdue[0] <= 5, events


def test_who_waits_has_something_to_do_once_somebody_rings_and_who_is_silent_has_nothing() -> None:
    plans = [plan for _, plan in _plans(1)]
    assert all(plan.after_call for plan in plans if plan.manner == Manner.WAITING)
    assert all(plan == CasePlan(Manner.SILENT) for plan in plans if plan.manner == Manner.SILENT)


def test_banks_of_one_need_mostly_behave_alike() -> None:
    by_need: dict[str, list[Manner]] = {}
    for (need_id, _, _), plan in _plans(1):
        by_need.setdefault(need_id, []).append(plan.manner)
    several = [manners for manners in by_need.values() if len(manners) > 1]
    moving = sum(set(manners) == {Manner.STEADY} for manners in several) / len(several)
    assert moving > 0.65  # Independent of one another, it would be 0.55.


def test_in_the_storm_no_bank_answers() -> None:
    assert {plan_case(1, _facts(number), "ICBC", 1, STORM).manner for number in range(50)} == {Manner.SILENT}


def test_the_institution_that_is_asked_is_the_same_each_time() -> None:
    assert institution_asked(1, _facts(1)) == institution_asked(1, _facts(1))

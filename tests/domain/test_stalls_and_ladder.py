from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.base.business_time import SHANGHAI
from include.domain import escalation
from include.domain.escalation import Acknowledged, CaseFacts, Contact, Step, due_steps, step_allowed
from include.domain.quarter import Quarter
from include.domain.routing import Network, Place
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from tests.support.coordinators import person

CALENDAR = china_calendar()
POLICY = policy()
DUE = date(2026, 9, 30)


def with_policy(**changes: str) -> Policy:
    return Policy(MappingProxyType({**POLICY.values, **changes}))


def case(institution: str = "ICBC", state: str = "received", **changes: object) -> CaseFacts:
    fields: dict[str, object] = {
        "need_id": "FN000000000001",
        "institution_code": institution,
        "intended": True,
        "state": state,
        "state_since": date(2026, 10, 9),
        "last_activity_on": date(2026, 9, 30),
        "paused": False,
        "drawn": Decimal(0),
    }
    return CaseFacts(**{**fields, **changes})  # type: ignore[arg-type]


def refusal(day: int, institution: str, **changes: object) -> CaseFacts:
    return case(institution, "declined", state_since=date(2026, 10, day), **changes)


# --- The ladder ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overdue", "expected"),
    [
        (0, []),
        (1, [Step(1, True)]),
        (2, [Step(1, False), Step(2, True)]),
        (5, [Step(1, False), Step(2, False), Step(3, True)]),
        (10, [Step(1, False), Step(2, False), Step(3, False), Step(4, True)]),
    ],
)
def test_only_the_highest_step_newly_due_is_mailed(overdue: int, expected: list[Step]) -> None:
    assert due_steps(overdue, set(), POLICY) == expected


def test_a_step_taken_before_is_not_due_again() -> None:
    assert due_steps(2, {1}, POLICY) == [Step(2, True)]
    assert due_steps(4, {1, 2}, POLICY) == []


def test_a_lower_step_is_never_mailed_after_a_higher_one() -> None:
    assert due_steps(5, {3}, POLICY) == [Step(1, False), Step(2, False)]


def test_the_ladder_goes_city_then_pboc_of_the_province_then_both_then_the_nation() -> None:
    told = [(rung.overdue_working_days, rung.level, rung.authorities) for rung in escalation.ladder(POLICY)]
    assert told == [
        (1, "city", ("MIIT", "PBOC")),
        (2, "province", ("PBOC",)),
        (5, "province", ("MIIT", "PBOC")),
        (10, "nation", ("MIIT", "PBOC")),
    ]


def test_the_figures_of_the_ladder_come_from_the_policy() -> None:
    slower = with_policy(ladder_step1_working_days="3")
    assert due_steps(1, set(), slower) == []


days_looked_at = st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=40)


@settings(max_examples=200)
@given(days_looked_at)
def test_each_step_is_mailed_at_most_once_on_whatever_days_and_in_whatever_order_it_is_looked_at(
    offsets: list[int],
) -> None:
    taken: set[int] = set()
    mailed: list[int] = []
    recorded: Counter[int] = Counter()
    for offset in offsets:
        overdue = CALENDAR.working_days_after(DUE, DUE + timedelta(days=offset))
        for step in due_steps(overdue, frozenset(taken), POLICY):
            recorded[step.step] += 1
            taken.add(step.step)
            if step.mailed:
                mailed.append(step.step)
    assert all(count == 1 for count in recorded.values())
    assert mailed == sorted(set(mailed))
    longest = CALENDAR.working_days_after(DUE, DUE + timedelta(days=max(offsets)))
    assert taken == {r.step for r in escalation.ladder(POLICY) if longest >= r.overdue_working_days}


@settings(max_examples=100)
@given(st.integers(min_value=0, max_value=4), st.integers(min_value=1, max_value=400))
def test_an_outage_of_any_length_brings_exactly_one_mail(before: int, silent_days: int) -> None:
    """Looked at daily until step `before`, then not at all for `silent_days`."""
    taken = set(range(1, before + 1))
    reached = max((r.overdue_working_days for r in escalation.ladder(POLICY) if r.step in taken), default=0)
    due = due_steps(reached + silent_days, taken, POLICY)
    assert sum(step.mailed for step in due) == (1 if due else 0)
    assert {step.step for step in due if not step.mailed}.isdisjoint(taken)


# --- Stall rules -----------------------------------------------------------------------------------------------------


def test_s01_names_the_limit_and_the_day_it_began() -> None:
    breach = escalation.limit_overdue(
        "FN000000000001",
        "ICBC",
        limit=("received", "contacted"),
        day0=date(2026, 9, 30),
        due_on=date(2026, 10, 10),
        provisional=False,
    )
    assert (breach.rule_id, breach.key[-1], breach.due_on) == (
        "S01",
        "limit@received-contacted@2026-09-30",
        date(2026, 10, 10),
    )


def test_s02_comes_true_ten_working_days_after_the_last_event_make_up_days_included() -> None:
    breach = escalation.idle(case(), CALENDAR, POLICY)
    assert breach is not None
    # 2026-10-10 is a Saturday worked; Monday to Friday would say 2026-10-14 without the holidays.
    assert breach.due_on == CALENDAR.add_working_days(date(2026, 9, 30), 10).day == date(2026, 10, 20)
    assert breach.key[-1] == "idle@2026-09-30"


@pytest.mark.parametrize("state", ["drawn", "post_loan", "declined", "closed"])
def test_s02_is_silent_from_the_first_draw_on_and_in_final_states(state: str) -> None:
    assert escalation.idle(case(state=state), CALENDAR, POLICY) is None


def test_s02_is_silent_while_the_case_is_paused() -> None:
    assert escalation.idle(case(paused=True), CALENDAR, POLICY) is None


def test_s03_comes_true_on_the_day_of_the_refusal_that_fills_the_number() -> None:
    cases = [refusal(15, "CCB"), refusal(12, "ICBC"), case("ABC")]
    breach = escalation.turned_down(cases, POLICY)
    assert breach is not None
    assert breach.due_on == date(2026, 10, 15)
    assert escalation.turned_down(cases[1:], POLICY) is None


def test_s03_needs_no_more_refusals_than_there_are_intended_institutions() -> None:
    cases = [refusal(12, "ICBC"), case("ABC", intended=False)]
    assert escalation.turned_down(cases, POLICY) is not None
    unasked = [refusal(12, "ICBC", intended=False)]
    assert escalation.turned_down(unasked, POLICY) is None


@pytest.mark.parametrize("state", ["credit_approved", "contracted", "drawn", "post_loan"])
def test_s03_is_silent_once_an_institution_has_approved(state: str) -> None:
    assert escalation.turned_down([refusal(12, "ICBC"), refusal(13, "CCB"), case("ABC", state)], POLICY) is None


def test_s03_does_not_count_a_case_that_was_closed_after_money_flowed() -> None:
    repaid = case("ABC", "closed", drawn=Decimal("500.00"))
    assert escalation.turned_down([refusal(12, "ICBC"), refusal(13, "CCB"), repaid], POLICY) is None


def test_s03_keeps_its_name_when_a_late_refusal_moves_the_day_and_changes_it_after_a_re_opening() -> None:
    first = escalation.turned_down([refusal(12, "ICBC"), refusal(15, "CCB")], POLICY)
    late = escalation.turned_down([refusal(12, "ICBC"), refusal(15, "CCB"), refusal(13, "ABC")], POLICY)
    again = escalation.turned_down([refusal(12, "ICBC"), refusal(20, "CCB", reopened=1)], POLICY)
    assert first is not None and late is not None and again is not None
    assert late.due_on < first.due_on
    assert first.key == late.key != again.key


def contact(day: int, type_: str, reason: str | None = None) -> Contact:
    return Contact(datetime(2026, 10, day, 10, tzinfo=SHANGHAI), type_, reason)


def test_s05_counts_failed_contacts_of_all_institutions_and_is_due_on_the_day_of_the_third() -> None:
    events = [contact(14, "declined", "R17"), contact(9, "obstructed", "R17"), contact(12, "declined", "R17")]
    breach = escalation.unreachable("FN000000000001", events, POLICY)
    assert breach is not None
    assert (breach.since, breach.due_on) == (date(2026, 10, 9), date(2026, 10, 14))
    assert escalation.unreachable("FN000000000001", events[:2], POLICY) is None


def test_s05_is_over_once_somebody_has_reached_the_enterprise() -> None:
    events = [contact(day, "declined", "R17") for day in (9, 12, 14)]
    assert escalation.unreachable("FN000000000001", [*events, contact(13, "contacted")], POLICY) is not None
    assert escalation.unreachable("FN000000000001", [*events, contact(15, "contacted")], POLICY) is None


def test_s06_comes_true_five_working_days_after_the_push() -> None:
    breach = escalation.unclaimed("FN000000000001", date(2026, 9, 30), CALENDAR, POLICY)
    assert breach.due_on == date(2026, 10, 13)
    assert not breach.provisional


def test_a_due_day_past_the_published_calendar_is_provisional() -> None:
    assert escalation.unclaimed("FN000000000001", date(2026, 12, 30), CALENDAR, POLICY).provisional


def test_s04_and_s08_take_their_limits_from_the_policy_in_working_days() -> None:
    push = escalation.push_unanswered("FN000000000001", 1, date(2026, 9, 30), CALENDAR, POLICY)
    hold = escalation.hold_undecided("FN000000000001", 1, date(2026, 9, 30), CALENDAR, POLICY)
    assert (push.rule_id, push.due_on) == ("S04", date(2026, 10, 8))
    assert (hold.rule_id, hold.due_on) == ("S08", date(2026, 10, 13))


def test_s07_is_due_on_the_day_that_the_return_itself_named() -> None:
    breach = escalation.return_unanswered("FN000000000001", 2, date(2026, 10, 8), date(2026, 10, 21))
    assert (breach.rule_id, breach.key[-1], breach.due_on) == ("S07", "return@2", date(2026, 10, 21))


def test_a_need_expires_after_the_end_of_the_fourth_quarter_after_its_own() -> None:
    quarter = Quarter.parse("2026Q3")
    assert not escalation.expired(quarter, date(2027, 9, 30), POLICY)
    assert escalation.expired(quarter, date(2027, 10, 1), POLICY)


# --- Obstructions ----------------------------------------------------------------------------------------------------

HANGZHOU = Place(city_code="330100", department_code="330000", branch_region="330000")


def test_an_obstruction_starts_in_the_city_if_somebody_coordinates_there() -> None:
    staffed = Network([person("PBOC", "city", "330100")])
    assert escalation.start_level(staffed, HANGZHOU, is_major=False, policy=POLICY) == "city"
    assert escalation.start_level(Network([]), HANGZHOU, is_major=False, policy=POLICY) == "province"


def test_an_obstruction_of_a_major_need_always_starts_in_the_province() -> None:
    staffed = Network([person("PBOC", "city", "330100")])
    assert escalation.start_level(staffed, HANGZHOU, is_major=True, policy=POLICY) == "province"


@given(
    acknowledged_at=st.integers(1, 12),
    looked_at=st.lists(st.integers(0, 60), max_size=40),
    active_at=st.integers(0, 40),
)
def test_an_acknowledged_breach_climbs_one_step_a_quiet_round_and_each_step_once(
    acknowledged_at: int, looked_at: list[int], active_at: int
) -> None:
    def day(overdue: int) -> date:
        return CALENDAR.add_working_days(DUE, overdue).day

    sent: list[int] = [step.step for step in due_steps(acknowledged_at, [], POLICY)]
    told = max(sent)
    for overdue in sorted(at for at in looked_at if at >= acknowledged_at):
        quiet_since = max(acknowledged_at, active_at) if overdue >= active_at else acknowledged_at
        held = Acknowledged(told, day(quiet_since))
        allowed = step_allowed(held, day(overdue), CALENDAR, POLICY)
        due = due_steps(overdue, sent, POLICY, highest_allowed=allowed)
        sent += [step.step for step in due]
        assert len(sent) == len(set(sent))
        if overdue - quiet_since < POLICY.integer("acknowledged_idle_working_days"):
            assert due == [], "held while the case is not quiet for long enough"

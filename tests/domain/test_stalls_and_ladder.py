from __future__ import annotations

from datetime import date, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.base.business_time import SHANGHAI
from include.domain import escalation, ladder
from include.domain.escalation import Contact
from include.domain.ladder import Acknowledged, Rung, Taken, step_allowed
from include.domain.quarter import Quarter
from include.domain.routing import Network, Place
from include.domain.states import Authority
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from tests.support.coordinators import person

CALENDAR = china_calendar()
POLICY = policy()
DUE = date(2026, 9, 30)


def with_policy(**changes: str) -> Policy:
    return Policy(MappingProxyType({**POLICY.values, **changes}))


# --- The ladder ------------------------------------------------------------------------------------------------------


ORDINARY = ladder.ladder(POLICY, is_major=False)
MAJOR = ladder.ladder(POLICY, is_major=True)


def steps(overdue: int, taken: Taken, of: tuple[Rung, ...] = ORDINARY) -> tuple[int, list[int]]:
    """The step newly told (0: none), and those it overtakes."""
    found = ladder.due(overdue, taken, of)
    return (0, []) if found is None else (found.rung.step, sorted({step for step, _ in found.superseded}))


@pytest.mark.parametrize(
    ("overdue", "expected"),
    [
        (1, (0, [])),
        (2, (1, [])),
        (5, (2, [1])),
        (10, (3, [1, 2])),
        (60, (3, [1, 2])),
    ],
)
def test_only_the_highest_step_newly_due_is_told(overdue: int, expected: tuple[int, list[int]]) -> None:
    assert steps(overdue, {}) == expected


def test_a_step_taken_before_is_not_due_again() -> None:
    assert steps(5, {1: {Authority.PBOC}}) == (2, [])
    assert steps(6, {1: {Authority.PBOC}, 2: {Authority.PBOC}}) == (0, [])


def test_an_authority_that_had_nobody_or_no_room_is_told_of_the_same_step_later() -> None:
    found = ladder.due(10, {3: {Authority.PBOC}}, ORDINARY)
    assert found is not None
    assert (found.rung.step, found.authorities) == (3, (Authority.MIIT,))


def test_nothing_is_told_below_a_step_that_was_told() -> None:
    assert steps(5, {3: {Authority.MIIT}}) == (0, [])


def test_the_ladder_goes_from_the_branch_of_the_city_to_both_of_the_province_and_for_major_needs_to_the_nation() -> (
    None
):
    told = [(rung.overdue_working_days, rung.level, rung.authorities) for rung in MAJOR]
    assert told == [
        (2, "city", ("PBOC",)),
        (5, "province", ("PBOC",)),
        (10, "province", ("MIIT", "PBOC")),
        (10, "nation", ("MIIT", "PBOC")),
    ]
    assert MAJOR[:3] == ORDINARY


def test_what_nobody_claims_starts_at_the_second_step_on_the_day_it_comes_true() -> None:
    unclaimed = ladder.ladder(POLICY, is_major=False, unclaimed=True)
    assert steps(0, {}, unclaimed) == (0, [])
    assert steps(1, {}, unclaimed) == (2, [])
    assert steps(10, {2: {Authority.PBOC}}, unclaimed) == (3, [])


def test_the_figures_of_the_ladder_come_from_the_policy() -> None:
    slower = ladder.ladder(with_policy(ladder_step1_working_days="3"), is_major=False)
    assert steps(2, {}, slower) == (0, [])


days_looked_at = st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=40)


@settings(max_examples=200)
@given(days_looked_at, st.booleans())
def test_each_step_is_told_at_most_once_on_whatever_days_and_in_whatever_order_it_is_looked_at(
    offsets: list[int], is_major: bool
) -> None:
    of = MAJOR if is_major else ORDINARY
    taken: dict[int, set[Authority]] = {}
    told: list[int] = []
    for offset in offsets:
        overdue = CALENDAR.working_days_after(DUE, DUE + timedelta(days=offset))
        found = ladder.due(overdue, taken, of)
        if found is None:
            continue
        told.append(found.rung.step)
        for step, authority in (*found.superseded, *((found.rung.step, one) for one in found.authorities)):
            assert authority not in taken.get(step, set())
            taken.setdefault(step, set()).add(authority)
    assert told == sorted(set(told))
    longest = CALENDAR.working_days_after(DUE, DUE + timedelta(days=max(offsets)))
    assert set(taken) == {rung.step for rung in of if longest >= rung.overdue_working_days}


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
    assert (breach.key, breach.cause, breach.due_on) == (
        ("FN000000000001", "S01", ""),
        "limit@received-contacted@2026-09-30",
        date(2026, 10, 10),
    )


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
    assert (breach.rule_id, breach.key[-1], breach.due_on) == ("S07", "return@@2", date(2026, 10, 21))


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
    acknowledged_at=st.integers(2, 12),
    looked_at=st.lists(st.integers(0, 60), max_size=40),
    active_at=st.integers(0, 40),
)
def test_an_acknowledged_need_climbs_one_step_a_quiet_round_and_each_step_once(
    acknowledged_at: int, looked_at: list[int], active_at: int
) -> None:
    def day(overdue: int) -> date:
        return CALENDAR.add_working_days(DUE, overdue).day

    first = ladder.due(acknowledged_at, {}, ORDINARY)
    assert first is not None
    taken: dict[int, set[Authority]] = {first.rung.step: set(first.authorities)}
    told = first.rung.step
    for overdue in sorted(at for at in looked_at if at >= acknowledged_at):
        quiet_since = max(acknowledged_at, active_at) if overdue >= active_at else acknowledged_at
        allowed = step_allowed(Acknowledged(told, day(quiet_since)), day(overdue), CALENDAR, POLICY)
        due = ladder.due(overdue, taken, ORDINARY, highest_allowed=allowed)
        if overdue - quiet_since < POLICY.integer("acknowledged_idle_working_days"):
            assert due is None, "held while the case is not quiet for long enough"
        if due is not None:
            assert due.rung.step not in taken
            taken[due.rung.step] = set(due.authorities)

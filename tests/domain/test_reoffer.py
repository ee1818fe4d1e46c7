"""Re-offers: when other institutions may be thought of, and which."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.case import PATH
from include.domain.reoffer import Asked, Occasion, occasion, suggestions
from include.reference import Policy, institutions, policy
from include.reference.calendar import china_calendar

CALENDAR = china_calendar()
POLICY = policy()
LISTED = tuple(institutions().values())
CODES = [one.code for one in LISTED]
KINDS = sorted({one.kind for one in LISTED})
PUSHED_ON = date(2026, 9, 30)
LAST_QUIET_DAY = date(2026, 10, 20)
"""The tenth working day after the push."""


def asked(institution: str = "ICBC", state: str = "pushed", **changes: Any) -> Asked:
    fields: dict[str, Any] = {
        "institution_code": institution,
        "state": state,
        "since": PUSHED_ON,
        "last_activity_on": PUSHED_ON,
        "paused": False,
        "drawn": Decimal(0),
    }
    return Asked(**{**fields, **changes})


def refusal(institution: str, day: int, reason_code: str = "R04") -> Asked:
    on = date(2026, 10, day)
    return asked(institution, "declined", since=on, last_activity_on=on, reason_code=reason_code)


def found(
    cases: list[Asked], *, intended: tuple[str, ...] = ("ICBC", "CCB", "ABC"), today: date = date(2026, 10, 15)
) -> Occasion | None:
    return occasion(PUSHED_ON, intended, cases, today, CALENDAR, POLICY)


def test_enough_refusals_are_an_occasion_since_the_one_that_filled_the_number() -> None:
    refusals = [refusal("ICBC", 13), refusal("CCB", 10)]
    assert found(refusals[:1]) is None
    assert found(refusals) == Occasion("declined", date(2026, 10, 13), 2)


def test_the_refusal_of_the_only_institution_that_was_intended_is_enough() -> None:
    assert found([refusal("ICBC", 12)], intended=("ICBC",)) == Occasion("declined", date(2026, 10, 12), 1)


def test_silence_is_an_occasion_from_the_day_after_the_limit_on() -> None:
    cases = [asked("ICBC"), asked("CCB", "received")]
    assert found(cases, today=LAST_QUIET_DAY) is None
    assert found(cases, today=LAST_QUIET_DAY + timedelta(days=1)) == Occasion("silence", LAST_QUIET_DAY, 0)
    assert found([], intended=(), today=LAST_QUIET_DAY + timedelta(days=1)) == Occasion("silence", LAST_QUIET_DAY, 0)


def test_any_sign_of_life_starts_the_silence_anew() -> None:
    heard = [asked("ICBC"), asked("CCB", "received", last_activity_on=date(2026, 10, 20))]
    assert found(heard, today=date(2026, 10, 30)) is None


@pytest.mark.parametrize("state", ["contacted", "visited", "accepted"])
def test_an_institution_that_speaks_with_the_enterprise_is_not_silent(state: str) -> None:
    assert found([asked("ICBC", state)], today=date(2026, 12, 1)) is None


def test_an_open_obstruction_is_no_silence() -> None:
    assert found([asked(paused=True)], today=date(2026, 12, 1)) is None


@pytest.mark.parametrize("state", PATH[PATH.index("credit_approved") :])
def test_once_an_institution_approved_nobody_else_is_named(state: str) -> None:
    refusals = [refusal("CCB", 9), refusal("ABC", 9)]
    assert found([*refusals, asked("ICBC", state)], today=date(2026, 12, 1)) is None


@pytest.mark.parametrize("reason_code", ["R14", "R15", "R16"])
def test_what_the_enterprise_gave_up_or_has_already_is_not_offered_around(reason_code: str) -> None:
    assert found([refusal("ICBC", 9), refusal("CCB", 9, reason_code)]) is None


def test_without_results_the_order_is_that_of_the_list() -> None:
    named = suggestions({"CDB", "ADBC"}, LISTED, {}, POLICY)
    assert [(one.institution_code, one.landed) for one in named] == [("EXIM", 0), ("ICBC", 0), ("ABC", 0)]


def test_each_need_begins_at_another_place_of_the_list() -> None:
    named = suggestions({"CDB", "ADBC"}, LISTED, {}, POLICY, turn=1)
    assert [one.institution_code for one in named] == ["ICBC", "ABC", "BOC"]


def test_kinds_with_results_come_first() -> None:
    named = suggestions({"BOSC"}, LISTED, {"city": 4, "postal": 6}, POLICY)
    assert [(one.institution_code, one.landed) for one in named] == [("PSBC", 6), ("BOB", 4), ("JSBC", 4)]


@given(
    st.sets(st.sampled_from([*CODES, "XYZ"])),
    st.dictionaries(st.sampled_from([*KINDS, "unknown"]), st.integers(0, 9)),
    st.permutations(LISTED),
    st.integers(0, 30),
)
def test_nobody_who_was_asked_or_is_unknown_is_ever_named_and_the_same_facts_name_the_same(
    was_asked: set[str], landed: dict[str, int], listed: list[Any], most: int
) -> None:
    limited = Policy(MappingProxyType({**POLICY.values, "reoffer_max_suggestions": str(most)}))
    named = suggestions(was_asked, LISTED, landed, limited)
    codes = [one.institution_code for one in named]
    assert not set(codes) & was_asked
    assert set(codes) <= set(CODES)
    assert len(codes) == len(set(codes)) == min(most, len(set(CODES) - was_asked))
    assert named == suggestions(sorted(was_asked), LISTED, dict(reversed(landed.items())), limited)
    results = [landed.get(institutions()[code].kind, 0) for code in codes]
    assert results == sorted(results, reverse=True)
    assert {one.landed for one in suggestions(was_asked, listed, landed, limited)} <= {*landed.values(), 0}


@given(
    st.lists(
        st.builds(
            asked,
            st.sampled_from(CODES),
            st.sampled_from([*PATH, "declined", "closed"]),
            since=st.dates(PUSHED_ON, date(2026, 12, 31)),
            last_activity_on=st.dates(PUSHED_ON, date(2026, 12, 31)),
            paused=st.booleans(),
            drawn=st.sampled_from([Decimal(0), Decimal(5)]),
            reason_code=st.sampled_from([None, "R04", "R15"]),
        ),
        max_size=5,
        unique_by=lambda one: one.institution_code,
    ),
    st.sets(st.sampled_from(CODES), max_size=3),
    st.dates(PUSHED_ON, date(2026, 12, 31)),
)
def test_an_occasion_never_depends_on_the_order_of_the_cases_and_never_comes_where_money_is(
    cases: list[Asked], intended: set[str], today: date
) -> None:
    seen = occasion(PUSHED_ON, intended, cases, today, CALENDAR, POLICY)
    assert seen == occasion(PUSHED_ON, intended, cases[::-1], today, CALENDAR, POLICY)
    if any(case.drawn > 0 or case.state in PATH[PATH.index("credit_approved") :] for case in cases):
        assert seen is None
    if seen is not None and seen.cause == "silence":
        assert all(case.state in ("pushed", "received", "declined", "closed") for case in cases)

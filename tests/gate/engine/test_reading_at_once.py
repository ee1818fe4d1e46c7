"""What the gate reads of a whole column at once is what the handbook says of each value."""

from __future__ import annotations

import gc
import random
import re
from datetime import date, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.custom.codes import credit_code
from include.base.business_time import SHANGHAI
from include.domain.identifiers import make_uscc, uscc_is_valid
from include.gate.engine.amounts import MALFORMED, scaled_amounts, scaled_benefits
from include.gate.engine.gc_pause import gc_paused
from include.gate.engine.moments import moment, moment_of, read_moments
from include.reference import policy
from tests.support.clean_need import CHECKED_AT, clean_need, judge

_WRITTEN = st.one_of(
    st.from_regex(r"\A[0-9]{1,13}([.][0-9]{1,5})?\Z", fullmatch=True), st.text("0129.,-+e１ \n", max_size=8)
)


def _exactly(pattern: str, text: str) -> int:
    if not re.fullmatch(pattern, text):
        return MALFORMED
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(4, "0"))


@given(st.lists(_WRITTEN, max_size=10))
def test_amounts_are_scaled_exactly_and_nothing_else_is_an_amount(texts: list[str]) -> None:
    assert scaled_amounts(texts).tolist() == [_exactly("[0-9]{1,10}([.][0-9]{1,2})?", text) for text in texts]
    assert scaled_benefits(texts).tolist() == [_exactly("[0-9]{1,12}([.][0-9]{1,4})?", text) for text in texts]


def test_the_largest_amounts_lose_no_digit() -> None:
    assert scaled_benefits(["999999999999.9999", "99999999999.9999"]).tolist() == [
        9_999_999_999_999_999,
        999_999_999_999_999,
    ]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-09-30T09:30:00+08:00", "2026-09-30T01:30:00+00:00"),
        ("2026-09-30T09:30:00-08:00", "2026-09-30T17:30:00+00:00"),
        ("2024-02-29T00:00:00+00:00", "2024-02-29T00:00:00+00:00"),
        ("2026-06-30T23:59:60+00:00", "2026-07-01T00:00:00+00:00"),
        ("2026-09-30t01:30:00z", "2026-09-30T01:30:00+00:00"),
        ("2026-02-29T00:00:00+08:00", None),
        ("2026-13-01T00:00:00+08:00", None),
        ("2026-09-30T24:00:00+08:00", None),
        ("2026-09-30T23:60:00+08:00", None),
        ("2026-09-30T23:00:61+08:00", None),
        ("2026-09-30T23:00:00+24:00", None),
        ("2026-09-30 23:00:00+08:00", None),
        ("2026-09-30T23:00:00*08:00", None),
        ("0000-01-01T00:00:00+08:00", None),
        ("2026-09-3０T09:30:00+08:00", None),
    ],
)
def test_a_moment_is_read_alike_alone_and_among_others(text: str, utc: str | None) -> None:
    expected = None if utc is None else moment_of(datetime.fromisoformat(utc))
    assert moment(text) == expected
    others = ["2026-09-30T09:30:00.500+08:00", 7, None, ""]
    read = read_moments([text, *others])
    assert read.known.tolist() == [expected is not None, True, False, False, False]
    if expected is not None:
        assert (read.seconds[0], read.fractions[0]) == expected


def test_moments_are_compared_to_the_last_digit_of_their_fractions() -> None:
    first = read_moments(["2026-09-30T09:30:00.49+08:00", "2026-09-30T09:30:00.5+08:00", "2026-09-30T09:30:01+08:00"])
    second = read_moments(["2026-09-30T09:30:00.5+08:00"] * 3)
    assert first.earlier_than(second).tolist() == [True, False, False]
    assert first.not_after((int(second.seconds[0]), "5")).tolist() == [True, True, False]


def test_the_day_of_a_moment_is_that_of_shanghai() -> None:
    days = read_moments(["2026-09-30T16:00:00+00:00", None]).days("day")
    assert (days.distinct, days.codes.tolist()) == ([date(2026, 10, 1)], [0, -1])
    assert datetime(2026, 9, 30, 16, tzinfo=SHANGHAI).date() != date(2026, 10, 1)


def test_credit_codes_are_checked_alike_alone_and_among_others() -> None:
    chance = random.Random(7)
    good = [make_uscc(f"91{chance.randrange(10**6):06d}", f"MA{number:06d}") for number in range(300)]
    changed = [
        code[:at] + chance.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") + code[at + 1 :]
        for code in good
        for at in [chance.randrange(18)]
    ]
    codes = [*good, *changed, "", "９1330100MA2TE5T013", good[0][:-1], good[0] + "0", "-" * 18]
    held = credit_code(pd.Series(codes, dtype=object)).tolist()
    assert held == [uscc_is_valid(code) for code in codes]
    assert all(held[: len(good)]) and not all(held)


def test_a_recommendation_in_the_first_years_of_the_calendar_gets_its_verdict() -> None:
    old = clean_need(
        {"submitted_at": "0001-01-02T00:00:00+08:00", "review.recommended_at": "0002-01-01T00:00:00+08:00"}
    )
    assert judge([old], checked_at=CHECKED_AT, policy=policy())[0].verdict != "passed"


def test_the_collector_works_again_after_a_judgement() -> None:
    with pytest.raises(KeyError), gc_paused():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()

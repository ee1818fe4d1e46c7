"""Retries span more than the longest outage that must be survived, then stop and wait for a person."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.retry import (
    FEWEST_TRIES,
    FIRST_CEILING,
    LONGEST_REQUESTED_WAIT,
    LONGEST_WAIT,
    Series,
    ceiling,
    next_try,
    requested_wait,
)

START = datetime(2026, 10, 1, tzinfo=UTC)
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_waits_double_up_to_a_cap() -> None:
    assert [ceiling(n).total_seconds() for n in range(1, 6)] == [2, 4, 8, 16, 32]
    assert ceiling(12) == ceiling(10_000) == LONGEST_WAIT


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_an_outage_of_76_hours_is_outlived(seed: int) -> None:
    dice, now, tries = random.Random(seed), START, 0
    while now < START + timedelta(hours=76):
        due = next_try(Series(tries, START if tries else None), now, dice.random())
        assert due is not None
        assert now <= due <= now + LONGEST_WAIT
        now, tries = due + timedelta(minutes=5), tries + 1


@given(jitter=jitters, hours=st.integers(80, 10_000), failures=st.integers(FEWEST_TRIES, 10**6))
def test_it_is_given_up_in_the_end(jitter: float, hours: int, failures: int) -> None:
    assert next_try(Series(failures, START), START + timedelta(hours=hours), jitter) is None


@given(failures=st.integers(0, FEWEST_TRIES - 2))
def test_a_series_that_was_hardly_run_is_not_given_up_for_its_age(failures: int) -> None:
    assert next_try(Series(failures, START), START + timedelta(days=30), 0.5) is not None


@given(jitter=jitters, failures=st.integers(0, 40), seconds=st.integers(2, 100_000))
def test_the_receivers_own_word_is_kept(jitter: float, failures: int, seconds: int) -> None:
    wait = timedelta(seconds=seconds)
    assert next_try(Series(failures, START), START, jitter, wait) == START + wait


@given(jitter=jitters, failures=st.integers(0, 40), seconds=st.floats(allow_nan=True, allow_infinity=True))
def test_no_word_of_a_receiver_hammers_it_or_puts_us_off_for_good(jitter: float, failures: int, seconds: float) -> None:
    due = next_try(Series(failures, START), START, jitter, requested_wait(seconds))
    assert due is not None
    assert START <= due <= START + LONGEST_REQUESTED_WAIT
    if not math.isnan(seconds):
        assert due >= START + FIRST_CEILING


@given(jitter=jitters, failures=st.integers(0, 40), seconds=st.integers(-(10**30), 1))
def test_a_word_shorter_than_the_first_backoff_waits_as_long_as_ours(
    jitter: float, failures: int, seconds: int
) -> None:
    due = next_try(Series(failures, START), START, jitter, requested_wait(seconds))
    ours = next_try(Series(failures, START), START, jitter)
    assert due is not None and ours is not None
    assert due == max(ours, START + FIRST_CEILING)

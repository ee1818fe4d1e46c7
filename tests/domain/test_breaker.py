"""The circuit breaker's states, for any order of outcomes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from include.domain.breaker import LONGEST_WAIT, Breaker, failed, probing, succeeded, wait

THRESHOLD = 5


def test_it_opens_with_the_last_of_so_many_straight_failures() -> None:
    breaker = Breaker()
    for _ in range(THRESHOLD - 1):
        breaker = failed(breaker, THRESHOLD)
    assert breaker.state == "closed"
    assert failed(breaker, THRESHOLD).state == "open"


@given(st.lists(st.booleans(), max_size=60))
def test_it_is_open_exactly_after_straight_failures_and_one_success_closes_it(outcomes: list[bool]) -> None:
    breaker, straight = Breaker(), 0
    for success in outcomes:
        if breaker.state == "open":
            breaker = probing(breaker)
        breaker = succeeded() if success else failed(breaker, THRESHOLD)
        straight = 0 if success else straight + 1
        assert breaker.failures == straight
        assert (breaker.state == "open") == (straight >= THRESHOLD)


@given(st.integers(min_value=1, max_value=200))
def test_it_waits_longer_with_each_opening_up_to_a_cap(openings: int) -> None:
    first, second = (wait(Breaker("open", THRESHOLD, number)) for number in (openings, openings + 1))
    assert timedelta() < first <= second <= LONGEST_WAIT

"""The circuit breaker of a channel (熔断): after straight failures a receiver is left alone, then asked by one request.

Pure: state and outcome in, state out. What must be waited for is said as a duration; whose clock runs is the caller's matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
PROBE_LEASE = timedelta(minutes=2)
"""So long nobody else asks; a worker that died while it asked blocks no longer."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """A channel as its requests have found it. `failures`: straight ones; `openings`: without a success between them."""

    state: BreakerState = "closed"
    failures: int = 0
    openings: int = 0


def succeeded() -> Breaker:
    """After a request that came to something: closed, whatever was before."""
    return Breaker()


def failed(breaker: Breaker, threshold: int) -> Breaker:
    """After a request that came to nothing: open from `threshold` straight failures on, or if it was the one that asked."""
    failures = breaker.failures + 1
    if breaker.state == "half_open" or (breaker.state == "closed" and failures >= threshold):
        return Breaker("open", failures, breaker.openings + 1)
    return replace(breaker, failures=failures)


def asking(breaker: Breaker) -> Breaker:
    """While one request asks whether the receiver is back."""
    return replace(breaker, state="half_open")


def wait(breaker: Breaker) -> timedelta:
    """How long an open breaker stays shut: doubled with each opening, capped; how long an asking one blocks others."""
    if breaker.state == "half_open":
        return PROBE_LEASE
    return min(FIRST_WAIT * (1 << min(max(breaker.openings - 1, 0), 16)), LONGEST_WAIT)

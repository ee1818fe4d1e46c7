"""The circuit breaker of a channel (熔断): after failures in a row it sends nothing for a while, then probes with one
request.

Pure: state and outcome in, state out. Waits are durations; the caller chooses the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
PROBE_LEASE = timedelta(minutes=2)
"""While one worker probes, others wait this long at most: a worker that died while probing must not block them for ever."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """State of a channel. `failures`: failures in a row; `openings`: openings without a success in between."""

    state: BreakerState = "closed"
    failures: int = 0
    openings: int = 0


def succeeded() -> Breaker:
    """State after a request that was answered: closed."""
    return Breaker()


def failed(breaker: Breaker, threshold: int) -> Breaker:
    """State after a request that failed: open from `threshold` failures in a row on, or if the request was the probe."""
    failures = breaker.failures + 1
    if breaker.state == "half_open" or (breaker.state == "closed" and failures >= threshold):
        return Breaker("open", failures, breaker.openings + 1)
    return replace(breaker, failures=failures)


def probing(breaker: Breaker) -> Breaker:
    """State while one request probes whether the receiver is back."""
    return replace(breaker, state="half_open")


def wait(breaker: Breaker) -> timedelta:
    """How long an open breaker blocks: doubled with each opening, capped. Half open: how long the probe blocks others."""
    if breaker.state == "half_open":
        return PROBE_LEASE
    return min(FIRST_WAIT * (1 << min(max(breaker.openings - 1, 0), 16)), LONGEST_WAIT)

"""When to retry: exponential backoff with full jitter, for more than three days; then give up.

What is given up on is not dropped: it waits for a person. A wait that the receiver states is respected within bounds,
so that the receiver can neither make us hammer it nor put us off for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_CEILING = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
HORIZON = timedelta(hours=80)
"""Least duration of a series of tries: longer than the outage of 76 hours that must be survived."""
FEWEST_TRIES = 12
"""Least number of tries, for a series that was mostly not run because the scheduler was stopped."""
LONGEST_REQUESTED_WAIT = timedelta(days=7)
"""The longest wait that a receiver may ask for; the policy of the platforms (receiver_wait_max_minutes) cannot exceed it."""


@dataclass(frozen=True, slots=True)
class Series:
    """The failed tries so far, since a person last intervened."""

    failures: int = 0
    began_at: datetime | None = None


def next_try(series: Series, now: datetime, jitter: float, requested_wait: timedelta | None = None) -> datetime | None:
    """When to try again after one more failure at `now`; None to give up.

    `jitter` is a random number in [0, 1). `requested_wait` is the receiver's own statement (Retry-After): the wait is at
    least that, up to LONGEST_REQUESTED_WAIT. If it is shorter than the first backoff, the backoff applies.
    """
    failures = series.failures + 1
    began_at = series.began_at or now
    if failures >= FEWEST_TRIES and now - began_at >= HORIZON:
        return None
    ours = jitter * ceiling(failures)
    if requested_wait is None:
        return now + ours
    if requested_wait < FIRST_CEILING:
        return now + max(ours, FIRST_CEILING)
    return now + min(requested_wait, LONGEST_REQUESTED_WAIT)


def requested_wait(seconds: float | None) -> timedelta | None:
    """The wait that a receiver states, 0 to LONGEST_REQUESTED_WAIT; None if it states none or not a number."""
    if seconds is None or math.isnan(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_REQUESTED_WAIT.total_seconds()))


def ceiling(failures: int) -> timedelta:
    """The longest wait after so many failures: doubled each time, capped."""
    return min(FIRST_CEILING * (1 << min(failures - 1, 32)), LONGEST_WAIT)

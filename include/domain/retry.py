"""When to try again: exponential backoff with full jitter, for more than three days, then given up.

What is given up on is not dropped: it waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_CEILING = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
HORIZON = timedelta(hours=80)
"""A series of tries lasts at least so long: longer than the outage of 76 hours that must be survived."""
FEWEST_TRIES = 12
"""A series that was mostly not run (the scheduler was stopped) still gets so many tries."""


@dataclass(frozen=True, slots=True)
class Series:
    """The failed tries so far, without a person's intervention between them."""

    failures: int = 0
    began_at: datetime | None = None


def next_try(series: Series, now: datetime, jitter: float, asked_wait: timedelta | None = None) -> datetime | None:
    """When to try again after one more failure at `now`; None if it is time to give up.

    `jitter` is a random number in [0, 1). `asked_wait` is the receiver's own word (Retry-After): never undercut.
    """
    failures = series.failures + 1
    began_at = series.began_at or now
    if failures >= FEWEST_TRIES and now - began_at >= HORIZON:
        return None
    if asked_wait is not None:
        return now + asked_wait
    return now + jitter * ceiling(failures)


def ceiling(failures: int) -> timedelta:
    """The longest wait after so many failures: doubled each time, capped."""
    return min(FIRST_CEILING * (1 << min(failures - 1, 32)), LONGEST_WAIT)

"""One delivery run in a process of its own, killed at a named point: python -m tests.faults.worker <database> <moment> <point> <nth>.

The points are where a run can leave the outside and the inside apart. `none` runs to its end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from include.business_time import BusinessClock
from include.delivery import engine, record
from include.platforms.credit_market import CreditMarketClient
from include.settings import Settings, business_moment
from include.store.database import connect

CRASH_POINTS = ("claimed", "about_to_send", "sent", "recording", "recorded", "taken_over")


def _dying(function: Callable[..., Any], nth: int, *, before: bool = False) -> Callable[..., Any]:
    calls = 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*arguments, **named)
        if not before and calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return wrapped


def plant(point: str, nth: int) -> None:
    """Let the process die at the nth passing of a crash point."""
    if point == "claimed":
        engine.claim = _dying(engine.claim, nth)
    elif point == "about_to_send":
        CreditMarketClient.push_batch = _dying(CreditMarketClient.push_batch, nth, before=True)  # type: ignore[method-assign]
    elif point == "sent":
        CreditMarketClient.push_batch = _dying(CreditMarketClient.push_batch, nth)  # type: ignore[method-assign]
    elif point == "recording":
        record.copy_rows = _dying(record.copy_rows, nth)
    elif point == "recorded":
        engine.record = _dying(engine.record, nth)
    elif point == "taken_over":
        engine.take_over = _dying(engine.take_over, nth)
    elif point != "none":
        raise SystemExit(f"no such crash point: {point}")


def main(database: str, moment: str, point: str, nth: str) -> None:
    """Deliver on the market channel."""
    plant(point, int(nth))
    clock = BusinessClock.starting_at(business_moment(moment))
    engine.deliver(connect(database), "market", settings=Settings.from_environment(), clock=clock)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The sandbox's own clock: it does not move until it is set.

Tokens, signatures and cursors use the real clock; everything with a business date uses this one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from include.base.business_time import SHANGHAI


class SandboxClock:
    """The present moment (aware, Asia/Shanghai) of the simulated world."""

    def __init__(self, now: datetime) -> None:
        self._now = _local(now)
        self._listeners: list[Callable[[datetime], None]] = []

    @property
    def now(self) -> datetime:
        """The current moment of the sandbox."""
        return self._now

    def set(self, now: datetime) -> None:
        """Move to `now` and call the listeners."""
        self._now = _local(now)
        for listener in self._listeners:
            listener(self._now)

    def on_change(self, listener: Callable[[datetime], None]) -> None:
        """Call `listener` each time the clock is set."""
        self._listeners.append(listener)


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the sandbox's clock needs a time with an offset")
    return moment.astimezone(SHANGHAI)

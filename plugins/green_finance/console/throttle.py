"""A limit on how often somebody may do something, within one process; nothing is stored."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from time import monotonic

_MOST_NAMES = 10_000
"""Names that are remembered; the one that was quiet longest is forgotten first."""


class Throttle:
    """At most `most` times in `seconds` for each name."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._times.clear()

    def allows(self, name: str) -> bool:
        """Whether `name` may do it once more now; if so, it counts."""
        now = self._clock()
        with self._lock:
            times = self._times.setdefault(name, deque())
            self._times.move_to_end(name)
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            if len(self._times) > _MOST_NAMES:
                self._times.popitem(last=False)
            return True

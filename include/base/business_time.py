"""Business time: Asia/Shanghai, the real clock unless a demo or a test moves it.

Tokens, signatures and leases do not use it: they always follow the real clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic, sleep
from typing import Protocol, Self
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone of every local day and moment of the handbook."""


def in_shanghai(at: datetime) -> datetime:
    """`at` in Shanghai's time; as it stands at the ends of the calendar, where foreign texts may put it."""
    try:
        return at.astimezone(SHANGHAI)
    except OverflowError:
        return at


class Clock(Protocol):
    """A source of business time, and how to wait in it."""

    def now(self) -> datetime:
        """The current moment (aware)."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class BusinessClock:
    """A clock that runs on from the moment it was set to."""

    started_at: datetime
    _monotonic_start: float

    @classmethod
    def starting_at(cls, moment: datetime | None) -> Self:
        """A clock set to `moment` (aware), or to the real time if None."""
        if moment is not None and moment.tzinfo is None:
            raise ValueError("business time needs an offset")
        started_at = datetime.now(SHANGHAI) if moment is None else moment.astimezone(SHANGHAI)
        return cls(started_at, monotonic())

    def now(self) -> datetime:
        """The current moment, in Asia/Shanghai."""
        return self.started_at + timedelta(seconds=monotonic() - self._monotonic_start)

    def sleep(self, seconds: float) -> None:
        """Wait, in real time."""
        sleep(seconds)

    def today(self) -> date:
        """The local date."""
        return self.now().date()

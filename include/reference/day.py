"""The day on which a stage works: the moment, the working calendar and the policy in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from include.base.business_time import SHANGHAI
from include.domain.calendar import WorkingCalendar
from include.reference import Policy, policy
from include.reference.calendar import china_calendar


@dataclass(frozen=True, slots=True)
class Day:
    """What a stage must know besides the database. Stages take it as an argument and read no global policy.

    `now` is business time (aware). Callers above the stages (DAG tasks, the console, commands) make one; tests make one
    with another policy.
    """

    now: datetime
    calendar: WorkingCalendar
    policy: Policy

    @classmethod
    def in_force(cls, now: datetime) -> Self:
        """The moment under China's calendar and the policy in force. Raises ConfigurationError for an unusable policy."""
        return cls(now, china_calendar(), policy())

    @property
    def today(self) -> date:
        """The local date in Asia/Shanghai."""
        return self.now.astimezone(SHANGHAI).date()

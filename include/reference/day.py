"""The day on which a stage works: the moment, the working calendar and the policy in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Self

from include.base.business_time import SHANGHAI
from include.domain.calendar import WorkingCalendar
from include.domain.policy_snapshot import PolicySnapshot
from include.reference import CaseLimit, LimitOverride, Policy, case_limits, limit_overrides, policy
from include.reference.calendar import china_calendar


@dataclass(frozen=True, slots=True)
class Day:
    """What a stage must know besides the database. Stages take it as an argument and read no global policy.

    `now` is business time (aware). `limits` and `overrides` are those of a case that opens now, by default the tables in
    force. Callers above the stages (DAG tasks, the console, commands) make one; tests make one with another policy.
    """

    now: datetime
    calendar: WorkingCalendar
    policy: Policy
    limits: tuple[CaseLimit, ...] = field(default_factory=case_limits)
    overrides: tuple[LimitOverride, ...] = field(default_factory=limit_overrides)

    @classmethod
    def in_force(cls, now: datetime) -> Self:
        """The moment under China's calendar and the policy in force. Raises ConfigurationError if one cannot be used."""
        return cls(now, china_calendar(), policy())

    @property
    def today(self) -> date:
        """The local date in Asia/Shanghai."""
        return self.now.astimezone(SHANGHAI).date()

    @property
    def snapshot(self) -> PolicySnapshot:
        """What is kept of the policy for a case that opens on this day."""
        return PolicySnapshot.of(self.limits, self.overrides, self.policy)


def within_working_hours(now: datetime, day: Day) -> bool:
    """Whether `now` (aware) lies in the working hours of a working day, both ends included.

    Source: handbook section 2; policy keys working_hours_start and working_hours_end, read and counted as `day` has them.
    """
    local = now.astimezone(SHANGHAI)
    if not day.calendar.is_working_day(local.date()):
        return False
    opening, closing = day.policy.closing_time("working_hours_start"), day.policy.closing_time("working_hours_end")
    return (opening or time()) <= local.time() and (closing is None or local.time() <= closing)

"""Reminders (报送提醒): T-10, T-5 and T-1 working days before the cut-off, each department hears how its filing stands.

The cut-off is the notice's (工信厅联函〔2025〕490号, last working day of the quarter); the three days are the project's
own (policy reminder_working_days). The MIIT coordinator of the department's region stands for the department's mailbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include import mail
from include.domain.calendar import SHANGHAI, DueDate, WorkingCalendar
from include.domain.quarter import Quarter
from include.domain.routing import Network, Place
from include.reference import Department, Policy, departments
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue

if TYPE_CHECKING:
    from include.platforms.green_platform import Manifest, ManifestRow

_NOTHING_FILED = "组织审核并推荐本地区符合条件的融资需求；本季度没有可推荐的，请办理零报送。"
_ZERO_RETURN = "核对零报送是否属实；截止前如有新增需求，可继续审核推荐。"
_FILED = "核对推荐项数和金额；截止前如有新增需求，可继续审核推荐。"


def remind(
    engine: sa.Engine, quarter: str, *, manifest: Manifest, now: datetime, calendar: WorkingCalendar, policy: Policy
) -> int:
    """Queue today's reminder to each of the 37 departments; returns how many are new, 0 on any other day.

    `manifest` is what the departments have reported for `quarter` so far. A department whose region has no MIIT
    coordinator on duty is reminded through the next level up.
    """
    round_ = _todays_round(Quarter.parse(quarter), now, calendar, policy)
    if round_ is None:
        return 0
    filed = {row.department_code: row for row in manifest.departments}
    with engine.begin() as connection:
        coordinators = network(connection)
        reminders = [
            reminder
            for department in departments().values()
            if (reminder := _reminder(round_, department, filed.get(department.code), coordinators)) is not None
        ]
        return enqueue(connection, reminders, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One of the three days; `earlier` are the working days before the cut-off of the rounds before it."""

    quarter: Quarter
    today: date
    working_days_left: int
    earlier: tuple[int, ...]
    cut_off: DueDate
    inclusive: bool

    def key(self, department: Department, working_days_left: int) -> str:
        return f"reminder:{self.quarter}:{department.code}:T-{working_days_left}"

    @property
    def cut_off_label(self) -> str:
        """The last moment to report: the end of the last working day, or its beginning (policy cutoff_inclusive)."""
        last = self.cut_off.day if self.inclusive else self.cut_off.day - timedelta(days=1)
        return mail.day_label(last, self.today, self.cut_off.provisional) + "24:00"


def _todays_round(quarter: Quarter, now: datetime, calendar: WorkingCalendar, policy: Policy) -> _Round | None:
    today = now.astimezone(SHANGHAI).date()
    rounds = sorted((int(days) for days in policy.listed("reminder_working_days")), reverse=True)
    for position, days in enumerate(rounds):
        if calendar.before_cutoff(quarter, days).day == today:
            return _Round(
                quarter=quarter,
                today=today,
                working_days_left=days,
                earlier=tuple(rounds[:position]),
                cut_off=calendar.last_working_day(quarter),
                inclusive=policy.flag("cutoff_inclusive"),
            )
    return None


def _reminder(
    round_: _Round, department: Department, row: ManifestRow | None, coordinators: Network
) -> NewDelivery | None:
    """None if nobody is on duty up to the nation: there is no mailbox to write to."""
    place = Place(city_code=None, department_code=department.code, branch_region=None)
    recipient = coordinators.accountable("MIIT", "province", place).coordinator
    if recipient is None:
        return None
    state, asked = _state(row)
    body = mail.compose(
        "reminder",
        to=[recipient.email],
        subject=f"{department.short_name}：{round_.quarter}融资需求报送还有{round_.working_days_left}个工作日（{state}）",
        list_id="reminder",
        today=round_.today,
        references=[round_.key(department, days) for days in round_.earlier],
        department=department.name,
        quarter_label=f"{round_.quarter.year}年第{'一二三四'[round_.quarter.number - 1]}季度",
        working_days_left=round_.working_days_left,
        cut_off=round_.cut_off_label,
        provisional=round_.cut_off.provisional,
        state=state,
        filing=_filing(row, round_.today),
        asked=asked,
    )
    return NewDelivery(
        channel="mail",
        action="mail",
        idempotency_key=round_.key(department, round_.working_days_left),
        body=body,
        quarter=str(round_.quarter),
        department_code=department.code,
    )


def _state(row: ManifestRow | None) -> tuple[str, str]:
    if row is None:
        return "尚未报送", _NOTHING_FILED
    if row.zero_return:
        return "已零报送", _ZERO_RETURN
    return "已报送", _FILED


def _filing(row: ManifestRow | None, today: date) -> mail.Filing | None:
    if row is None:
        return None
    reported_at = row.reported_at.astimezone(SHANGHAI)
    return mail.Filing(
        recommended=row.recommended,
        total=f"{row.financing_need:,.2f}",
        reported_at=f"{mail.day_label(reported_at.date(), today)}{reported_at:%H:%M}",
    )

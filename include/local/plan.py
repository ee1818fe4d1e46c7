"""How a demo plays a quarter: which DAG runs at which simulated moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from include.base.business_time import SHANGHAI
from include.domain.calendar import WorkingCalendar
from include.domain.quarter import Quarter

REMINDERS = (10, 5, 1)
WORKING_DAYS = 45
EVERY = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One DAG run. `quarter`: given to the run as a parameter; `partitioned`: also as its partition key."""

    phase: str
    title: str
    dag_id: str
    moment: datetime
    quarter: str | None = None
    partitioned: bool = False

    @property
    def conf(self) -> dict[str, str]:
        """The run's conf."""
        conf = {"now": self.moment.isoformat()}
        return conf if self.quarter is None else {**conf, "quarter": self.quarter}


def quarter_plan(quarter: Quarter, calendar: WorkingCalendar) -> list[Step]:
    """The quarter from its first reminder to its circular, 45 working days after the cut-off; every third of them is played."""
    steps: list[Step] = []
    summarised: set[tuple[int, int]] = set()
    for days in REMINDERS:
        day = calendar.before_cutoff(quarter, days).day
        phase = f"报送提醒 T-{days}"
        steps += [
            *_weekly_summary(phase, day, summarised),
            Step(phase, "提醒各地主管部门", "remind_departments", _at(day, 9), str(quarter)),
            Step(phase, "发送提醒邮件", "deliver", _at(day, 9, 10)),
        ]
    cut_off = calendar.deadline(quarter)
    steps += [
        Step("季度征集", "接收并审核全部需求", "quarterly_intake", cut_off, str(quarter), partitioned=True),
        Step("季度征集", "推送、退回、发信", "deliver", cut_off + timedelta(minutes=10)),
    ]
    for number in range(EVERY, WORKING_DAYS + 1, EVERY):
        day = calendar.add_working_days(calendar.last_working_day(quarter).day, number).day
        phase = f"对接 第 {number} 个工作日"
        steps += [
            Step(phase, "收取银行反馈", "bank_feedback", _at(day, 8)),
            Step(phase, "识别停滞并升级", "escalate_stalled", _at(day, 8, 30)),
            *_weekly_summary(phase, day, summarised),
            Step(phase, "发送", "deliver", _at(day, 8, 50)),
        ]
    steps += [
        Step("收尾", "对账", "reconcile", _at(day, 9), str(quarter)),
        Step("收尾", "发布季度通报", "quarterly_circular", _at(day, 9, 30), str(quarter)),
        Step("收尾", "日常维护与审计链核验", "housekeeping", _at(day, 10)),
    ]
    return steps


def _weekly_summary(phase: str, day: date, summarised: set[tuple[int, int]]) -> list[Step]:
    """On the first played day of each week: on a later one nothing would be due."""
    week = day.isocalendar()[:2]
    if week in summarised:
        return []
    summarised.add(week)
    return [Step(phase, "向主管部门发周报", "weekly_summary", _at(day, 8, 45))]


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), SHANGHAI)

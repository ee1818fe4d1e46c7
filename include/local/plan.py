"""How a demo plays a quarter: which DAG runs, and who works, at which simulated moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from include.base.business_time import SHANGHAI
from include.domain.calendar import WorkingCalendar
from include.domain.quarter import Quarter
from include.local.people import COORDINATORS, OFFICERS

REMINDERS = (10, 5, 1)
PLAYED = (1, 3, 5, 8, 12, 18, 25, 35, 45)
"""Working days after the cut-off that are played: close together while limits are short."""
URGENT_MAILS_ON = 5
REVIEWED_UNTIL = 12
"""Later on, the last played day alone has a review: nothing more is corrected in time."""
OUTAGE_ON, URGENT_ON = 10, 5
"""Working days before the cut-off: when the mail server fails once, and when major needs are recommended and read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One DAG run, or the work of people (`people`: which; then without a DAG).

    `quarter`: given to the run as a parameter; `partitioned`: also as its partition key. `trouble`: what befalls it until
    its end.
    """

    phase: str
    title: str
    dag_id: str
    moment: datetime
    quarter: str | None = None
    partitioned: bool = False
    people: str = ""
    trouble: Literal["", "mail_outage", "refused_push"] = ""

    @property
    def conf(self) -> dict[str, str]:
        """The run's conf."""
        conf = {"now": self.moment.isoformat()}
        return conf if self.quarter is None else {**conf, "quarter": self.quarter}


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a quarter that are played: working days before and after the cut-off.

    `troubled`: the mail server fails once, and the market refuses a push.
    """

    before: tuple[int, ...] = REMINDERS
    after: tuple[int, ...] = PLAYED
    troubled: bool = True


ALL_DAYS = Days()
FEW_DAYS = Days(before=(1,), after=(1, 5, 45), troubled=False)
"""For a quarter that only gives another one a past."""


def quarter_plan(quarter: Quarter, calendar: WorkingCalendar, days: Days = ALL_DAYS) -> list[Step]:
    """The quarter from its first reminder to its circular, on these days."""
    steps: list[Step] = []
    summarised: set[tuple[int, int]] = set()
    for number in days.before:
        day = calendar.before_cutoff(quarter, number).day
        steps += _before_the_cut_off(number, day, quarter, summarised, days.troubled)
    cut_off = calendar.deadline(quarter)
    steps += [
        Step("季度征集", "接收并审核全部需求", "quarterly_intake", cut_off, str(quarter), partitioned=True),
        Step(
            "季度征集",
            "推送、退回、发信",
            "deliver",
            cut_off + timedelta(minutes=10),
            trouble="refused_push" if days.troubled else "",
        ),
    ]
    for number in days.after:
        day = calendar.add_working_days(calendar.last_working_day(quarter).day, number).day
        phase = f"对接 第 {number} 个工作日"
        if number <= REVIEWED_UNTIL or number == days.after[-1]:
            steps.append(Step(phase, "预审：补正、迟报、撤回", "daily_review", _at(day, 7, 30)))
        steps += [
            Step(phase, "收取银行反馈", "bank_feedback", _at(day, 8, 15)),
            Step(phase, "逾期督办", "escalate_stalled", _at(day, 8, 30)),
            *_weekly_summary(phase, day, summarised),
            Step(phase, "发送", "deliver", _at(day, 8, 50)),
            Step(phase, "协调人办理邮件中的事项", "", _at(day, 10), people=COORDINATORS),
            Step(phase, "审核人员办理", "", _at(day, 10, 30), people=OFFICERS),
        ]
        if number == URGENT_MAILS_ON:
            steps.append(Step(phase, "加急督办", "urgent_mails", _at(day, 10, 40)))
    steps += [
        Step("收尾", "日常维护与审计链核验", "housekeeping", _at(day, 10, 45)),
        Step("收尾", "送出当日办理结果", "deliver", _at(day, 11)),
        Step("收尾", "对账", "reconcile", _at(day, 11, 30), str(quarter)),
        Step("收尾", "发布季度通报", "quarterly_circular", _at(day, 12), str(quarter)),
    ]
    return steps


def _before_the_cut_off(
    days: int, day: date, quarter: Quarter, summarised: set[tuple[int, int]], troubled: bool
) -> list[Step]:
    phase = f"报送提醒 T-{days}"
    steps = [
        Step(phase, "预审已推荐的需求", "daily_review", _at(day, 7, 30)),
        *_weekly_summary(phase, day, summarised),
        Step(phase, "提醒各地主管部门", "remind_departments", _at(day, 9), str(quarter)),
    ]
    if troubled and days == OUTAGE_ON:
        steps.append(Step(phase, "发送时邮件服务器中断", "deliver", _at(day, 9, 10), trouble="mail_outage"))
    if days == URGENT_ON:
        steps.append(Step(phase, "接收重大需求", "major_intake", _at(day, 10, 30)))
    steps.append(Step(phase, "发送", "deliver", _at(day, 10, 40)))
    if days != URGENT_ON:
        steps.append(Step(phase, "审核人员办理", "", _at(day, 11), people=OFFICERS))
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

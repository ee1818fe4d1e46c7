"""Is it healthy now (运行状态): what should have run, when it last did, and the channels.

A task is late when a run that was due more than a grace period ago has not come. Rhythms are those of the DAGs' timetables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.delivery.view import ChannelFigures, channel_figures
from include.domain.calendar import WorkingCalendar
from include.domain.outbox_states import BreakerState
from include.domain.states import Channel, Condition
from include.reference.day import Day
from include.store.last_runs import last_runs
from include.words.states import word

_GRACE = timedelta(hours=1)
"""A run may take so long, and a scheduler be so busy."""
_WAITS_TOO_LONG = timedelta(hours=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at; `last`: when it last went well, `due`: the run expected since."""

    name: str
    condition: Condition
    last: datetime | None
    note: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a task runs: every so many minutes, or once a day at a time, on working days only if so said."""

    task: str
    name: str
    minutes: int = 0
    at: time = time()
    working_days: bool = False

    def expected(self, now: datetime, calendar: WorkingCalendar) -> datetime:
        """The newest run that must be over by `now`, grace allowed."""
        latest = now.astimezone(SHANGHAI) - _GRACE
        if self.minutes:
            return latest - timedelta(minutes=self.minutes)
        day = latest.date() if latest.time() >= self.at else latest.date() - timedelta(days=1)
        while self.working_days and not calendar.is_working_day(day):
            day -= timedelta(days=1)
        return datetime.combine(day, self.at, SHANGHAI)


RHYTHMS: Sequence[Rhythm] = (
    Rhythm("daily_review.close_reviews", "读取需求（预审）", at=time(7, 30), working_days=True),
    Rhythm("bank_feedback.collect_feedback", "读取机构反馈", minutes=15),
    Rhythm("deliver.deliver_market", "发送到信贷市场服务平台", minutes=5),
    Rhythm("deliver.deliver_green_platform", "发送到绿色制造平台", minutes=5),
    Rhythm("deliver.deliver_mail", "发送邮件", minutes=5),
    Rhythm("escalate_stalled.audit_steps", "逾期督办及自查", at=time(8, 30), working_days=True),
    Rhythm("reconcile.compare", "对账", at=time(2)),
    Rhythm("housekeeping.pull_register", "读取绿色工厂名单", at=time(3)),
    Rhythm("housekeeping.housekeep", "审计链核验", at=time(3)),
)
"""What is watched, and its rhythm (dags/)."""


def health(connection: sa.Connection, day: Day) -> list[Check]:
    """Every check: the tasks, then the channels."""
    runs = last_runs(connection)
    began = min(runs.values(), default=None)
    tasks = [_task(rhythm, runs, began, day) for rhythm in RHYTHMS]
    return tasks + [_channel(figures, day.now) for figures in channel_figures(connection, day.now)]


def worst(checks: Sequence[Check]) -> Condition:
    """The gravest condition of all."""
    order = list(Condition)
    return max((check.condition for check in checks), key=order.index, default=Condition.NEW)


def _task(rhythm: Rhythm, runs: Mapping[str, datetime], began: datetime | None, day: Day) -> Check:
    last = runs.get(rhythm.task)
    expected = rhythm.expected(day.now, day.calendar)
    if last is None:
        missed = began is not None and began < expected
        condition, note = (Condition.LATE, "尚未运行过") if missed else (Condition.NEW, "尚未运行过")
    elif last < expected:
        condition, note = Condition.LATE, f"应于{expected:%m-%d %H:%M}前后运行"
    else:
        condition, note = Condition.GOOD, ""
    return Check(name=rhythm.name, condition=condition, last=last, note=note)


def _channel(figures: ChannelFigures, now: datetime) -> Check:
    """A channel's own state, and how long the oldest waits."""
    waits = figures.oldest is not None and now - figures.oldest > _WAITS_TOO_LONG
    if figures.stopped_by:
        condition, note = Condition.TROUBLED, "已由人工暂停"
    elif figures.breaker != BreakerState.CLOSED:
        condition, note = Condition.TROUBLED, word(BreakerState, figures.breaker)
    elif waits:
        condition, note = Condition.LATE, "有内容等待超过 4 小时"
    else:
        condition, note = Condition.GOOD, ""
    waiting = figures.pending + figures.unknown
    told = "；".join(part for part in (note, f"待发送 {waiting:,} 条" if waiting else "") if part)
    return Check(
        name=f"通道：{word(Channel, figures.channel)}",
        condition=condition,
        last=None,
        note=told,
        page=f"deliveries/list?channel={figures.channel}&state=pending" if waiting else "deliveries",
    )

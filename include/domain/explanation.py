"""A due day explained in one sentence: the start, what was added, which days did not count, and which weekend days did.

A reader can recount it with nothing but a calendar of weekdays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from include.domain.calendar import WorkingCalendar
from include.domain.clocks import DECISION, Clock
from include.domain.quarter import Quarter
from include.reference import enum_labels

_ONE_DAY = timedelta(days=1)
_WEEKDAYS = "一二三四五六日"


def explain(clock: Clock, calendar: WorkingCalendar) -> str:
    """Why `clock` is due when it is, in Chinese.

    Example: 2026-09-30已接收，加3个工作日，10月1日至7日放假，10月10日（周六）调休上班：10月10日到期. With office hours: 2026-10-08
    18:20已推送（17:30后），按10月9日起算，加1个工作日，10月10日（周六）调休上班：10月10日到期. Raises ValueError for an unknown unit.
    """
    said = _Sentence(clock, calendar)
    return "，".join(said.parts()) + f"：{said.day(clock.due.day)}到期" + said.reservations()


class _Sentence:
    def __init__(self, clock: Clock, calendar: WorkingCalendar) -> None:
        self.clock = clock
        self.calendar = calendar
        self._first_year = clock.after_hours.at.year if clock.after_hours else clock.day0.year

    def day(self, day: date) -> str:
        """The day, with its year if that is not the year at the beginning of the sentence."""
        year = "" if day.year == self._first_year else f"{day.year}年"
        return f"{year}{day.month}月{day.day}日"

    def parts(self) -> Iterator[str]:
        clock = self.clock
        yield from self._beginning()
        if clock.unit == "working_days":
            yield f"加{clock.limit}个工作日"
            yield from self._pauses("工作日")
            counted_from = clock.day0
        elif clock.unit == "calendar_days":
            yield f"加{clock.limit}个自然日"
            yield from self._pauses("自然日")
            planned = clock.day0 + timedelta(days=clock.limit + self._moved("自然日"))
            counted_from = self._rolled(planned)
            if counted_from != planned:
                yield f"{self.day(planned)}（周{_WEEKDAYS[planned.weekday()]}）不上班，顺至{self.day(counted_from)}"
        elif clock.unit == "calendar_quarters":
            counted_from = _quarter_end(clock)
            ahead = "下一季度末" if clock.limit == 1 else f"其后第{clock.limit}个季度末"
            yield f"限于{ahead}（{self.day(counted_from)}）"
            yield from self._pauses("工作日")
        else:
            raise ValueError(f"unknown unit of a limit: {clock.unit}")
        if clock.extended:
            yield f"经批准延长{clock.extended}个工作日"
        yield from self._exceptions(counted_from, clock.due.day)

    def _beginning(self) -> Iterator[str]:
        late = self.clock.after_hours
        if late is None:
            yield f"{self.clock.day0}{_start(self.clock)}"
            return
        came = late.at.date()
        why = f"{late.closing:%H:%M}后" if self.calendar.is_working_day(came) else "休息日"
        yield f"{late.at:%Y-%m-%d %H:%M}{_start(self.clock)}（{why}）"
        yield from self._exceptions(came, self.clock.day0)
        yield f"按{self.day(self.clock.day0)}起算"

    def reservations(self) -> str:
        said = []
        if self.clock.due.provisional:
            said.append("暂定，放假安排公布后重算")
        if self.clock.paused:
            said.append("融资梗阻未解决，暂停计时，解决后顺延")
        return f"（{'；'.join(said)}）" if said else ""

    def _pauses(self, unit: str) -> Iterator[str]:
        moved = self._moved(unit)
        if moved:
            spans = "、".join(f"{self.day(start)}至{self.day(end)}" for start, end in self.clock.pauses)
            yield f"融资梗阻暂停计时（{spans}）顺延{moved}个{unit}"

    def _moved(self, unit: str) -> int:
        spans = self.clock.pauses
        if unit == "自然日":
            return sum((end - start).days for start, end in spans)
        return sum(self.calendar.working_days_after(start, end) for start, end in spans)

    def _rolled(self, planned: date) -> date:
        """The day from which extra days are counted: if days off are rolled, the working day at or after `planned`."""
        rolled = self.calendar.roll_forward(planned).day
        due = self.calendar.add_working_days(rolled, self.clock.extended).day
        return rolled if due == self.clock.due.day else planned

    def _exceptions(self, start: date, end: date) -> Iterator[str]:
        """The exceptions to Monday–Friday after `start`, up to and including `end`."""
        run: list[date] = []
        day = start + _ONE_DAY
        while day <= end:
            works = self.calendar.is_working_day(day)
            if not works:
                run.append(day)
            if works or day == end:
                yield from self._holiday(run)
                run = []
            if works and day.weekday() >= 5:
                yield f"{self.day(day)}（周{_WEEKDAYS[day.weekday()]}）调休上班"
            day += _ONE_DAY

    def _holiday(self, run: list[date]) -> Iterator[str]:
        if not any(day.weekday() < 5 for day in run):
            return
        first, last = run[0], run[-1]
        if first == last:
            yield f"{self.day(first)}放假"
        elif (first.year, first.month) == (last.year, last.month):
            yield f"{self.day(first)}至{last.day}日放假"
        else:
            yield f"{self.day(first)}至{self.day(last)}放假"


def _start(clock: Clock) -> str:
    if (clock.from_type, clock.to_type) == DECISION:
        return "首次反馈"
    return "已推送" if clock.from_type == "pushed" else enum_labels("feedback.type")[clock.from_type]


def _quarter_end(clock: Clock) -> date:
    quarter = Quarter.of(clock.day0)
    for _ in range(clock.limit):
        quarter = quarter.next()
    return quarter.last_day

"""When the quarter's work is due, on China's working days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.reference import policy
from include.reference.calendar import china_calendar

START = pendulum.datetime(2024, 1, 1, tz="Asia/Shanghai")
"""The start date of every DAG, before any quarter that somebody can mean: Airflow gives an earlier run no tasks."""


class LastWorkingDayTimetable(Timetable):
    """Runs once a quarter, at the cut-off: the midnight that ends the last working day (最后一个工作日).

    Each run carries its quarter as partition key ("2026Q3"); its data interval is the quarter up to the cut-off.
    The first run is of the newest quarter that has ended, unless the DAG catches up. From then on no quarter is
    skipped: after an outage or a pause over several cut-offs each is run, in order, whatever catchup says.
    Source of the rule: the notice, section 二（一）.
    """

    partitioned = True
    description = "每季度最后一个工作日 24:00（中国工作日历）"

    @property
    def summary(self) -> str:
        return "每季度末工作日"

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        return _interval(Quarter.of(_local_date(_with_tasks(run_after))))

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        # Of a run with a partition Airflow remembers no data interval.
        if last_dagrun_info is not None and last_dagrun_info.partition_key is not None:
            quarter = Quarter.parse(last_dagrun_info.partition_key).next()
        elif restriction.earliest is not None:
            quarter = Quarter.of(_local_date(restriction.earliest))
            if not restriction.catchup:
                quarter = max(quarter, china_calendar().newest_closed_quarter(datetime.now(SHANGHAI)))
        else:
            return None
        return _within(restriction.latest, quarter)

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterable[DagRunInfo]:
        quarter = Quarter.of(_local_date(earliest))
        while (info := _run_info(quarter)).partition_date <= latest:  # type: ignore[operator]
            if info.partition_date >= earliest:  # type: ignore[operator]
                yield info
            quarter = quarter.next()

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return _moment(Quarter.parse(partition_key).first_day)
        except ValueError:
            raise InvalidPartitionKeyError(f"季度“{partition_key}”无法识别，应形如 2026Q3。") from None

    def serialize(self) -> dict[str, Any]:
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> LastWorkingDayTimetable:
        return cls()


def _run_info(quarter: Quarter) -> DagRunInfo:
    interval = _interval(quarter)
    return DagRunInfo(
        run_after=interval.end,
        data_interval=interval,
        partition_date=_moment(quarter.first_day),
        partition_key=str(quarter),
    )


def _within(latest: datetime | None, quarter: Quarter) -> DagRunInfo | None:
    info = _run_info(quarter)
    return None if latest is not None and info.run_after > latest else info


def _interval(quarter: Quarter) -> DataInterval:
    cut_off = china_calendar().deadline(quarter)
    return DataInterval(_moment(quarter.first_day), pendulum.instance(cut_off))


def _moment(day: date) -> pendulum.DateTime:
    return pendulum.instance(datetime.combine(day, time(), SHANGHAI))


def _local_date(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()


def _with_tasks(run_after: pendulum.DateTime) -> pendulum.DateTime:
    """The moment of a run by hand; refuses one for which the run would have no task and be green all the same."""
    if run_after < START:
        raise ValueError(
            f"{_local_date(run_after)} 早于 {_local_date(START)}：这样的运行没有任何任务，什么也不会做。"
            "请改用之后的日期，或用参数 quarter 指明季度。"
        )
    return run_after


class _OnWorkingDays(Timetable):
    """Runs at moments of China's working days. Of runs that were missed only the newest is made up for: it does what they
    would have done."""

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        return DataInterval.exact(_with_tasks(run_after))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        if last_automated_data_interval is not None:
            after = self._first(last_automated_data_interval.end + timedelta(microseconds=1))
        elif restriction.earliest is not None:
            after = self._first(restriction.earliest)
        else:
            return None
        if not restriction.catchup:
            after = max(after, self._latest(datetime.now(SHANGHAI)))
        if restriction.latest is not None and after > restriction.latest:
            return None
        return DagRunInfo.exact(after)

    def _runs_of(self, day: date) -> Iterator[pendulum.DateTime]:
        """The runs of a working day, in order."""
        raise NotImplementedError

    def _first(self, moment: datetime) -> pendulum.DateTime:
        """The first run at or after a moment."""
        day = china_calendar().roll_forward(_local_date(moment)).day
        for run in self._runs_of(day):
            if run >= moment:
                return run
        return next(self._runs_of(china_calendar().add_working_days(day, 1).day))

    def _latest(self, moment: datetime) -> pendulum.DateTime:
        """The last run at or before a moment."""
        day = _local_date(moment) + timedelta(days=1)
        while True:
            day = china_calendar().add_working_days(day, -1).day
            if passed := [run for run in self._runs_of(day) if run <= moment]:
                return passed[-1]


class WorkingDaysTimetable(_OnWorkingDays):
    """Runs on each of China's working days at a fixed local time."""

    def __init__(self, hour: int, minute: int = 0) -> None:
        self.hour = hour
        self.minute = minute
        self.description = f"每个工作日 {hour:02d}:{minute:02d}（中国工作日历，含调休）"

    @property
    def summary(self) -> str:
        return f"工作日 {self.hour:02d}:{self.minute:02d}"

    def serialize(self) -> dict[str, Any]:
        return {"hour": self.hour, "minute": self.minute}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WorkingDaysTimetable:
        return cls(**data)

    def _runs_of(self, day: date) -> Iterator[pendulum.DateTime]:
        yield pendulum.instance(datetime.combine(day, time(self.hour, self.minute), SHANGHAI))


class WorkingHoursTimetable(_OnWorkingDays):
    """Runs again and again in the working hours of each of China's working days, both ends included.

    `interval_key`: the policy key that has the minutes between two runs. Source: handbook section 2; policy
    working_hours_start, working_hours_end.
    """

    def __init__(self, interval_key: str) -> None:
        self.interval_key = interval_key
        self.description = f"{self.summary}（中国工作日历，含调休）"

    @property
    def summary(self) -> str:
        rules = policy()
        hours = f"{rules.text('working_hours_start')}—{rules.text('working_hours_end')}"
        return f"工作日 {hours} 每 {rules.integer(self.interval_key)} 分钟"

    def serialize(self) -> dict[str, Any]:
        return {"interval_key": self.interval_key}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WorkingHoursTimetable:
        return cls(**data)

    def _runs_of(self, day: date) -> Iterator[pendulum.DateTime]:
        rules = policy()
        start, end = rules.closing_time("working_hours_start"), rules.closing_time("working_hours_end")
        run = datetime.combine(day, start or time(), SHANGHAI)
        last = datetime.combine(day, end or time.max, SHANGHAI)
        while run <= last:
            yield pendulum.instance(run)
            run += timedelta(minutes=rules.integer(self.interval_key))

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DataInterval, TimeRestriction, Timetable

from green_finance.timetables import LastWorkingDayTimetable, WorkingDaysTimetable, WorkingHoursTimetable

SHANGHAI = ZoneInfo("Asia/Shanghai")


def _cut_offs() -> list[tuple[str, date]]:
    with Path("include/reference/calendar_regression.csv").open(encoding="utf-8") as file:
        return [
            (row["input"], date.fromisoformat(row["expected"]))
            for row in csv.DictReader(file)
            if row["check"] == "last_working_day"
        ]


def _at(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))


def _restriction(earliest: str, *, catchup: bool = True) -> TimeRestriction:
    return TimeRestriction(_at(earliest), None, catchup)


@pytest.mark.parametrize(("quarter", "last_working_day"), _cut_offs())
def test_each_quarter_runs_when_its_last_working_day_has_ended(quarter: str, last_working_day: date) -> None:
    first_month = int(quarter[5]) * 3 - 2
    info = LastWorkingDayTimetable().next_dagrun_info_v2(
        last_dagrun_info=None, restriction=_restriction(f"{quarter[:4]}-{first_month:02d}-01")
    )
    assert info is not None
    assert info.partition_key == quarter
    midnight = datetime.combine(last_working_day + timedelta(days=1), datetime.min.time(), SHANGHAI)
    assert info.run_after == midnight


def test_quarters_follow_one_another_without_a_gap() -> None:
    timetable = LastWorkingDayTimetable()
    info = timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=_restriction("2023-07-01"))
    keys = []
    for _ in range(6):
        assert info is not None
        keys.append(info.partition_key)
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=_restriction("2023-07-01"))
    assert keys == ["2023Q3", "2023Q4", "2024Q1", "2024Q2", "2024Q3", "2024Q4"]


def test_after_a_pause_over_several_cut_offs_each_quarter_comes_in_order_though_the_dag_does_not_catch_up() -> None:
    timetable = LastWorkingDayTimetable()
    ran = timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=_restriction("2024-01-01"))
    keys = []
    for _ in range(4):
        info = timetable.next_dagrun_info_v2(
            last_dagrun_info=ran, restriction=_restriction("2024-01-01", catchup=False)
        )
        assert info is not None
        keys.append(info.partition_key)
        # As Airflow gives it back: of a run with a partition it keeps no data interval.
        ran = info._replace(data_interval=None)
    assert keys == ["2024Q2", "2024Q3", "2024Q4", "2025Q1"]


def test_a_new_deployment_starts_with_the_newest_quarter_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnThatDay(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2026, 11, 30, 9, tzinfo=tz)

    monkeypatch.setattr("green_finance.timetables.datetime", OnThatDay)
    info = LastWorkingDayTimetable().next_dagrun_info_v2(
        last_dagrun_info=None, restriction=_restriction("2024-01-01", catchup=False)
    )
    assert info is not None
    assert info.partition_key == "2026Q3"


@pytest.mark.parametrize(
    "timetable",
    [LastWorkingDayTimetable(), WorkingDaysTimetable(9), WorkingHoursTimetable("major_interval_minutes")],
    ids=["quarters", "working days", "working hours"],
)
def test_a_run_by_hand_that_would_have_no_task_is_refused(timetable: Timetable) -> None:
    assert timetable.infer_manual_data_interval(run_after=_at("2024-01-01"))
    with pytest.raises(ValueError, match="没有任何任务"):
        timetable.infer_manual_data_interval(run_after=_at("2023-12-31T23:59:59"))


def test_a_backfill_covers_exactly_the_quarters_asked_for() -> None:
    infos = LastWorkingDayTimetable().iter_partition_dagrun_infos(
        earliest=_at("2026-01-01"), latest=_at("2026-09-30T23:00:00")
    )
    assert [info.partition_key for info in infos] == ["2026Q1", "2026Q2", "2026Q3"]


def test_a_quarter_that_cannot_be_read_is_refused() -> None:
    timetable = LastWorkingDayTimetable()
    assert timetable.resolve_partition_date("2026Q3") == _at("2026-07-01")
    with pytest.raises(InvalidPartitionKeyError):
        timetable.resolve_partition_date("2026-Q3")


def test_working_days_include_make_up_weekends_and_skip_holidays() -> None:
    timetable = WorkingDaysTimetable(8, 30)
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=_restriction("2026-09-30"))
    days = []
    for _ in range(4):
        assert info is not None
        days.append(info.run_after.in_timezone("Asia/Shanghai").isoformat()[:16])
        info = timetable.next_dagrun_info(
            last_automated_data_interval=info.data_interval, restriction=_restriction("2026-09-30")
        )
    assert days == ["2026-09-30T08:30", "2026-10-08T08:30", "2026-10-09T08:30", "2026-10-10T08:30"]


def test_major_needs_are_read_every_half_hour_of_working_hours_and_on_no_day_off() -> None:
    timetable = WorkingHoursTimetable("major_interval_minutes")
    restriction = _restriction("2026-09-30T17:10:00")
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    moments = []
    for _ in range(23):
        assert info is not None
        moments.append(info.run_after.in_timezone("Asia/Shanghai").isoformat()[:16])
        info = timetable.next_dagrun_info(last_automated_data_interval=info.data_interval, restriction=restriction)
    assert moments[:4] == ["2026-09-30T17:30", "2026-09-30T18:00", "2026-10-08T08:30", "2026-10-08T09:00"]
    assert moments[-2:] == ["2026-10-08T18:00", "2026-10-09T08:30"]


def test_of_missed_readings_of_major_needs_only_the_newest_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return _at("2026-10-08T08:10:00")

    monkeypatch.setattr("green_finance.timetables.datetime", Clock)
    timetable = WorkingHoursTimetable("major_interval_minutes")
    info = timetable.next_dagrun_info(
        last_automated_data_interval=DataInterval.exact(_at("2026-09-30T10:00:00")),
        restriction=_restriction("2026-09-01", catchup=False),
    )
    assert info is not None and info.run_after == _at("2026-09-30T18:00:00")


def test_all_timetables_survive_serialisation() -> None:
    hours = WorkingHoursTimetable("major_interval_minutes")
    assert (
        WorkingHoursTimetable.deserialize(hours.serialize()).summary == "工作日 08:30—18:00 每 30 分钟" == hours.summary
    )
    assert LastWorkingDayTimetable.deserialize(LastWorkingDayTimetable().serialize()).partitioned
    copy = WorkingDaysTimetable.deserialize(WorkingDaysTimetable(9, 15).serialize())
    assert (copy.hour, copy.minute) == (9, 15)

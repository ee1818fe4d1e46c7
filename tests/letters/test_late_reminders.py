"""Departments that have reported nothing are told again after the cut-off."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.letters.late_reminders import remind_late
from include.reference import departments, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from tests.support.departments import queued
from tests.support.rows import add_intake, add_manifest, moment

CUT_OFF = moment("2026-10-01 00:00")


@pytest.fixture
def read(staffed: sa.Engine) -> sa.Engine:
    """The manifest as read at the cut-off: 新疆 has reported nothing, 北京 late."""
    with staffed.begin() as connection:
        intake = add_intake(connection, run_id="cut-off", started_at=CUT_OFF)
        for code in departments():
            if code != "650000":
                late = code == "110000"
                reported_at = moment("2026-10-01 09:00") if late else moment("2026-09-30 09:00")
                add_manifest(connection, code, reported_at=reported_at, intake_id=intake)
    return staffed


def remind(database: sa.Engine, day: str) -> int:
    return remind_late(database, day=Day(moment(f"{day} 09:00"), china_calendar(), policy()))


@pytest.mark.parametrize(
    ("day", "late"), [("2026-10-08", 1), ("2026-10-10", 3), ("2026-10-13", 5)], ids=["T+1", "T+3", "T+5"]
)
def test_a_silent_department_is_told_on_the_three_days_and_once(read: sa.Engine, day: str, late: int) -> None:
    assert remind(read, day) == 1
    assert remind(read, day) == 0
    (key,) = queued(read)
    assert key == f"reminder:2026Q3:650000:T+{late}"
    body = queued(read)[key]
    assert body["to"] == ["d650000@example.test"]
    for form in (body["text"], body["html"]):
        assert f"已逾期 {late} 个工作日" in form and "零报送" in form


def test_other_days_and_days_off_bring_nothing(read: sa.Engine) -> None:
    for day in ("2026-09-30", "2026-10-05", "2026-10-09", "2026-10-11", "2026-10-12", "2026-10-14"):
        assert remind(read, day) == 0


def test_who_reports_meanwhile_is_not_told_again(read: sa.Engine) -> None:
    with read.begin() as connection:
        later = add_intake(connection, run_id="later", started_at=moment("2026-10-09 07:30"))
        add_manifest(connection, "650000", reported_at=moment("2026-10-09 07:00"), intake_id=later)
    assert remind(read, "2026-10-10") == 0

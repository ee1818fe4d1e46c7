"""Which departments MIIT's coordinator of the nation is told are silent or late with a quarter."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.domain.states import ManifestState
from include.letters.late_departments import LateDepartment, late_departments
from include.reference import departments, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import tables
from tests.support.rows import add_intake, add_manifest, moment

CUT_OFF = moment("2026-10-01 00:00")
IN_TIME, LATE = moment("2026-09-30 23:59"), moment("2026-10-08 10:00")


def told(database: sa.Engine, day: str = "2026-10-08") -> list[LateDepartment]:
    with database.connect() as connection:
        return late_departments(connection, Day(moment(f"{day} 08:30"), china_calendar(), policy()))


def read_manifest(database: sa.Engine, *, silent: str, late: str = "", quarter: str = "2026Q3") -> None:
    with database.begin() as connection:
        read = add_intake(connection, run_id=quarter, quarter=quarter, started_at=CUT_OFF)
        for code in departments():
            if code != silent:
                add_manifest(connection, code, reported_at=LATE if code == late else IN_TIME, intake_id=read)


def test_silent_departments_are_named_before_late_ones(database: sa.Engine) -> None:
    read_manifest(database, silent="650000", late="110000")
    assert told(database) == [
        ("650000", "2026Q3", ManifestState.MISSING),
        ("110000", "2026Q3", ManifestState.LATE),
    ]


def test_of_a_quarter_whose_manifest_nobody_has_read_nothing_is_said(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_intake(connection, started_at=CUT_OFF)
    assert told(database) == []


def test_a_manifest_read_before_the_cut_off_makes_nobody_silent(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_manifest(
            connection,
            "330000",
            reported_at=IN_TIME,
            intake_id=add_intake(connection, started_at=moment("2026-09-30 17:00")),
        )
    assert told(database) == []


def test_who_had_reported_in_time_is_not_late_with_a_later_report(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_manifest(connection, "330000", reported_at=IN_TIME)
    read_manifest(database, silent="650000", late="330000")
    assert told(database) == [("650000", "2026Q3", ManifestState.MISSING)]


def test_a_department_whose_row_cannot_be_read_is_not_called_silent(database: sa.Engine) -> None:
    read_manifest(database, silent="650000")
    with database.begin() as connection:
        connection.execute(
            tables.set_aside.insert().values(
                source="manifest/2026Q3",
                raw_hash="0" * 64,
                ciphertext=b"sealed",
                size_bytes=6,
                problem="内容不合约定",
                known_as="650000",
                first_seen_at=CUT_OFF,
                last_seen_at=CUT_OFF,
                times_seen=1,
            )
        )
    assert told(database) == []


@pytest.mark.parametrize(("day", "still"), [("2026-11-03", True), ("2026-11-04", False)], ids=["T+20", "T+21"])
def test_departments_are_named_as_long_as_late_reports_are_read(database: sa.Engine, day: str, still: bool) -> None:
    read_manifest(database, silent="650000")
    assert bool(told(database, day)) is still

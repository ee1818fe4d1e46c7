"""Which quarters nobody has read since their cut-off."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from include.reference import departments, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import tables
from include.store.missed_quarters import missed_quarters
from tests.support.rows import add_intake, moment

ALL = tuple(departments())


def missed(database: sa.Engine, at: str = "2026-10-08 07:30") -> list[tuple[str, tuple[str, ...]]]:
    with database.connect() as connection:
        found = missed_quarters(connection, Day(moment(at), china_calendar(), policy()))
    return [(one.quarter, one.unread) for one in found]


def read(
    database: sa.Engine,
    quarter: str,
    at: str,
    codes: tuple[str, ...] = ALL,
    *,
    kind: str = "quarterly",
) -> None:
    started_at: datetime = moment(at)
    with database.begin() as connection:
        number = add_intake(connection, run_id=f"{quarter}/{at}", quarter=quarter, kind=kind, started_at=started_at)
        for code in codes:
            connection.execute(
                tables.listing.insert().values(
                    intake_id=number, department_code=code, stated_total=0, read_items=0, read_at=started_at
                )
            )


def test_a_system_that_has_read_nothing_yet_has_missed_nothing(database: sa.Engine) -> None:
    assert missed(database) == []


def test_each_quarter_since_the_last_one_read_is_missed_in_order(database: sa.Engine) -> None:
    read(database, "2025Q4", "2026-01-01 00:00")
    assert missed(database) == [("2026Q1", ALL), ("2026Q2", ALL), ("2026Q3", ALL)]


def test_a_run_that_failed_before_it_had_read_leaves_its_quarter_missed(database: sa.Engine) -> None:
    read(database, "2026Q2", "2026-07-01 00:00")
    read(database, "2026Q3", "2026-10-01 00:00", codes=())
    assert missed(database) == [("2026Q3", ALL)]


def test_only_departments_that_no_run_has_read_are_missing(database: sa.Engine) -> None:
    read(database, "2026Q3", "2026-10-01 00:00", codes=ALL[:30])
    read(database, "2026Q3", "2026-10-05 09:00", codes=ALL[30:36])
    assert missed(database) == [("2026Q3", ALL[36:])]


def test_what_was_read_before_the_cut_off_does_not_count(database: sa.Engine) -> None:
    read(database, "2026Q3", "2026-09-30 23:59")
    assert missed(database) == [("2026Q3", ALL)]


def test_a_running_quarter_is_not_missed(database: sa.Engine) -> None:
    read(database, "2026Q3", "2026-09-16 10:00", kind="major")
    assert missed(database, "2026-09-30 23:59") == []
    assert missed(database, "2026-10-01 00:00") == [("2026Q3", ALL)]


def test_an_old_quarter_read_by_hand_asks_for_none_of_those_between(database: sa.Engine) -> None:
    read(database, "2024Q1", "2026-10-02 09:00")
    assert missed(database) == []
    read(database, "2026Q3", "2026-10-02 10:00")
    assert missed(database) == []

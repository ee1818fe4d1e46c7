"""The list of stalled needs: its filters, its counts, and what is red."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include import escalation
from include.domain.states import Level
from include.escalation.board import Board, StalledFilter
from include.reference.day import Day
from tests.support.escalation import CALENDAR, DUE, POLICY, overdue_day, pushed_need, run, staff, stalled_case
from tests.support.rows import add_case, add_clock, moment, need_id

SOLE = "92330100MA2TE5T013"


def board(database: sa.Engine, when: str, **wanted: Any) -> Board:
    with database.connect() as connection:
        return escalation.stalled_needs(
            connection, day=Day(moment(when), CALENDAR, POLICY), wanted=StalledFilter(**wanted)
        )


def found(database: sa.Engine, **wanted: Any) -> list[str]:
    listed = board(database, overdue_day(3), **wanted)
    assert listed.total == len(listed.rows)
    return [one.need_id for one in listed.rows]


@pytest.fixture
def filled(database: sa.Engine) -> sa.Engine:
    """Three needs overdue by three working days, of two cities and two provinces; the first at two banks."""
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, 1, enterprise_name="杭州骞楷建材有限公司", financing_need="800.00")
        add_case(connection, 1, "ABC", state="received")
        add_clock(connection, 1, "ABC", due_on=DUE + timedelta(days=1))
        stalled_case(connection, 2, city_code="330200", financing_need="45000.00")
        stalled_case(connection, 3, department_code="320000", city_code="320500", uscc=SOLE, enterprise_name="独行商店")
    return database


CHOICES: tuple[tuple[dict[str, Any], set[int]], ...] = (
    ({}, {1, 2, 3}),
    ({"department": "320000"}, {3}),
    ({"city": "330200"}, {2}),
    ({"institution": "ABC"}, {1}),
    ({"institution": "CCB"}, set()),
    ({"rule": "S06"}, set()),
    ({"at_least": 10_000}, {2}),
    ({"at_most": 999}, {1}),
    ({"words": "骞楷 建材"}, {1}),
    ({"words": "00000002"}, {2}),
    ({"words": "独行"}, set()),
    ({"level": "none"}, {1, 2, 3}),
    ({"level": Level.CITY}, set()),
    ({"light": "yellow"}, {1, 2, 3}),
    ({"light": "red"}, set()),
)


def test_each_filter_leaves_the_needs_that_match(filled: sa.Engine) -> None:
    for wanted, numbers in CHOICES:
        assert set(found(filled, **wanted)) == {need_id(number) for number in numbers}, wanted


def test_a_need_names_every_institution_where_it_is_overdue_the_oldest_first(filled: sa.Engine) -> None:
    (one,) = board(filled, overdue_day(3), institution="ABC").rows
    assert (one.institution_code, one.institutions) == ("ICBC", ("ICBC", "ABC"))


def test_the_counts_say_what_another_choice_would_show(filled: sa.Engine) -> None:
    run(filled, overdue_day(3))
    now = overdue_day(3)
    every = board(filled, now)
    assert sum(every.levels.values()) == sum(every.lights.values()) == sum(every.cities.values()) == every.total == 3
    for level in (None, *Level):
        assert board(filled, now, level=level or "none", light="yellow").total == every.levels.get(level, 0)
    chosen = board(filled, now, city="330200")
    assert (chosen.total, sum(chosen.levels.values()), dict(chosen.cities)) == (1, 1, dict(every.cities))
    assert every.levels.get(None, 0) < 3, "somebody was told"


def test_red_in_the_filter_is_red_in_the_row_on_every_day(database: sa.Engine) -> None:
    """Over weekends, too, and for the rules whose due day SQL only guesses."""
    with database.begin() as connection:
        stalled_case(connection, 1)
        pushed_need(connection, 2, intended_institutions=[])
    seen = set()
    for rule in ("S01", "S02", "S06"):
        for shift in range(40):
            when = f"{DUE + timedelta(days=shift)} 09:00"
            (red,) = [one.red for one in board(database, when, rule=rule).rows] or [None]
            lights = [board(database, when, rule=rule, light=light).total for light in ("yellow", "red")]
            assert lights == [red is False, red is True], (rule, when)
            seen.add((rule, red))
    assert seen >= {(rule, red) for rule in ("S01", "S02", "S06") for red in (True, False)}


def test_pages_follow_each_other_without_gaps(filled: sa.Engine) -> None:
    day = Day(moment(overdue_day(3)), CALENDAR, POLICY)
    with filled.connect() as connection:
        pages = [escalation.stalled_needs(connection, day=day, rows=1, after=after) for after in range(4)]
        whole = escalation.stalled_needs(connection, day=day)
    assert [one.need_id for page in pages for one in page.rows] == [one.need_id for one in whole.rows]
    assert [page.total for page in pages] == [3, 3, 3, 3]
    assert replace(whole, rows=()) == replace(pages[3], rows=())

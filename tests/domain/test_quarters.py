from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.quarter import Quarter

quarters = st.builds(Quarter, st.integers(1990, 2090), st.integers(1, 4))


@given(quarters)
def test_a_quarter_is_written_and_read_back(quarter: Quarter) -> None:
    assert Quarter.parse(str(quarter)) == quarter


@pytest.mark.parametrize(
    "text",
    ["", "2026Q0", "2026Q5", "2026q3", " 2026Q3", "2026Q3\n", "2026-Q3", "26Q3", "0000Q1", "２０２６Q3", "2026Q33"],
)
def test_anything_else_is_no_quarter(text: str) -> None:
    with pytest.raises(ValueError):
        Quarter.parse(text)


@given(quarters)
def test_quarters_follow_one_another_without_gap_or_overlap(quarter: Quarter) -> None:
    assert quarter.next().first_day - timedelta(days=1) == quarter.last_day
    assert quarter.next().previous() == quarter == quarter.previous().next()
    assert quarter.previous() < quarter < quarter.next()


@given(st.dates(date(1990, 1, 1), date(2090, 12, 31)))
def test_every_day_lies_in_the_quarter_that_is_named_for_it(day: date) -> None:
    quarter = Quarter.of(day)
    assert quarter.first_day <= day <= quarter.last_day


def test_the_third_quarter_of_2026_is_july_to_september() -> None:
    quarter = Quarter.parse("2026Q3")
    assert (quarter.first_day, quarter.last_day) == (date(2026, 7, 1), date(2026, 9, 30))
    assert str(Quarter.parse("2026Q4").next()) == "2027Q1"

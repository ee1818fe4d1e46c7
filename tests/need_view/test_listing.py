"""Lists of needs: what a filter finds, that pages hold each need once, and what a file of the list holds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.errors import InvalidRequest
from include.need_view import NeedFilter, NeedPage, Sort, listing, needs_page
from include.reference.day import Day
from include.store.tables import need_version
from tests.support import rows
from tests.support.need_stages import APPROVED, GONE, PUSHED, STAGES, WAITING, fill_needs

DAY = Day.in_force(rows.moment("2026-10-20 10:00"))


@pytest.fixture
def needs(database: sa.Engine) -> sa.Engine:
    """A need at each stage."""
    fill_needs(database)
    return database


def page(engine: sa.Engine, sort: Sort = Sort.NEWEST, after: str = "", **wanted: Any) -> NeedPage:
    with engine.connect() as connection:
        return needs_page(connection, NeedFilter(**wanted), day=DAY, role="public", sort=sort, after=after)


def numbers(found: NeedPage) -> set[int]:
    return {int(row.need_id[2:]) for row in found.rows}


def test_a_need_stands_where_its_outcome_its_push_and_its_furthest_case_say(needs: sa.Engine) -> None:
    assert {int(row.need_id[2:]): row.stage for row in page(needs).rows} == STAGES


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"quarter": "2026Q2"}, {GONE}),
        ({"department": "440000"}, {APPROVED}),
        ({"institution": "CCB"}, {PUSHED, APPROVED}),
        *(({"stage": stage}, {number}) for number, stage in STAGES.items()),
        ({"rule": "DQ37"}, set()),
        ({"overdue": True}, {PUSHED}),
        ({"major": True}, {WAITING}),
        ({"at_least": Decimal(3000)}, {WAITING, APPROVED}),
        ({"at_least": Decimal(3000), "at_most": Decimal(3000)}, {WAITING}),
        ({"words": "0000003"}, {WAITING}),
        ({"words": "青禾 0004"}, {PUSHED}),
        ({"words": "青禾 铸造", "department": "440000"}, {APPROVED}),
        ({"words": "青禾 不在"}, set()),
        ({"words": "%"}, set()),
    ],
    ids=str,
)
def test_a_filter_finds_what_it_says(needs: sa.Engine, wanted: dict[str, Any], found: set[int]) -> None:
    answer = page(needs, **wanted)
    assert (numbers(answer), answer.total) == (found, len(found))


@pytest.mark.parametrize("sort", Sort)
def test_the_pages_of_a_list_hold_each_need_once_and_in_order(
    needs: sa.Engine, sort: Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    seen: list[str] = []
    after = ""
    for _ in STAGES:
        answer = page(needs, sort, after)
        seen += [row.need_id for row in answer.rows]
        after = answer.following
        if not after:
            break
    assert sorted(seen) == [rows.need_id(number) for number in sorted(STAGES)]
    if sort is Sort.OVERDUE:
        assert seen[0] == rows.need_id(PUSHED)
    if sort is Sort.AMOUNT:
        assert seen[:2] == [rows.need_id(APPROVED), rows.need_id(WAITING)]


def test_an_overdue_need_says_since_when_in_working_days(needs: sa.Engine) -> None:
    (row,) = page(needs, overdue=True).rows
    assert (row.due_on, row.overdue_working_days, row.institutions) == (
        date(2026, 10, 12),
        6,
        ("中国建设银行",),
    )


@pytest.mark.parametrize("after", ["x", "W10", "WyJ4IiwieSJd", "WzEsMl0", "bnVsbA"])
def test_a_cursor_that_nobody_wrote_is_refused_in_words(needs: sa.Engine, after: str) -> None:
    with pytest.raises(InvalidRequest, match="翻页"):
        page(needs, after=after)


def test_a_masked_number_in_a_name_cannot_be_searched_for(needs: sa.Engine) -> None:
    with needs.begin() as connection:
        rows.rewrite(
            connection,
            sa.update(need_version)
            .where(need_version.c.need_id == rows.need_id(PUSHED))
            .values(enterprise_name="青禾１３９１２３４５６７８铸造有限公司"),
        )
    assert numbers(page(needs, words="铸造")) == set(STAGES)
    assert PUSHED not in numbers(page(needs, words="１３９"))
    assert PUSHED not in numbers(page(needs, words="2345"))

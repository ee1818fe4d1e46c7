"""A quarter's page: its figures are the circular's, and each number leads to just so many needs."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
import sqlalchemy as sa

from green_finance.console.quarters import COLUMNS
from include.circular.figures import figures
from include.need_view import NeedFilter, needs_page
from include.reference.day import Day
from tests.support import rows
from tests.support.console import Console
from tests.support.need_stages import APPROVED, PUSHED, fill_needs

DAY = Day.in_force(datetime(2026, 10, 20, 10, tzinfo=rows.SHANGHAI))


@pytest.fixture
def filled(database: sa.Engine) -> sa.Engine:
    """A need at each stage; money of one, and a higher revision of a pushed one that was returned."""
    fill_needs(database)
    with database.begin() as connection:
        rows.add_need(connection, PUSHED, revision=2, verdict="returned")
        connection.execute(
            sa.text("update matching_case set approved = 500, drawn = 100 where need_id = :need_id"),
            {"need_id": rows.need_id(APPROVED)},
        )
    return database


@pytest.mark.parametrize("field", [field for field, _, filter_ in COLUMNS if filter_])
@pytest.mark.parametrize("department", ["330000", "440000", ""])
def test_a_number_leads_to_just_so_many_needs(filled: sa.Engine, field: str, department: str) -> None:
    asked = next(filter_ for name, _, filter_ in COLUMNS if name == field)
    with filled.connect() as connection:
        told = figures(connection, rows.QUARTER, day=DAY)
        needs = (
            next(one.needs for one in told.departments if one.department_code == department)
            if department
            else told.needs
        )
        wanted = NeedFilter(quarter=rows.QUARTER, department=department, **asked)
        page = needs_page(connection, wanted, day=DAY, role="public")
    assert getattr(needs, field) == page.total


def test_the_page_shows_the_quarter_beside_the_one_before(console: Console, filled: sa.Engine) -> None:
    text = console.log_in("guan", "viewer").get(f"/green-finance/quarters?quarter={rows.QUARTER}").text
    zhejiang = re.search(r'<th scope="row">浙江</th>(.*?)</tr>', text, re.DOTALL)
    assert zhejiang is not None
    pushed = re.search(r'data-label="已推送">(.*?)</td>', zhejiang[1])
    assert pushed is not None and ">2</a>" in pushed[1] and "▲1" in pushed[1]
    assert "未报送" in text


def test_the_page_begins_with_the_newest_quarter_that_has_needs(console: Console, filled: sa.Engine) -> None:
    with filled.begin() as connection:
        rows.add_intake(connection, run_id="review", quarter="2026Q4", kind="review")
    assert f"<h1>{rows.QUARTER}</h1>" in console.log_in("guan", "viewer").get("/green-finance/quarters").text


def test_of_a_quarter_that_is_open_nobody_is_silent_yet(console: Console, filled: sa.Engine) -> None:
    with filled.begin() as connection:
        rows.add_intake(connection, run_id="review", quarter="2099Q4", kind="review")
    text = console.log_in("guan", "viewer").get("/green-finance/quarters?quarter=2099Q4").text
    assert "尚未报送" in text and "未报送 " not in text and "▼" not in text.partition("<table")[2]


def test_without_any_quarter_the_page_says_so(console: Console) -> None:
    assert "还没有接收过的季度" in console.log_in("guan", "viewer").get("/green-finance/quarters").text

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa

from include.circular.figures import figures
from include.circular.page import percent, percent_of, render, yi
from include.reference.day import Day
from include.store.tables import escalation_step
from tests.support.rows import (
    QUARTER,
    add_case,
    add_clock,
    add_delivery,
    add_event,
    add_manifest,
    add_need,
    moment,
    need_id,
)

DAY = Day.in_force(moment("2026-10-22 18:00"))


@pytest.mark.parametrize(
    ("amount", "published"),
    [("0.00", "0.00"), ("49.99", "0.00"), ("50.00", "0.01"), ("150.00", "0.02"), ("12345678.90", "1,234.57")],
)
def test_amounts_are_published_in_yi_rounded_half_up(amount: str, published: str) -> None:
    assert yi(Decimal(amount)) == published


def test_rates_are_published_with_one_decimal_rounded_half_up() -> None:
    assert percent(1, 3) == "33.3%"
    assert percent(5, 2000) == "0.3%"
    assert percent(37, 37) == "100.0%"
    assert percent(0, 0) == "—"
    assert percent_of(Decimal("245"), Decimal(100)) == "2.5%"


class _Tables(HTMLParser):
    """The rows of all tables as lists of cell texts, and the addresses that the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.references: list[str] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def _read(html: str) -> _Tables:
    tables = _Tables()
    tables.feed(html)
    return tables


def _page(database: sa.Engine) -> str:
    with database.begin() as connection:
        return render(figures(connection, QUARTER, day=DAY), DAY.policy)


def _fill(database: sa.Engine, departments: dict[str, int]) -> None:
    number = 0
    with database.begin() as connection:
        for code, count in departments.items():
            add_manifest(connection, code, reported_at=moment("2026-09-29 10:00"), recommended=count)
            for _ in range(count):
                number += 1
                add_need(connection, number, department_code=code, financing_need="10000.00")
                add_delivery(connection, number, department_code=code)
                add_case(connection, number, state="drawn", approved="5000.00", contracted="5000.00", drawn="2500.00")


def test_a_department_row_shows_counts_amounts_and_rates(database: sa.Engine) -> None:
    _fill(database, {"330000": 12, "440000": 4})
    rows = _read(_page(database)).rows
    review, matching = (row for row in rows if row[0] == "浙江")
    assert review == ["浙江", "按时", "12", "12", "12.00", "0", "0", "12"]
    assert matching == ["浙江", "12", "12", "12", "12", "12", "6.00", "100.0%", "12", "3.00", "100.0%", "0"]
    total = next(row for row in rows if row[0] == "全国")
    assert total[2:5] == ["16", "16", "16.00"]


def test_small_cells_and_the_one_that_would_give_them_away_are_hidden_with_their_amounts(database: sa.Engine) -> None:
    _fill(database, {"330000": 12, "440000": 4, "110000": 2})
    rows = {row[0]: row for row in _read(_page(database)).rows if len(row) == 8}
    assert rows["北京"][2:5] == ["*", "*", "*"]
    assert rows["广东"][2:5] == ["*", "*", "*"]
    assert rows["浙江"][2:5] == ["12", "12", "12.00"]
    assert rows["海南"][2:5] == ["0", "0", "0"], "a zero is no secret"


def test_every_department_and_institution_has_its_row(database: sa.Engine) -> None:
    rows = _read(_page(database)).rows
    assert sum(len(row) == 8 for row in rows) == 1 + 37 + 1
    assert sum(len(row) == 11 for row in rows) == 1 + 26 + 1
    assert sum(row[1:2] == ["未报送"] for row in rows) == 37


def test_the_page_stands_alone_and_names_no_enterprise(database: sa.Engine) -> None:
    _fill(database, {"330000": 5})
    page = _page(database)
    assert _read(page).references == []
    assert "<script" not in page
    assert not re.search(r"url\(|@import|https?://", page)
    assert "青禾" not in page
    assert need_id(1) not in page


def test_what_is_law_and_what_is_the_projects_own_is_told_apart(database: sa.Engine) -> None:
    notes = {row[0]: row[1] for row in _read(_page(database)).rows if len(row) == 2}
    assert "工信厅联函〔2025〕490号" in notes["文件规定"]
    assert "时限" not in notes["文件规定"]
    assert "不具有强制效力" in notes["统计约定"]


def test_refusals_are_named_in_words_and_rare_ones_are_not_counted_out(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number, reason in enumerate(("R04", "R04", "R04", "R05"), start=1):
            add_need(connection, number)
            add_delivery(connection, number)
            add_case(connection, number, state="declined")
            add_event(connection, number, "declined", sequence=1, reason_code=reason)
    rows = {row[0]: row[1] for row in _read(_page(database)).rows if len(row) == 3}
    assert rows["担保或抵质押不足"] == "3"
    assert rows["申请资料不全"] == "*"


def test_amounts_are_of_needs_that_passed_and_the_others_are_counted(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_manifest(connection, "330000", reported_at=moment("2026-09-29 10:00"), recommended=10)
        add_manifest(connection, "440000", reported_at=moment("2026-09-29 10:00"), recommended=0, zero_return=True)
        for number in range(1, 11):
            held = number > 6
            amount = "4080000.00" if held else "10000.00"
            add_need(connection, number, verdict="held" if held else "passed", financing_need=amount)
    page = _page(database)
    assert "1个地区推荐、1个零报送、35个未报送" in page
    assert "通过6项，融资需求金额6.00亿元" in page
    assert "另有4项待核实，金额未计入" in page
    assert "408" not in page


def _tell_upwards(connection: sa.Connection, number: int) -> None:
    connection.execute(
        escalation_step.insert().values(
            need_id=need_id(number),
            institution_code="ICBC",
            rule_id="S01",
            cause="limit@pushed-received@2026-10-08",
            step=2,
            authority="PBOC",
            state="mailed",
            due_on=date(2026, 10, 13),
            overdue_working_days=2,
            provisional=False,
            coordinator_id="C1",
            raised_at=moment("2026-10-15 08:30"),
        )
    )


def test_needs_told_upwards_are_some_of_the_overdue_which_are_some_of_the_pushed(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(1, 9):
            add_need(connection, number)
            _tell_upwards(connection, number)
            if number <= 6:
                add_delivery(connection, number)
                add_case(connection, number)
            if number <= 4:
                add_clock(connection, number, due_on=date(2026, 10, 21))
    assert "已推送的需求中，对接超过约定时限未推进的4项，其中已提请各级协调人督办4项" in _page(database)


def test_the_average_rate_has_two_decimals(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(1, 4):
            add_need(connection, number)
            add_delivery(connection, number)
            add_case(connection, number, state="drawn", approved="100", contracted="100", drawn="100")
            add_event(connection, number, "drawn", sequence=1, amount="100.00", rate="3.3000")
    assert "放款加权平均年利率3.30%" in _page(database)

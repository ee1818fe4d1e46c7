"""The pages that the operators' notice leads to: differences, roster, support tools, provisional days."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from include.reference.calendar import china_calendar
from include.reference.support_tools import ending_within, support_tools
from include.store import tables
from tests.support import rows
from tests.support.console import Console
from tests.support.differences import add_difference
from tests.support.escalation import staff

HOME = "/green-finance"


def test_an_open_difference_says_what_of_which_need_since_when_and_what_to_do(
    console: Console, database: sa.Engine
) -> None:
    browser = console.log_in("li", "viewer")
    assert "没有未消除的差异" in browser.get(f"{HOME}/differences").text
    add_difference(database, 1)
    add_difference(database, 2, closed=True)
    page = browser.get(f"{HOME}/differences").text
    for told in ("市场台账中没有", f'href="needs/{rows.need_id(1)}"', "2026-09-30 20:00", "请与信贷市场服务平台核对。"):
        assert told in page
    assert rows.need_id(2) not in page
    closed = browser.get(f"{HOME}/differences?state=closed&kind=missing_in_ledger").text
    assert rows.need_id(2) in closed and rows.need_id(1) not in closed
    assert "没有未消除的差异" in browser.get(f"{HOME}/differences?quarter=2026Q2").text


def test_the_roster_shows_vacant_posts_first_and_no_address(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
    browser = console.log_in("li", "viewer")
    page = browser.get(f"{HOME}/roster").text
    assert "共 73 个岗位" in page, "37 departments and 36 branches"
    assert "省级 71 个" in page
    assert page.index("空缺</td>") < page.index("在岗</td>")
    assert "@example" not in page
    own = browser.get(f"{HOME}/roster?department=330000").text
    assert "共 2 个岗位" in own and "空缺</td>" not in own
    assert "没有空缺的岗位" in browser.get(f"{HOME}/roster?department=330000&vacant=true").text
    assert "共 2 个岗位" in browser.get(f"{HOME}/roster?level=nation").text
    cities = browser.get(f"{HOME}/roster?level=city&department=330000").text
    assert "杭州市" in cities and "在岗" in cities


@pytest.mark.parametrize("address", ["roster?level=county", "roster?department=x", "differences?state=other"])
def test_a_filter_that_cannot_be_read_is_refused(console: Console, address: str) -> None:
    assert console.log_in("li", "viewer").get(f"{HOME}/{address}").status_code == 400


def test_support_tools_show_document_and_last_day(console: Console) -> None:
    page = console.log_in("li", "viewer").get(f"{HOME}/support-tools").text
    for tool in support_tools():
        assert tool.name in page and tool.document in page


def test_a_tool_is_about_to_end_from_thirty_days_before_its_last_day() -> None:
    assert ending_within(date(2026, 11, 30), 30) == ()
    assert {tool.until for tool in ending_within(date(2026, 12, 1), 30)} == {date(2026, 12, 31)}
    assert ending_within(date(2027, 1, 1), 30) == ()


def test_the_calendar_shows_which_limits_are_provisional(console: Console, database: sa.Engine) -> None:
    browser = console.log_in("li", "viewer")
    page = browser.get(f"{HOME}/calendar").text
    assert "没有暂定的时限" in page and f"载入到 {china_calendar().published_until}" in page
    with database.begin() as connection:
        rows.add_case(connection, 1)
        rows.add_clock(connection, 1, due_on=date(2027, 1, 5))
        connection.execute(tables.case_clock.update().values(provisional=True))
    assert "2027-01-05" in browser.get(f"{HOME}/calendar").text

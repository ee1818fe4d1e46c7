"""Lists that lead from a matter to its need: obstructions, differences, the roster; by filters, as files."""

from __future__ import annotations

import csv
from datetime import date
from io import StringIO

import pytest
import sqlalchemy as sa

from include.store import tables
from tests.support import rows
from tests.support.console import Browser, Console
from tests.support.differences import add_difference
from tests.support.escalation import staff
from tests.support.obstructions import advance, obstructed
from tests.support.register import list_factory

HOME = "/green-finance"


def file_of(browser: Browser, address: str) -> list[dict[str, str]]:
    head, *lines = csv.reader(StringIO(browser.get(f"{HOME}/{address}").content.decode("utf-8-sig")))
    return [dict(zip(head, line, strict=True)) for line in lines]


@pytest.fixture
def obstruction(console: Console, database: sa.Engine) -> Console:
    """A need obstructed at two banks."""
    with database.begin() as connection:
        obstructed(connection)
        obstructed(connection, "ABC", reason="R01", number="OB2")
    advance(database)
    return console


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ("", 2),
        ("institution=ABC", 1),
        ("institution=CCB", 0),
        ("reason=R04", 1),
        ("department=330000", 2),
        ("department=110000", 0),
        ("state=open&level=nation", 0),
        ("overdue=true", 0),
        ("q=00000001", 2),
        ("q=另一家", 0),
    ],
)
def test_obstructions_are_chosen_by_the_address_on_the_page_and_in_the_file(
    obstruction: Console, asked: str, number: int
) -> None:
    browser = obstruction.log_in("li", "viewer")
    page = browser.get(f"{HOME}/obstructions?{asked}").text
    assert f"<h2>{number} 项</h2>" in page
    assert (f'href="needs/{rows.need_id(1)}"' in page) == (number > 0)
    assert len(file_of(browser, f"obstructions/export/csv?{asked}")) == number


def test_an_ended_obstruction_is_listed_if_asked_for(obstruction: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(tables.obstruction_ticket.update().values(state="verified"))
    browser = obstruction.log_in("li", "viewer")
    for asked, number in (("", 0), ("settled=true", 2), ("state=verified", 2)):
        assert f"<h2>{number} 项</h2>" in browser.get(f"{HOME}/obstructions?{asked}").text


def test_who_is_confined_sees_only_obstructions_of_his_departments(obstruction: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.set_grant(connection, "chen", roles=set(), departments=frozenset({"320000"}), by="root", now=rows.TAKEN_IN)
    browser = obstruction.log_in("chen", "viewer")
    assert "<h2>0 项</h2>" in browser.get(f"{HOME}/obstructions").text
    assert file_of(browser, "obstructions/export/csv") == []


def test_differences_are_taken_along_page_by_page(
    console: Console, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from green_finance.console import differences

    monkeypatch.setattr(differences, "AT_MOST", 1)
    for number in (1, 2):
        add_difference(database, number)
    browser = console.log_in("li", "viewer")
    first, second = (browser.get(f"{HOME}/differences?page={number}").text for number in (1, 2))
    assert rows.need_id(1) in first and "differences?page=2" in first and rows.need_id(2) not in first
    assert rows.need_id(2) in second and rows.need_id(1) not in second
    assert [one["需求编号"] for one in file_of(browser, "differences/export/csv")] == [rows.need_id(1), rows.need_id(2)]


def test_the_vacant_posts_are_a_file_without_addresses(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
    browser = console.log_in("li", "viewer")
    posts = file_of(browser, "roster/export/csv?level=province&vacant=true")
    assert len(posts) == 71 and {one["状态"] for one in posts} == {"空缺"}
    assert "@example" not in browser.get(f"{HOME}/roster/export/csv?level=city").text


def test_deadlines_begin_with_what_falls_due_today_and_this_week(console: Console, database: sa.Engine) -> None:
    """Today is Tuesday, 2026-10-20."""
    due = {1: date(2026, 10, 20), 2: date(2026, 10, 23), 3: date(2026, 10, 26), 4: date(2026, 10, 19)}
    with database.begin() as connection:
        for number, day in due.items():
            rows.add_need(connection, number, department_code="440000" if number == 2 else "330000")
            rows.add_case(connection, number, state="received")
            rows.add_clock(connection, number, due_on=day, paused=number == 4)
    browser = console.log_in("li", "viewer")
    page = browser.get(f"{HOME}/deadlines").text
    assert "今日和本周到期 2 项" in page
    assert page.index("今日到期：2026-10-20") < page.index(rows.need_id(1)) < page.index("本周到期：2026-10-23")
    assert rows.need_id(3) not in page and rows.need_id(4) not in page
    assert [one["需求编号"] for one in file_of(browser, "deadlines/export/csv?department=440000")] == [rows.need_id(2)]
    assert "本周没有到期的时限" in browser.get(f"{HOME}/deadlines?institution=CMB").text


def test_the_register_says_which_list_is_in_force_and_its_last_change(console: Console, database: sa.Engine) -> None:
    browser = console.log_in("li", "viewer")
    assert "尚未读取到可用的名单" in browser.get(f"{HOME}/register").text
    with database.begin() as connection:
        list_factory(connection, as_of=date(2026, 10, 1))
        list_factory(connection, as_of=date(2026, 10, 10), removed_on=date(2026, 10, 5))
    page = browser.get(f"{HOME}/register").text
    assert "<b>2026-10-10 起</b>，在册企业 <b>1</b> 家" in page and 'data-label="移出">1</td>' in page

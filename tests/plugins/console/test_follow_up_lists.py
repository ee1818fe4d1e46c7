"""Lists that lead from a matter to its need: obstructions, differences, the roster; by filters, as files."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
import sqlalchemy as sa

from include.store import tables
from tests.support import rows
from tests.support.console import Browser, Console
from tests.support.escalation import staff
from tests.support.obstructions import advance, obstructed

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
    with database.begin() as connection:
        for number in (1, 2):
            rows.add_need(connection, number)
            connection.execute(
                tables.reconciliation_finding.insert().values(
                    quarter=rows.QUARTER,
                    kind="missing_in_ledger",
                    need_id=rows.need_id(number),
                    revision=1,
                    explanation="台账中没有这一推送。",
                    suggestion="请核对。",
                    found_at=rows.TAKEN_IN,
                )
            )
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

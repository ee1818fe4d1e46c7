from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from include.circular import is_due, publish
from include.reference.day import Day
from include.store import tables
from tests.support.rows import QUARTER, add_delivery, add_need, moment

DAY = Day.in_force(moment("2026-10-22 18:00"))
LATER = replace(DAY, now=DAY.now + timedelta(hours=3))


def _reports(database: sa.Engine) -> list[sa.Row[tuple[object, ...]]]:
    with database.connect() as connection:
        return list(connection.execute(sa.select(tables.report).order_by(tables.report.c.report_id)))


def _add(database: sa.Engine, number: int) -> None:
    with database.begin() as connection:
        add_need(connection, number, financing_need="1234.50")
        add_delivery(connection, number)


def test_the_page_and_its_figures_are_stored_and_written(database: sa.Engine, tmp_path: Path) -> None:
    _add(database, 1)
    published = publish(database, QUARTER, tmp_path / "circulars", day=DAY)
    row = _reports(database)[0]
    assert published.new
    assert published.path == tmp_path / "circulars" / "circular-2026Q3.html"
    assert published.path.read_text(encoding="utf-8") == row.html
    assert (row.kind, row.quarter, row.report_id) == ("circular", QUARTER, published.report_id)
    assert row.figures["needs"]["passed_amount"] == "1234.5"
    assert row.figures["needs"]["pushed"] == 1
    assert [path.name for path in published.path.parent.iterdir()] == [published.path.name]


def test_unchanged_figures_are_not_published_again(database: sa.Engine, tmp_path: Path) -> None:
    _add(database, 1)
    first = publish(database, QUARTER, day=DAY)
    second = publish(database, QUARTER, tmp_path, day=LATER)
    assert (second.report_id, second.new) == (first.report_id, False)
    assert second.path is not None
    assert "18:00" in second.path.read_text(encoding="utf-8")
    assert len(_reports(database)) == 1


def test_changed_figures_are_a_new_report_and_the_old_one_stays(database: sa.Engine, tmp_path: Path) -> None:
    _add(database, 1)
    first = publish(database, QUARTER, tmp_path, day=DAY)
    _add(database, 2)
    second = publish(database, QUARTER, tmp_path, day=LATER)
    assert second.new
    assert [row.report_id for row in _reports(database)] == [first.report_id, second.report_id]
    assert second.path is not None
    assert second.path.read_text(encoding="utf-8") == _reports(database)[1].html


def test_publishing_twice_at_once_gives_one_report(database: sa.Engine) -> None:
    _add(database, 1)
    with ThreadPoolExecutor(4) as pool:
        published = list(pool.map(lambda _: publish(database, QUARTER, day=DAY), range(4)))
    assert sum(one.new for one in published) == 1
    assert len(_reports(database)) == 1


def test_the_circular_is_due_ten_working_days_after_the_quarter_until_it_is_out(database: sa.Engine) -> None:
    def due(text: str) -> bool:
        with database.connect() as connection:
            return is_due(connection, QUARTER, day=Day.in_force(moment(text)))

    # The National Day holiday ends on 7 October; Saturday 10 October is worked.
    assert not due("2026-10-19 23:59")
    assert due("2026-10-20 00:00")
    publish(database, QUARTER, day=Day.in_force(moment("2026-10-20 09:00")))
    assert not due("2026-10-21 09:00")


def test_a_publication_is_audited_once(database: sa.Engine) -> None:
    _add(database, 1)
    for _ in range(2):
        publish(database, QUARTER, day=DAY)
    with database.connect() as connection:
        actions = connection.execute(sa.select(tables.audit_entry.c.action)).scalars().all()
    assert actions == ["publish_circular"]

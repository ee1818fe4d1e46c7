"""A department of which too much is returned is stopped while it is judged (B08); returns go out all the same."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.gate import department_stop as stops
from include.reference import policy
from include.store.tables import delivery, department_stop
from tests.support import rows
from tests.support.clean_need import clean_need
from tests.support.taken_in import judge, take_in

NOW = rows.moment("2026-09-30 20:00")


def _needs(clean: int, spoiled: int, first: int = 1) -> list[dict[str, Any]]:
    """Needs of one factory for projects of their own; the spoiled ones ask for more than the project costs (DQ20)."""
    return [
        clean_need(
            need_id=rows.need_id(number),
            project__project_code=f"2106-330100-04-02-{number:06d}",
            project__name=f"第{number}号窑炉余热利用改造项目",
            **({} if number < first + clean else {"finance__total_investment": "2400.00"}),
        )
        for number in range(first, first + clean + spoiled)
    ]


def _queued(database: sa.Engine) -> list[tuple[str, int]]:
    with database.connect() as connection:
        found = connection.execute(sa.text("select action, count(*) from delivery group by 1 order by 1"))
        return list(found.tuples())


@pytest.fixture
def stopped(database: sa.Engine) -> sa.Engine:
    summary = judge(database, take_in(database, "run-1", _needs(clean=3, spoiled=2), now=NOW), now=NOW)
    assert (summary.passed, summary.returned, summary.stopped) == (3, 2, ("330000",))
    return database


def test_pushes_of_a_stopped_department_wait_and_returns_do_not(stopped: sa.Engine) -> None:
    assert _queued(stopped) == [("return", 2)]


def test_what_passes_later_waits_too_until_a_person_continues(stopped: sa.Engine) -> None:
    records = _needs(clean=3, spoiled=2) + _needs(clean=9, spoiled=0, first=11)
    summary = judge(stopped, take_in(stopped, "run-2", records, now=NOW), now=NOW)
    assert (summary.passed, summary.stopped) == (9, ("330000",)), "the share is low by now, but nobody has decided"
    assert _queued(stopped) == [("return", 2)]
    with stopped.begin() as connection:
        seen = stops.SeenStop(rows.QUARTER, "330000", "open")
        act = Act(actor_id="li", role="operator", reason="已与部门核实", at=NOW)
        assert stops.decide(connection, seen, "continued", act=act, policy=policy()) == 12
    assert _queued(stopped) == [("push", 12), ("return", 2)]


def test_a_dry_run_only_says_that_it_would_stop(database: sa.Engine) -> None:
    intake_id = take_in(database, "run-1", _needs(clean=3, spoiled=2), now=NOW, dry_run=True)
    assert judge(database, intake_id, now=NOW).stopped
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(department_stop)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(delivery)).scalar() == 0


def test_a_department_with_few_returns_is_pushed_at_once(database: sa.Engine) -> None:
    summary = judge(database, take_in(database, "run-1", _needs(clean=9, spoiled=1), now=NOW), now=NOW)
    assert not summary.stopped
    assert _queued(database) == [("push", 9), ("return", 1)]

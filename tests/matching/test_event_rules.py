"""What is found in feedback events; each rule with its nearest clean case. The need asks for 1,000 of a total of 2,000 万元."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.matching import collect_feedback
from include.reference.day import Day
from tests.support.matching import CIPHER, NOW, Feed, push, report
from tests.support.rule_cases.event import CASES, found


@pytest.mark.parametrize(("events", "expected"), CASES)
def test_each_defect_of_an_event_is_found(
    database: sa.Engine, events: list[dict[str, Any]], expected: list[str]
) -> None:
    push(database)
    assert found(database, *events) == expected


def test_a_push_counts_from_when_it_arrived_though_its_answer_was_lost(database: sa.Engine) -> None:
    push(database)
    with database.begin() as connection:
        settled_at = connection.execute(sa.text("select settled_at from delivery")).scalar_one()
        connection.execute(sa.text("update delivery set settled_at = settled_at + interval '3 days'"))
        connection.execute(
            sa.text(
                "insert into delivery_attempt (delivery_id, kind, worker, attempted_at, outcome)"
                " select delivery_id, 'send', 'w', :at, 'lost_answer' from delivery"
            ),
            {"at": settled_at},
        )
    assert found(database, report(1, "received")) == []


def test_events_that_come_again_add_nothing(database: sa.Engine) -> None:
    push(database)
    events = [report(1, "declined"), report(2, "noted")]
    collect_feedback(database, Feed(events), cipher=CIPHER, day=Day.in_force(NOW))
    collect_feedback(database, Feed([*events, *events]), cipher=CIPHER, day=Day.in_force(NOW + timedelta(days=1)))
    with database.connect() as connection:
        rows = connection.execute(sa.text("select rule_id, found_at from event_finding order by 1")).all()
    assert [(row.rule_id, row.found_at) for row in rows] == [("E01", NOW), ("E06", NOW)]

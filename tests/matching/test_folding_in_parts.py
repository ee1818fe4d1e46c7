"""A large reading is folded in two parts at once, split by need; whatever happens between them, each event has one effect."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from include.matching import refold
from include.matching.cases import part_of
from include.reference.day import Day
from tests.support.matching import NOW, Feed, Page, collect, derived, push, report, rows
from tests.support.rows import need_id

_WAY = ("received", "contacted", "visited", "accepted", "credit_approved", "contracted", "drawn")
_NEEDS, _REPORTS = 20, 28


class FeedWithUnstorableCursor(Feed):
    def feedback(self, after: str | None, limit: int) -> Page:
        return Page(self.events, "nul\0", False)


def _events() -> list[dict[str, Any]]:
    return [
        report(sequence, _WAY[sequence % len(_WAY)], institution=code, need=need_id(number), amount="100.00")
        for sequence in range(_REPORTS)
        for number in range(1, _NEEDS + 1)
        for code in ("ICBC", "ABC")
    ]


def test_parts_that_were_stored_before_the_run_ended_are_not_taken_twice(database: sa.Engine) -> None:
    for number in range(1, _NEEDS + 1):
        push(database, number)
    events = _events()
    other = next(need_id(at) for at in range(1, _NEEDS) if part_of(need_id(at)) != part_of(events[0]["need_id"]))
    feed = [*events, *events[:50], events[0] | {"need_id": other}]
    with pytest.raises(sa.exc.DBAPIError):
        collect(database, FeedWithUnstorableCursor(feed))
    folded, stored = derived(database), _stored(database)
    again = collect(database, Feed(feed, size=1_000))
    assert (again.new, again.repeated, again.unreadable) == (0, len(events) + 50, 1)
    assert (derived(database), _stored(database)) == (folded, stored)
    assert rows(database, "select problem, times_seen from set_aside") == [("E03：同一反馈编号内容前后不一致", 1)]
    with database.begin() as connection:
        assert (
            refold(connection, [need_id(number) for number in range(1, _NEEDS + 1)], day=Day.in_force(NOW)).changed == 0
        )
    assert derived(database) == folded


def _stored(database: sa.Engine) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "select (select count(*) from feedback_event), (select count(*) from delivery), (select count(*) from alert_event),"
        " (select count(*) from event_finding)",
    )

"""Any feedback, cut, shuffled and repeated in any way on its way through the store, ends where all of it at once does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.domain.case import EVENT_TYPES
from include.matching import refold
from include.reference.day import Day
from tests.support.matching import NOW, PUSHED, Feed, alerts, collect, deliver, derived, opened, push, rows
from tests.support.rows import let_history_be_changed, need_id, rewrite

_FOLDED = (
    "alert_ground",
    "alert_event",
    "alert",
    "due_date_change",
    "case_clock",
    "case_policy",
    "matching_case",
    "event_finding",
    "waiting_feedback",
    "feedback_moment",
    "feedback_event",
    "feedback_cursor",
)


PLAUSIBLE = st.integers(0, 240).map(lambda hours: PUSHED + timedelta(hours=hours))
ANY_MOMENT = PLAUSIBLE | st.sampled_from(
    [
        PUSHED - timedelta(seconds=1),
        PUSHED - timedelta(days=40),
        PUSHED.replace(year=2001),
        NOW + timedelta(seconds=301),
        NOW + timedelta(days=400),
    ]
)


@st.composite
def feeds(draw: st.DrawFn, occurred: st.SearchStrategy[datetime] = PLAUSIBLE) -> list[dict[str, Any]]:
    """Up to 14 events on two needs at two institutions, one of which was not asked."""
    number = draw(st.integers(1, 14))
    return [
        {
            "event_id": f"e{at}",
            "need_id": need_id(draw(st.integers(1, 2))),
            "revision": 1,
            "institution_code": draw(st.sampled_from(["ICBC", "CMB"])),
            "type": draw(st.sampled_from([*sorted(EVENT_TYPES), "credit_approved", "contracted", "drawn"])),
            "occurred_at": draw(occurred).isoformat(),
            "sequence": draw(st.integers(1, 9)),
            "amount": draw(st.sampled_from([None, "400", "600.5", "1300"])),
            "use_of_funds": draw(st.sampled_from([None, "购置电炉", "归还贷款"])),
            "obstruction_id": draw(st.sampled_from([None, "OB1"])),
        }
        for at in range(number)
    ]


def start(database: sa.Engine) -> None:
    """Nothing was reported yet; the push of the second need is not known to have arrived."""
    with database.begin() as connection:
        let_history_be_changed(connection)
        for table in _FOLDED:
            connection.execute(sa.text(f"delete from {table}"))
        connection.execute(sa.text("delete from delivery where action = 'progress'"))
        connection.execute(sa.text("update delivery set matched = false, state = 'delivered'"))
        connection.execute(sa.text("update delivery set state = 'unknown' where need_id = :id"), {"id": need_id(2)})
    opened(database)


def outcome(database: sa.Engine) -> Any:
    grounds = """
        select rule_id, need_id, institution_code, ground from alert join alert_ground using (alert_id)
        where state = 'open' order by 1, 2, 3, 4
    """
    return derived(database), alerts(database), rows(database, grounds)


few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a failure is told at once, not made smaller for minutes
)


@given(feed=feeds(), data=st.data())
@few
def test_feedback_in_chunks_and_any_order_ends_as_all_at_once(
    database: sa.Engine, feed: list[dict[str, Any]], data: st.DataObject
) -> None:
    in_chunks_as_at_once(database, feed, data, between=timedelta(minutes=1))


@given(feed=feeds(ANY_MOMENT), data=st.data())
@few
def test_feedback_of_implausible_moments_ends_as_all_at_once_too_where_it_was_received_then(
    database: sa.Engine, feed: list[dict[str, Any]], data: st.DataObject
) -> None:
    in_chunks_as_at_once(database, feed, data, between=timedelta(0))
    starts = rows(database, "select day0, need_id, institution_code, from_type from case_clock")
    assert not [one for one in starts if not PUSHED.date() <= one[0] <= NOW.date()], "no clock before the push or ahead"
    before = derived(database)
    with database.begin() as connection:
        refold(connection, [need_id(1), need_id(2)], day=Day.in_force(NOW + timedelta(days=3)))
    assert derived(database) == before, "folded anew from what is stored"
    marked = rows(database, "select event_id from event_finding where rule_id = 'E09' order by 1")
    assert rows(database, "select event_id from feedback_moment order by 1") == marked


def in_chunks_as_at_once(
    database: sa.Engine, feed: list[dict[str, Any]], data: st.DataObject, *, between: timedelta
) -> None:
    """The feed taken at once, and in chunks in any order with repeats, so much time `between` two events, comes to the same."""
    if not rows(database, "select 1 from need_version"):
        push(database, 1, intended=["ICBC"])
        push(database, 2, intended=["ICBC"])
        with database.begin() as connection:
            rewrite(connection, sa.text("update need_version set total_investment = 2000, own_capital = 800"))
    start(database)
    deliver(database, 2)
    collect(database, Feed(feed))
    at_once = outcome(database)

    start(database)
    repeated = [event for event in feed for _ in range(data.draw(st.integers(1, 2)))]
    shuffled = data.draw(st.permutations(repeated))
    arrives = data.draw(st.integers(0, len(shuffled)))
    growing = Feed([])
    while len(growing.events) < len(shuffled):
        taken = len(growing.events)
        growing.events += shuffled[taken : taken + data.draw(st.integers(1, 6))]
        if taken <= arrives < len(growing.events):
            deliver(database, 2)
        collect(database, growing, NOW + taken * between)
    if arrives == len(shuffled):
        deliver(database, 2)
    collect(database, growing, NOW + 60 * between)
    assert outcome(database) == at_once
    assert rows(database, "select count(*) from waiting_feedback") == [(0,)]

"""E09: what a bank says of a moment that cannot be counts as of when it was received, for every reader in the same way."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include import escalation, obstructions
from include.circular.figures import figures
from include.domain.quarter import Quarter
from include.escalation.breaches import open_items
from include.escalation.what_if import changed, in_force, what_if
from include.matching import refold
from include.need_view import timeline
from include.reference.calendar import china_calendar
from include.reference.day import Day
from tests.support.escalation import run, staff
from tests.support.matching import NEED, NOW, PUSHED, Feed, collect, deliver, derived, opened, push, report, rows
from tests.support.rows import QUARTER, moment

LONG_AGO = "2001-01-01T00:00:00+08:00"
FAR_AHEAD = "2999-12-31T23:59:59+08:00"
LATER = moment("2026-10-21 09:00")


def said(sequence: int, type_: str, occurred_at: str, **more: Any) -> dict[str, Any]:
    return report(sequence, type_, **more) | {"occurred_at": occurred_at}


def moments(database: sa.Engine) -> dict[str, Any]:
    return dict(rows(database, "select event_id, counted_at from feedback_moment"))  # type: ignore[arg-type]


@pytest.mark.parametrize("occurred_at", [LONG_AGO, "1970-01-01T00:00:00Z", "2026-10-08T08:59:59+08:00", FAR_AHEAD])
def test_it_counts_as_of_when_it_was_received(database: sa.Engine, occurred_at: str) -> None:
    push(database)
    opened(database)
    collect(database, Feed([said(1, "received", occurred_at)]))
    assert rows(
        database, "select state, state_since, last_event_at from matching_case where institution_code = 'ICBC'"
    ) == [("received", NOW.date(), NOW)]
    clocks = "select from_type, to_type, day0, stopped_on from case_clock where institution_code = 'ICBC' order by 1, 2"
    assert rows(database, clocks) == [
        ("pushed", "received", date(2026, 10, 8), NOW.date()),
        ("received", "contacted", NOW.date(), None),
        ("received", "credit_approved", NOW.date(), None),
    ]
    assert rows(database, "select rule_id from event_finding") == [("E09",)]
    stated = datetime.fromisoformat(occurred_at)
    assert rows(database, "select occurred_at from feedback_event") == [(stated,)], "stored as stated"


def test_the_order_of_the_fold_is_that_of_the_institution(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    opened(database)
    feed = [said(1, "received", FAR_AHEAD), said(2, "contacted", LONG_AGO), report(3, "visited")]
    collect(database, Feed(feed))
    assert rows(database, "select state, anomalies from matching_case") == [("visited", [])]
    before = derived(database)
    with database.begin() as connection:
        refold(connection, [NEED], day=Day.in_force(LATER))
    assert derived(database) == before


def test_nobody_is_told_of_years_that_did_not_pass(database: sa.Engine) -> None:
    push(database)
    opened(database)
    feed = [
        said(1, "received", LONG_AGO),
        said(2, "obstructed", LONG_AGO, reason_code="R05", obstruction_id="OB1"),
        *(said(sequence, "declined", LONG_AGO, institution="CMB", reason_code="R17") for sequence in (1, 2, 3)),
    ]
    collect(database, Feed(feed))
    obstructions.advance(database, day=Day.in_force(NOW))
    assert rows(database, "select opened_on from obstruction_ticket") == [(NOW.date(),)]
    with database.connect() as connection:
        open_now = open_items(connection, Day.in_force(LATER))
    assert all(one.overdue < 15 for one in open_now)
    assert {one.breach.since for one in open_now} <= {date(2026, 10, 8), NOW.date()}
    told = rows(database, "select due_on, extract(year from day0)::int from case_clock")
    assert {year for _, year in told} == {2026}


def test_ladder_auditor_and_what_if_agree(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
    push(database)
    opened(database)
    collect(database, Feed([said(n, "declined", LONG_AGO, institution="CMB", reason_code="R17") for n in (1, 2, 3)]))
    for day in range(8, 24):
        run(database, f"2026-10-{day:02d} 08:30")
    present, now = in_force(), moment("2026-10-23 18:00")
    outcome = what_if(
        database, Quarter.parse(QUARTER), changed(present, {}), present=present, now=now, calendar=china_calendar()
    )
    told, replayed = ({(one.day, one.step) for one in each} for each in (outcome.actual, outcome.present))
    assert told == replayed != set()
    with database.begin() as connection:
        connection.execute(sa.text("update delivery set state = 'delivered' where channel = 'mail'"))
    escalation.audit_steps(database, day=Day.in_force(now))


def test_the_circular_counts_it_from_when_it_was_received(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    opened(database)
    collect(database, Feed([said(1, "credit_approved", LONG_AGO, amount="400")]))
    for cut_off, approved in ((NOW - timedelta(hours=1), 0), (NOW, 1)):
        with database.begin() as connection:
            assert figures(connection, QUARTER, day=Day.in_force(cut_off)).needs.approved == approved


def test_the_page_shows_both_moments_in_order_of_the_one_that_counts(database: sa.Engine) -> None:
    push(database)
    opened(database)
    collect(database, Feed([said(1, "received", LONG_AGO)]))
    with database.connect() as connection:
        entries = [
            entry for entry in timeline(connection, NEED, today=LATER.date(), role="viewer") if entry.part == "机构反馈"
        ]
    assert [entry.at for entry in entries] == [NOW]
    assert "机构填报的时间为 2001-01-01 00:00，按 10-20 08:00 计" in "；".join(entries[0].lines)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=3)])
def test_what_waited_for_its_push_counts_from_the_push_at_the_earliest(database: sa.Engine, late: timedelta) -> None:
    """Received before the push was known: an answer that was lost, or a bank that was told by somebody else."""
    push(database, state="unknown")
    collect(database, Feed([said(1, "received", LONG_AGO), report(2, "contacted")]), NOW - timedelta(days=4))
    assert moments(database) == {}
    deliver(database, at=PUSHED + timedelta(days=9) + late)
    opened(database)
    arrived = PUSHED + timedelta(days=9) + late
    received = max(NOW - timedelta(days=4), arrived)
    assert moments(database) == {f"{NEED}-ICBC-1": received, f"{NEED}-ICBC-2": received}
    assert rows(database, "select distinct rule_id from event_finding where rule_id = 'E09'") == [("E09",)]
    starts = rows(database, "select day0 from case_clock where from_type <> 'pushed' and institution_code = 'ICBC'")
    assert {day for (day,) in starts} == {received.date()}


def test_a_note_once_made_stays(database: sa.Engine) -> None:
    push(database, at=PUSHED + timedelta(days=2))
    opened(database)
    collect(database, Feed([report(1, "received")]))
    before = moments(database)
    assert before == {f"{NEED}-ICBC-1": NOW}
    push(database, revision=2, at=PUSHED)  # of which it becomes known later that it had arrived first
    opened(database)
    collect(database, Feed([report(1, "received")]), LATER)
    assert moments(database) == before


def test_sound_events_cost_no_note(database: sa.Engine) -> None:
    push(database)
    opened(database)
    collect(database, Feed([report(day, type_) for day, type_ in ((1, "received"), (2, "contacted"))]))
    assert moments(database) == {}

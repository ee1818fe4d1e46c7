from __future__ import annotations

import json
import random
import threading
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.errors import PlatformUnavailable
from include.matching import FeedbackSummary, refold
from include.reference.day import Day
from include.store import tables
from include.store.sealed import FEEDBACK_EVENT, SET_ASIDE
from tests.support.matching import (
    CIPHER,
    NEED,
    NOW,
    PUSHED,
    Feed,
    Page,
    collect,
    deliver,
    derived,
    opened,
    push,
    report,
    rows,
    states,
    told,
)
from tests.support.rows import add_event, add_withdrawal, rewrite

# --- Opening ---------------------------------------------------------------------------------------------------------


def test_a_push_opens_a_case_for_each_intended_institution_and_tells_the_factory(database: sa.Engine) -> None:
    push(database, 1, intended=["ICBC", "ABC"])
    push(database, 2, intended=[])
    assert opened(database) == 2
    assert states(database) == {"ICBC": "pushed", "ABC": "pushed"}
    assert rows(database, "select distinct intended, opened_on, answered from matching_case") == [
        (True, date(2026, 10, 8), False)
    ]
    assert rows(database, "select distinct from_type, to_type, day0, due_on, stopped_on from case_clock") == [
        ("pushed", "received", date(2026, 10, 8), date(2026, 10, 9), None)
    ]
    assert told(database) == [
        {
            "need_id": NEED,
            "revision": 1,
            "stage": "pushed",
            "as_of": "2026-10-20T08:00:00+08:00",
            "institutions": 0,
            "approved_amount": "0.00",
            "drawn_amount": "0.00",
        }
    ]
    assert [body["stage"] for body in told(database, 2)] == ["pushed"]


def test_opening_again_changes_nothing(database: sa.Engine) -> None:
    push(database)
    opened(database)
    before = rows(database, "select * from matching_case order by 2"), rows(database, "select * from delivery")
    assert opened(database, NOW + timedelta(hours=1)) == 0
    assert (
        rows(database, "select * from matching_case order by 2"),
        rows(database, "select * from delivery"),
    ) == before


@pytest.mark.parametrize("state", ["pending", "unknown", "held", "superseded"])
def test_a_push_that_has_not_arrived_opens_nothing(database: sa.Engine, state: str) -> None:
    push(database, state=state)
    assert opened(database) == 0
    assert states(database) == {}
    assert told(database) == []


def test_the_newest_pushed_revision_says_who_is_asked(database: sa.Engine) -> None:
    push(database, intended=["ICBC", "ABC", "CCB"])
    opened(database)
    collect(database, Feed([report(1, "received", institution="ABC")]))
    push(database, intended=["ICBC", "BOC"], revision=2, at=PUSHED + timedelta(days=4))
    assert opened(database) == 1
    statement = "select institution_code, intended, opened_on from matching_case order by 1"
    assert rows(database, statement) == [
        ("ABC", False, date(2026, 10, 8)),
        ("BOC", True, date(2026, 10, 12)),
        ("ICBC", True, date(2026, 10, 8)),
    ], "CCB never answered and is asked no more"
    assert rows(database, "select count(*) from case_clock where institution_code = 'CCB'") == [(0,)]


def test_a_withdrawn_need_is_told_so_once(database: sa.Engine) -> None:
    push(database)
    opened(database)
    with database.begin() as connection:
        add_withdrawal(connection, 1)
    opened(database)
    opened(database)
    assert [body["stage"] for body in told(database)] == ["pushed", "withdrawn"]


# --- Feedback --------------------------------------------------------------------------------------------------------

WHOLE_WAY = [
    report(1, "received"),
    report(2, "contacted"),
    report(3, "obstructed", obstruction_id="OB1", reason_code="R06"),
    report(5, "obstruction_cleared", obstruction_id="OB1"),
    report(6, "accepted"),
    report(7, "credit_approved", amount="800.00", rate=3.15, term_months=36, green_label=True),
    report(8, "contracted", amount="700"),
    report(9, "drawn", amount="300.5"),
    report(10, "drawn", amount="100"),
    report(1, "received", institution="ABC"),
    report(2, "declined", institution="ABC", reason_code="R05"),
    report(3, "contacted", institution="ABC"),
    report(4, "received", institution="ABC"),
    report(1, "contacted", institution="CMB"),
]


def test_feedback_is_stored_folded_and_told(database: sa.Engine) -> None:
    push(database)
    opened(database)
    summary = collect(database, Feed(WHOLE_WAY))
    assert (summary.read, summary.new, summary.repeated, summary.unreadable, summary.orphaned) == (14, 14, 0, 0, 0)
    assert states(database) == {"ICBC": "drawn", "ABC": "contacted", "CMB": "contacted"}
    (icbc,) = rows(
        database,
        "select approved, contracted, drawn, paused, anomalies, furthest_state, last_event_at"
        " from matching_case where institution_code = 'ICBC'",
    )
    assert icbc[:6] == (Decimal("800.00"), Decimal("700.00"), Decimal("400.50"), False, [], "drawn")
    assert icbc[6] == PUSHED + timedelta(days=10)
    assert rows(database, "select intended, anomalies, reopened from matching_case where institution_code = 'ABC'") == [
        (True, [{"event_id": f"{NEED}-ABC-4", "reason": "E08"}], 1)
    ]
    assert rows(database, "select intended, opened_on from matching_case where institution_code = 'CMB'") == [
        (False, date(2026, 10, 9))
    ]
    last = told(database)[-1]
    assert (last["stage"], last["institutions"]) == ("funded_partly", 3)
    assert (last["approved_amount"], last["drawn_amount"]) == ("800.00", "400.50")


def test_the_stored_clocks_know_when_they_stopped_and_what_a_pause_added(database: sa.Engine) -> None:
    push(database)
    opened(database)
    collect(database, Feed(WHOLE_WAY[:3]))
    statement = (
        "select from_type, day0, due_on, stopped_on, paused from case_clock where institution_code = 'ICBC' order by 1"
    )
    assert rows(database, statement) == [
        ("contacted", date(2026, 10, 10), date(2026, 10, 20), None, True),
        ("pushed", date(2026, 10, 8), date(2026, 10, 9), date(2026, 10, 9), False),
        ("received", date(2026, 10, 9), date(2026, 10, 13), date(2026, 10, 10), False),
        ("received", date(2026, 10, 9), date(2026, 11, 9), None, True),
    ]
    assert rows(database, "select open_obstructions from matching_case where institution_code = 'ICBC'") == [
        ([{"obstruction_id": "OB1", "opened_on": "2026-10-11", "reason_code": "R06"}],)
    ]
    collect(database, Feed(WHOLE_WAY[:4]))
    assert rows(database, statement)[0] == ("contacted", date(2026, 10, 10), date(2026, 10, 22), None, False)


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_any_repetition_end_in_the_same_state(database: sa.Engine, seed: int) -> None:
    push(database)
    opened(database)
    collect(database, Feed(WHOLE_WAY))
    in_order = derived(database)
    with database.begin() as connection:
        rewrite(connection, sa.text("truncate feedback_event, feedback_cursor, matching_case, case_clock"))
        rewrite(connection, sa.text("delete from delivery where action = 'progress'"))
    opened(database)
    chance = random.Random(seed)
    shuffled = [event for event in WHOLE_WAY for _ in range(chance.randint(1, 5))]
    chance.shuffle(shuffled)
    summary = collect(database, Feed(shuffled, size=chance.randint(1, 7)))
    assert derived(database) == in_order
    assert (summary.new, summary.read) == (len(WHOLE_WAY), len(shuffled))
    assert summary.repeated == len(shuffled) - len(WHOLE_WAY)


def test_the_feed_is_read_on_from_where_it_was_left_and_its_last_page_again(database: sa.Engine) -> None:
    push(database)
    feed = Feed(WHOLE_WAY[:5], size=2)
    collect(database, feed)
    feed.events.extend(WHOLE_WAY[5:7])
    later = collect(database, feed)
    assert (later.new, later.repeated) == (2, 1)
    assert feed.asked == [None, "2", "4", "4", "6"]
    assert collect(database, feed) == FeedbackSummary(
        read=1, new=0, repeated=1, orphaned=0, unreadable=0, cases_changed=0
    )
    assert rows(database, "select cursor, reread_from from feedback_cursor order by position") == [
        ("5", "4"),
        ("7", "6"),
    ]


def test_what_comes_into_the_feed_behind_the_cursor_is_found_on_the_last_page(database: sa.Engine) -> None:
    push(database)
    feed = Feed([*WHOLE_WAY[:4], WHOLE_WAY[5]], size=3)
    collect(database, feed)
    feed.events.insert(4, WHOLE_WAY[4])
    assert collect(database, feed).new == 1
    assert states(database)["ICBC"] == "credit_approved"


def test_a_case_that_is_refused_and_reopened_within_a_day_stops_no_feedback(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    same_day = [
        report(1, "contacted"),
        report(2, "declined", reason_code="R05") | {"occurred_at": report(1, "contacted")["occurred_at"]},
        report(3, "contacted") | {"occurred_at": report(1, "contacted")["occurred_at"]},
    ]
    collect(database, Feed(same_day))
    clocks = "select stopped_on from case_clock where from_type = 'contacted'"
    assert rows(database, clocks) == [(None,)]


def test_folding_again_changes_and_tells_nothing(database: sa.Engine) -> None:
    push(database)
    collect(database, Feed(WHOLE_WAY))
    before = derived(database), told(database)
    with database.begin() as connection:
        outcome = refold(connection, [NEED, "FN999999999999"], day=Day.in_force(NOW + timedelta(days=1)))
    assert (outcome.opened, outcome.changed) == (0, 0)
    assert (derived(database), told(database)) == before


def test_a_need_that_falls_back_to_an_earlier_stage_is_told_so_again(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    feed = Feed([])
    for event in (report(1, "contacted"), report(2, "declined", reason_code="R05"), report(3, "contacted")):
        feed.events.append(event)
        collect(database, feed)
    assert [body["stage"] for body in told(database)] == ["contacted", "unmet", "contacted"]


def test_an_approval_without_a_usable_amount_moves_the_state_alone(database: sa.Engine) -> None:
    push(database)
    events = [
        report(1, "credit_approved", amount="1e3"),
        report(1, "credit_approved", institution="ABC", amount="0.00"),
        report(1, "credit_approved", institution="BOC", amount=500),
        report(1, "credit_approved", institution="CCB"),
    ]
    assert collect(database, Feed(events)).unreadable == 0
    assert rows(database, "select distinct state, approved from matching_case") == [("credit_approved", Decimal(0))]


def test_a_refusal_with_an_unknown_reason_counts_as_other(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    collect(database, Feed([report(1, "declined", reason_code="R77")]))
    assert rows(database, "select reason_code from matching_case") == [("R99",)]
    assert rows(database, "select reason_code from feedback_event") == [("R77",)]


def test_provisional_due_days_are_counted_anew_once_their_year_is_published(database: sa.Engine) -> None:
    push(database)
    opened(database)
    with database.begin() as connection:
        # As left behind by a run that did not know the holidays of October yet.
        connection.execute(sa.text("update case_clock set due_on = '2026-10-12', provisional = true"))
    opened(database)
    assert rows(database, "select distinct due_on, provisional from case_clock") == [(date(2026, 10, 9), False)]


def test_draws_of_any_amount_and_number_stop_no_feedback(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    draws = [report(number, "drawn", amount="9999999999.99") for number in range(3, 110)]
    collect(
        database, Feed([report(1, "credit_approved", amount="1"), report(2, "contracted", amount="1"), *draws], 500)
    )
    assert rows(database, "select drawn from matching_case") == [(107 * Decimal("9999999999.99"),)]


# --- What waits ------------------------------------------------------------------------------------------------------


def test_feedback_of_an_unknown_need_waits_until_the_push_is_known_to_have_arrived(database: sa.Engine) -> None:
    push(database, intended=["ICBC"], state="unknown")
    summary = collect(database, Feed([report(1, "received")]))
    assert (summary.new, summary.orphaned, summary.cases_changed) == (1, 1, 0)
    assert states(database) == {}
    deliver(database)
    assert collect(database, Feed([])).orphaned == 0
    assert states(database) == {"ICBC": "received"}
    assert [body["stage"] for body in told(database)] == ["distributed"]


def test_opening_the_case_takes_the_feedback_that_waited(database: sa.Engine) -> None:
    push(database, intended=["ICBC"], state="unknown")
    collect(database, Feed([report(1, "received"), report(2, "contacted", institution="BOC")]))
    deliver(database)
    assert opened(database) == 2
    assert states(database) == {"ICBC": "received", "BOC": "contacted"}


def test_feedback_on_a_revision_that_was_not_pushed_waits(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    push(database, intended=["ICBC"], revision=2, state="pending")
    feed = Feed([report(1, "received"), report(2, "accepted", revision=2)])
    assert collect(database, feed).orphaned == 1
    assert states(database) == {"ICBC": "received"}
    deliver(database, revision=2)
    assert collect(database, feed).orphaned == 0
    assert states(database) == {"ICBC": "accepted"}


def test_feedback_of_an_institution_that_was_listed_later_is_folded_then(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    collect(database, Feed([report(1, "received")]))
    with database.begin() as connection:
        # Stored and left waiting, by a run that did not know the institution yet.
        event_id = add_event(connection, 1, "accepted", sequence=1, institution_code="CMB")
        connection.execute(tables.waiting_feedback.insert().values(event_id=event_id, need_id=NEED))
    assert collect(database, Feed([])).cases_changed == 1
    assert states(database) == {"ICBC": "received", "CMB": "accepted"}


@pytest.mark.parametrize("unknown", [{"institution": "NOBANK"}, {"type_": "celebrated"}, {"need": "FN999999999999"}])
def test_what_is_unknown_is_stored_and_not_folded(database: sa.Engine, unknown: dict[str, Any]) -> None:
    push(database, intended=["ICBC"])
    strange = report(**{"sequence": 1, "type_": "received", **unknown})
    summary = collect(database, Feed([strange, report(2, "contacted")]))
    assert (summary.new, summary.orphaned, summary.unreadable) == (2, 1, 0)
    assert states(database) == {"ICBC": "contacted"}
    assert rows(database, "select anomalies from matching_case") == [([],)]


# --- What is broken --------------------------------------------------------------------------------------------------


def test_a_malformed_event_is_kept_sealed_and_the_rest_goes_on(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    broken = [
        "not an object",
        {**report(1, "received"), "occurred_at": "2026-10-09 10:00"},
        {key: value for key, value in report(1, "received").items() if key != "sequence"},
        {**report(1, "received"), "event_id": "nul\0", "remark": "电话 13800001234"},
    ]
    summary = collect(database, Feed([*broken, report(2, "contacted"), *broken]))
    assert (summary.read, summary.new, summary.unreadable, summary.repeated) == (9, 1, 8, 0)
    assert states(database) == {"ICBC": "contacted"}
    kept = rows(database, "select ciphertext, problem, source, raw_hash from set_aside")
    found = [json.loads(CIPHER.decrypt(sealed, SET_ASIDE.place(*key))) for sealed, _, *key in kept]
    assert sorted(map(json.dumps, found)) == sorted(
        json.dumps(dict(sorted(item.items())) if isinstance(item, dict) else item) for item in broken
    )
    assert all(b"13800001234" not in sealed for sealed, *_ in kept)
    assert {problem for _, problem, *_ in kept} == {
        f"字段 {name} 缺失或不合约定" for name in ("event", "occurred_at", "sequence", "event_id")
    }


def test_of_two_contents_under_one_id_the_first_counts_and_the_other_is_kept(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    first = report(1, "accepted")
    summary = collect(database, Feed([first, {**first, "type": "declined"}, first]))
    assert (summary.new, summary.unreadable, summary.repeated) == (1, 1, 1)
    later = collect(database, Feed([first, first, first, {**first, "type": "closed"}]))
    assert (later.new, later.unreadable) == (0, 1)
    assert states(database) == {"ICBC": "accepted"}
    assert rows(database, "select count(*) from set_aside where problem like 'E03%'") == [(2,)]


def test_texts_that_the_database_cannot_hold_do_not_stop_a_page(database: sa.Engine) -> None:
    push(database, intended=["ICBC"])
    strange = report(1, "obstructed", obstruction_id="a\0b", use_of_funds="\ud800", remark="\0 ok")
    assert collect(database, Feed([strange])).new == 1
    assert rows(database, "select open_obstructions -> 0 ->> 'obstruction_id' from matching_case") == [
        (f"{NEED}/ICBC",)
    ]
    document, sealed = rows(database, "select document, sealed from feedback_event")[0]
    kept = json.loads(document) | json.loads(CIPHER.decrypt(sealed, FEEDBACK_EVENT.place(strange["event_id"])))
    assert {name: value for name, value in kept.items() if name != "sealed"} == strange


def test_a_remark_is_sealed_and_another_one_under_the_same_id_is_noticed(
    database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    push(database, intended=["ICBC"])
    canary = "联系人王小丽 13900001234"
    first = report(1, "contacted", remark=canary)
    summary = collect(database, Feed([first, first, first | {"remark": "改口"}]))
    assert (summary.new, summary.repeated, summary.unreadable) == (1, 1, 1)
    stored = [
        rows(database, f"select row_to_json(stored)::text from {table} stored") for table in tables.metadata.tables
    ]
    assert "13900001234" not in repr(stored) + caplog.text
    (sealed,) = rows(database, "select sealed from feedback_event")[0]
    assert json.loads(CIPHER.decrypt(sealed, FEEDBACK_EVENT.place(first["event_id"]))) == {"remark": canary}


# --- Failures --------------------------------------------------------------------------------------------------------


class FeedThatBreaks(Feed):
    """Answers once, then is away."""

    def feedback(self, after: str | None, limit: int) -> Page:
        if self.asked:
            raise PlatformUnavailable("信贷市场服务平台没有应答。", "请稍后重试。")
        return super().feedback(after, limit)


def test_pages_read_before_an_outage_stay_read(database: sa.Engine) -> None:
    push(database)
    with pytest.raises(PlatformUnavailable):
        collect(database, FeedThatBreaks(WHOLE_WAY, size=4))
    assert states(database)["ICBC"] == "contacted"
    feed = Feed(WHOLE_WAY, size=4)
    assert collect(database, feed).new == len(WHOLE_WAY) - 4
    assert feed.asked[:2] == [None, "4"], "the page that was read is read again, as the last one"


class FeedWithUnstorableCursor(Feed):
    def feedback(self, after: str | None, limit: int) -> Page:
        return Page(self.events, "nul\0", False)


def test_events_whose_cursor_cannot_be_stored_leave_nothing_behind(database: sa.Engine) -> None:
    push(database)
    opened(database)
    before = derived(database)
    with pytest.raises(sa.exc.DBAPIError):
        collect(database, FeedWithUnstorableCursor(WHOLE_WAY))
    assert rows(database, "select count(*) from feedback_event") == [(0,)]
    assert derived(database) == before


class FeedThatStands(Feed):
    def feedback(self, after: str | None, limit: int) -> Page:
        return Page([], "0", True)


def test_a_feed_that_does_not_move_is_reported_and_not_read_for_ever(database: sa.Engine) -> None:
    with pytest.raises(PlatformUnavailable, match="游标"):
        collect(database, FeedThatStands([]))


def test_two_runs_at_once_take_each_event_once(database: sa.Engine) -> None:
    push(database)
    opened(database)
    together = threading.Barrier(2, timeout=30)

    class SharedFeed(Feed):
        def feedback(self, after: str | None, limit: int) -> Page:
            page = super().feedback(after, limit)
            if after is None:
                together.wait()
            return page

    feed = SharedFeed(WHOLE_WAY, size=2)
    summaries: list[FeedbackSummary] = []
    runs = [threading.Thread(target=lambda: summaries.append(collect(database, feed))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert sum(summary.new for summary in summaries) == len(WHOLE_WAY)
    assert sum(summary.repeated for summary in summaries) == 2, "the last page, read again by the run that came second"
    assert rows(database, "select cursor from feedback_cursor") == [("14",)]
    assert states(database) == {"ICBC": "drawn", "ABC": "contacted", "CMB": "contacted"}
    contents = [{**body, "as_of": None} for body in told(database)]
    assert all(one != next_ for one, next_ in pairwise(contents)), "nothing is told twice"

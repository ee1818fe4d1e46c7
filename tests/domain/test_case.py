from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from include.domain.case import EVENT_TYPES, Case, FeedbackEvent, Folding, OpenObstruction, Pause, fold, in_order
from include.domain.standing import dump_fold, load_fold
from include.reference import case_transitions, enum_labels

SHANGHAI = ZoneInfo("Asia/Shanghai")
PUSHED = date(2026, 10, 8)
START = datetime(2026, 10, 8, 9, tzinfo=SHANGHAI)


def event(
    sequence: int, type_: str, *, days: int | None = None, amount: str | None = None, **more: object
) -> FeedbackEvent:
    """The `sequence`-th event, by default on the `sequence`-th day after the push."""
    return FeedbackEvent(
        event_id=str(more.pop("event_id", f"e{sequence}")),
        need_id="FN000000000001",
        revision=1,
        institution_code="ICBC",
        type=type_,
        occurred_at=START + timedelta(days=sequence if days is None else days),
        sequence=sequence,
        amount=None if amount is None else Decimal(amount),
        **more,  # type: ignore[arg-type]
    )


def folded(*events: FeedbackEvent, opened_at: datetime | None = START) -> Case:
    return fold(opened_at, events, transitions=case_transitions(), reopen_max=1)


def anomalies(case: Case) -> list[tuple[str, str]]:
    return [(anomaly.event_id, anomaly.reason) for anomaly in case.anomalies]


events = st.lists(
    st.builds(
        FeedbackEvent,
        event_id=st.sampled_from([f"e{number}" for number in range(14)]),
        need_id=st.just("FN000000000001"),
        revision=st.just(1),
        institution_code=st.just("ICBC"),
        type=st.sampled_from(sorted(EVENT_TYPES)),
        occurred_at=st.integers(0, 40).map(lambda days: START + timedelta(days=days)),
        sequence=st.integers(1, 9),
        amount=st.none() | st.integers(1, 900).map(Decimal),
        reason_code=st.sampled_from([None, "R04"]),
        obstruction_id=st.sampled_from([None, "OB1", "OB2"]),
    ),
    max_size=14,
    unique_by=lambda each: each.event_id,
)


@settings(max_examples=300)
@given(events, st.data())
def test_repeated_and_shuffled_events_give_the_same_case(timely: list[FeedbackEvent], data: st.DataObject) -> None:
    repeated = [each for each in timely for _ in range(data.draw(st.integers(1, 5)))]
    assert folded(*data.draw(st.permutations(repeated))) == folded(*timely)


@given(events, st.integers(0, 14))
def test_a_late_event_gives_the_state_of_a_timely_one(timely: list[FeedbackEvent], at: int) -> None:
    late = timely[:at] + timely[at + 1 :] + timely[at : at + 1]
    assert folded(*late) == folded(*timely)


@given(events)
def test_obstructions_never_change_the_way_or_the_money(mixed: list[FeedbackEvent]) -> None:
    without = [each for each in mixed if not each.type.startswith("obstruct")]
    case, plain = folded(*mixed), folded(*without)
    assert (case.state, case.entered, case.furthest_state) == (plain.state, plain.entered, plain.furthest_state)
    assert (case.approved, case.contracted, case.drawn) == (plain.approved, plain.contracted, plain.drawn)


def test_every_type_of_the_contract_is_understood() -> None:
    assert enum_labels("feedback.type").keys() == EVENT_TYPES
    assert {state for pair in case_transitions() for state in pair} - {"pushed"} <= EVENT_TYPES


def test_a_case_goes_its_whole_way() -> None:
    case = folded(
        event(1, "received"),
        event(2, "contacted"),
        event(3, "visited"),
        event(4, "accepted"),
        event(5, "credit_approved", amount="500"),
        event(6, "contracted", amount="450.50"),
        event(7, "drawn", amount="100"),
        event(8, "drawn", amount="50.25"),
        event(9, "post_loan"),
    )
    assert (case.state, case.state_since, case.furthest_state) == ("post_loan", date(2026, 10, 17), "post_loan")
    assert (case.approved, case.contracted, case.drawn) == (Decimal(500), Decimal("450.50"), Decimal("150.25"))
    assert case.entered["pushed"] == PUSHED
    assert case.entered["drawn"] == date(2026, 10, 15), "the first draw counts"
    assert case.anomalies == ()
    assert case.answered


def test_a_pushed_case_without_events_waits_unanswered() -> None:
    case = folded()
    assert (case.state, case.opened_on, case.answered, case.last_event_at) == ("pushed", PUSHED, False, None)


def test_an_institution_that_was_not_asked_opens_its_case_with_its_first_event() -> None:
    case = folded(event(2, "contacted", days=4), event(3, "visited", days=6), opened_at=None)
    assert case.opened_on == date(2026, 10, 12)
    assert "pushed" not in case.entered
    with pytest.raises(ValueError):
        folded(opened_at=None)


def test_the_day_of_an_event_is_the_one_in_shanghai() -> None:
    utc = replace(event(1, "received"), occurred_at=datetime(2026, 10, 9, 16, 30, tzinfo=ZoneInfo("UTC")))
    assert folded(utc).state_since == date(2026, 10, 10)


def test_sequence_orders_before_time_and_time_before_the_id() -> None:
    sequenced = folded(event(2, "contacted", days=0), event(1, "received", days=5))
    assert (sequenced.state, sequenced.anomalies) == ("contacted", ())
    same = [event(1, "declined", event_id="a", days=2), event(1, "contacted", event_id="b", days=1)]
    assert folded(*same).state == "declined"
    tied = [event(1, "declined", event_id="b", days=1), event(1, "contacted", event_id="a", days=1)]
    assert folded(*tied).state == "declined"


def test_of_two_contents_under_one_id_the_first_stored_counts() -> None:
    first, second = event(1, "accepted"), replace(event(1, "declined"), reason_code="R02")
    assert folded(first, second).state == "accepted"


def test_an_event_that_goes_back_is_an_anomaly_and_counts_as_activity_only() -> None:
    case = folded(event(1, "accepted"), event(2, "received"))
    assert (case.state, case.state_since, anomalies(case)) == ("accepted", date(2026, 10, 9), [("e2", "E08")])
    assert case.last_event_at == START + timedelta(days=2)


def test_nothing_follows_a_closed_case() -> None:
    case = folded(event(1, "closed", reason_code="R14"), event(2, "contacted"), event(3, "obstructed"))
    assert (case.state, anomalies(case)) == ("closed", [("e2", "E08"), ("e3", "E08")])
    assert case.open_obstructions == ()


@pytest.mark.parametrize(("before", "reason"), [("credit_approved", "G03c"), ("accepted", "G03c"), ("closed", "E08")])
def test_a_draw_before_the_contract_is_not_counted(before: str, reason: str) -> None:
    case = folded(event(1, before, amount="500"), event(2, "drawn", amount="100"))
    assert (case.state, case.drawn, anomalies(case)) == (before, Decimal(0), [("e2", reason)])


def test_a_draw_counts_once_its_late_contract_arrives() -> None:
    late = [event(1, "credit_approved", amount="500"), event(3, "drawn", amount="100"), event(2, "contracted")]
    assert (folded(*late).state, folded(*late).drawn) == ("drawn", Decimal(100))


def test_the_latest_approval_replaces_and_an_absent_amount_changes_nothing() -> None:
    case = folded(
        event(1, "credit_approved", amount="500"),
        event(2, "credit_approved", amount="300"),
        event(3, "credit_approved"),
    )
    assert case.approved == Decimal(300)
    assert case.entered["credit_approved"] == date(2026, 10, 9)


def test_approval_and_contract_are_void_once_closed_without_a_draw() -> None:
    before = [event(1, "credit_approved", amount="500"), event(2, "contracted", amount="400")]
    closed = folded(*before, event(4, "closed", reason_code="R14"))
    assert (closed.approved, closed.contracted, closed.furthest_state) == (Decimal(0), Decimal(0), "contracted")
    repaid = folded(*before, event(3, "drawn", amount="100"), event(4, "closed", reason_code="R99"))
    assert (repaid.approved, repaid.contracted, repaid.drawn) == (Decimal(500), Decimal(400), Decimal(100))


def test_a_declined_case_reopens_once() -> None:
    case = folded(
        event(1, "visited"),
        event(2, "declined", reason_code="R05"),
        event(3, "contacted"),
        event(4, "declined"),
        event(5, "contacted"),
    )
    assert (case.state, case.reopened, anomalies(case)) == ("declined", 1, [("e5", "E08")])
    assert case.entered == {"contacted": date(2026, 10, 11), "declined": date(2026, 10, 12)}
    assert case.furthest_state == "visited"
    assert case.reason_code == "R99", "a refusal without a reason counts as R99"


def test_a_declined_case_reopens_to_contacted_only() -> None:
    case = folded(event(1, "declined", reason_code="R05"), event(2, "accepted"))
    assert (case.state, case.reopened, anomalies(case)) == ("declined", 0, [("e2", "E08")])


def test_an_obstruction_stands_until_it_is_cleared() -> None:
    opened = event(1, "obstructed", obstruction_id="OB1", reason_code="R06")
    other = event(2, "obstructed")
    assert folded(opened, other).open_obstructions == (
        OpenObstruction("OB1", date(2026, 10, 9), "R06"),
        OpenObstruction("FN000000000001/ICBC", date(2026, 10, 10), "R99"),
    )
    cleared = folded(opened, other, event(5, "obstruction_cleared", obstruction_id="OB1"))
    assert cleared.paused
    assert cleared.pauses == (Pause(date(2026, 10, 9), date(2026, 10, 13)), Pause(date(2026, 10, 10), None))
    free = folded(opened, other, event(5, "obstruction_cleared", obstruction_id="OB1"), event(6, "obstruction_cleared"))
    assert not free.paused
    assert free.state == "pushed"


def test_an_obstruction_may_come_back_under_its_own_id() -> None:
    case = folded(
        event(1, "obstructed", obstruction_id="OB1"),
        event(2, "obstruction_cleared", obstruction_id="OB1"),
        event(4, "obstructed", obstruction_id="OB1"),
    )
    assert [pause.obstructed_on for pause in case.pauses] == [date(2026, 10, 9), date(2026, 10, 12)]
    assert [open_.opened_on for open_ in case.open_obstructions] == [date(2026, 10, 12)]


@given(reported=events, opened_at=st.sampled_from([START, None]), cuts=st.lists(st.integers(0, 14)))
@settings(max_examples=300, deadline=None)
def test_a_fold_that_is_put_down_and_taken_up_ends_as_one_that_is_not(
    reported: list[FeedbackEvent], opened_at: datetime | None, cuts: list[int]
) -> None:
    rules = {"transitions": case_transitions(), "reopen_max": 1}
    folding, whole = Folding.opened(opened_at, **rules), Folding.opened(opened_at, **rules)
    for at, one in enumerate(in_order(reported)):
        if at in cuts:
            folding = load_fold(dump_fold(folding), **rules)
        assert folding.follows(one)
        assert folding.take(one) == whole.take(one)
        assert not folding.follows(one)
    assert dump_fold(folding) == dump_fold(whole)
    if opened_at is not None or reported:
        assert folding.case() == whole.case() == fold(opened_at, reported, **rules)

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.case import FeedbackEvent
from include.domain.feedback import UnreadableEvent, counted_at, read_event

EVENT: dict[str, Any] = {
    "event_id": "EV1",
    "need_id": "FN000000000001",
    "revision": 1,
    "institution_code": "ICBC",
    "type": "credit_approved",
    "occurred_at": "2026-10-09T02:00:00Z",
    "sequence": 3,
    "amount": "1234.50",
    "rate": 3.15,
    "term_months": 36,
    "green_label": True,
    "catalogue_code": "1.1.17",
    "use_of_funds": "采购节能设备",
    "reason_code": None,
    "obstruction_id": None,
    "remark": "电话 13800001234",
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def test_an_event_is_read_without_its_remark() -> None:
    event = read_event(EVENT)
    assert event.occurred_at == datetime.fromisoformat("2026-10-09T10:00+08:00")
    assert (event.amount, event.rate, event.term_months) == (Decimal("1234.50"), Decimal("3.1500"), 36)
    assert (event.green_label, event.catalogue_code, event.sequence) == (True, "1.1.17", 3)
    assert "13800001234" not in repr(event)


def test_a_whole_number_counts_however_it_is_written() -> None:
    event = read_event(EVENT | {"revision": 2.0, "sequence": Decimal("1.0"), "term_months": Decimal("6E+1")})
    assert (event.revision, event.sequence, event.term_months) == (2, 1, 60)
    assert read_event(EVENT | {"term_months": Decimal("60.5"), "rate": Decimal("3.15")}).term_months is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", ""),
        ("event_id", 7),
        ("event_id", "x" * 201),
        ("need_id", None),
        ("institution_code", ["ICBC"]),
        ("type", "a\0b"),
        ("type", "\udc00"),
        ("revision", 0),
        ("revision", True),
        ("revision", 1.5),
        ("sequence", Decimal("60.5")),
        ("revision", 2**31),
        ("sequence", "3"),
        ("sequence", 2**63),
        ("occurred_at", "2026-10-09"),
        ("occurred_at", "2026-10-09T02:00:00"),
        ("occurred_at", "2026-13-09T02:00:00Z"),
        ("occurred_at", "2026-W41-5T02:00:00Z"),
        ("occurred_at", "9999-12-31T23:59:59-12:00"),
        ("occurred_at", 1791511200),
        ("occurred_at", "0001-01-01T00:00:00+08:00"),
        ("occurred_at", "2026-10-09T02:00:00." + "0" * 21 + "Z"),
    ],
)
def test_a_required_field_that_is_unusable_makes_it_unreadable(field: str, value: object) -> None:
    with pytest.raises(UnreadableEvent, match=field):
        read_event({**EVENT, field: value})
    with pytest.raises(UnreadableEvent, match=field):
        read_event({name: value for name, value in EVENT.items() if name != field})


@pytest.mark.parametrize(
    ("occurred_at", "year"),
    [("1970-01-01T00:00:00Z", 1970), ("2001-01-01T00:00:00+08:00", 2001), ("2999-01-01T00:00:00Z", 2999)],
)
def test_an_implausible_moment_is_read_and_left_to_e09(occurred_at: str, year: int) -> None:
    assert read_event({**EVENT, "occurred_at": occurred_at}).occurred_at.year == year


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("reapply_from", "2027-01-04", date(2027, 1, 4)),
        ("reapply_from", "2027-02-30", None),
        ("reapply_from", "20270104", None),
        ("reapply_from", "2027-W01-1", None),
        ("reapply_from", "2027-01-04T00:00:00Z", None),
        ("reapply_from", "２027-01-04", None),
        ("reapply_from", 20270104, None),
        ("institution_ref", "DK-2026-001", "DK-2026-001"),
        ("institution_ref", "甲" * 64, "甲" * 64),
        ("institution_ref", "甲" * 65, None),
        ("institution_ref", "a\0b", None),
        ("institution_ref", "", None),
        ("institution_ref", 7, None),
    ],
)
def test_the_optional_fields_of_the_contract_are_read_or_count_as_absent(
    field: str, value: object, read: object
) -> None:
    assert getattr(read_event({**EVENT, field: value}), field) == read


PUSH = datetime.fromisoformat("2026-10-08T09:00+08:00")
RECEIVED = datetime.fromisoformat("2026-10-20T08:00+08:00")


@pytest.mark.parametrize(
    ("occurred_at", "first_push", "counted"),
    [
        ("2026-10-08T09:00+08:00", PUSH, None),
        ("2026-10-20T08:05+08:00", PUSH, None),
        ("2026-10-20T08:05:01+08:00", PUSH, RECEIVED),
        ("2026-10-08T08:59:59+08:00", PUSH, RECEIVED),
        ("2001-01-01T00:00+08:00", PUSH, RECEIVED),
        ("2001-01-01T00:00+08:00", None, None),
        ("2027-01-01T00:00+08:00", None, RECEIVED),
        ("2026-10-19T08:00+08:00", RECEIVED + timedelta(days=1), RECEIVED + timedelta(days=1)),
    ],
)
def test_an_event_of_an_implausible_moment_counts_as_received_but_never_before_the_push(
    occurred_at: str, first_push: datetime | None, counted: datetime | None
) -> None:
    assert counted_at(datetime.fromisoformat(occurred_at), RECEIVED, first_push, timedelta(seconds=300)) == counted


@pytest.mark.parametrize(
    "amount", [None, 100, 100.5, "", "0", "0.00", "-1", "1,000", "1.234", "12345678901", "１００", "1\n"]
)
def test_an_amount_that_is_unusable_counts_as_absent(amount: object) -> None:
    assert read_event({**EVENT, "amount": amount}).amount is None


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), anything), anything)
@settings(max_examples=300)
def test_whatever_comes_is_read_or_refused_and_never_breaks_the_reader(change: dict[str, Any], other: object) -> None:
    for item in ({**EVENT, **change}, other):
        try:
            event = read_event(item)
        except UnreadableEvent as error:
            assert error.field in {*EVENT, "event"}
        else:
            assert isinstance(event, FeedbackEvent)
            assert event.rate is None or abs(event.rate) < 10_000
            assert event.amount is None or event.amount > 0

"""Waits that a receiver states lie within the policy's bounds, whatever is stated."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from include.platforms.waits import retry_after, server_time, stated_wait
from include.reference import policy

SHORTEST = float(policy().integer("receiver_wait_min_seconds"))
LONGEST = policy().integer("receiver_wait_max_minutes") * 60.0
NOW = "Mon, 30 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("7.5", 7.5),
        ("+30", 30.0),
        ("30 s", 30.0),
        ("0", SHORTEST),
        ("0.0", SHORTEST),
        ("-5", SHORTEST),
        ("1000000000000000", LONGEST),
        ("9" * 400, LONGEST),
        ("86400", LONGEST),
        ("90000ms", 90.0),
        ("90000 MS", 90.0),
        ("300000", 300.0),
        ("Mon, 30 Nov 2026 08:00:30 GMT", 30.0),
        ("Monday, 30-Nov-26 08:00:30 GMT", 30.0),
        ("2026-11-30T16:00:30+08:00", 30.0),
        ("Mon, 30 Nov 2026 07:00:00 GMT", SHORTEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST),
        ("Sat, 01 Jan 0001 00:00:00 +2359", SHORTEST),
        ("Mon, 30 Nov 99999999999999999999 08:00:00 GMT", None),
        ("Mon, 30 Nov 2026 08:00:00 +99999999999999999999", None),
        ("soon", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("９", None),
        ("9" * 5000, None),
        ("", None),
        ("\x00", None),
    ],
)
def test_retry_after_is_within_the_policys_bounds(stated: str, expected: float | None) -> None:
    assert retry_after(CaseInsensitiveDict({"retry-after": stated, "Date": NOW})) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (60, 60.0),
        (Decimal("60.0"), 60.0),
        (Decimal("6E+1"), 60.0),
        (0, SHORTEST),
        (-1, SHORTEST),
        (10**15, LONGEST),
        (10**199, LONGEST),
        (Decimal("1E+999"), LONGEST),
        (Decimal("1E-999"), SHORTEST),
        (Decimal("-1E+999"), SHORTEST),
        (600_000, 600.0),
        (float("nan"), None),
        (float("inf"), None),
        ("60", 60.0),
        ("later", None),
        (None, None),
        (True, None),
        ([60], None),
        ({}, None),
    ],
)
def test_so_is_what_a_result_states(stated: Any, expected: float | None) -> None:
    assert stated_wait(stated) == expected


def test_nothing_stated_is_no_wait() -> None:
    assert retry_after({}) is None


@pytest.mark.parametrize(
    "text", ["", "soon", "Mon, 30 Nov 99999999999999999999 08:00:00 GMT", "Mon, 32 Nov 2026 08:00:00 GMT"]
)
def test_a_clock_that_cannot_be_read_is_none(text: str) -> None:
    assert server_time({"Date": text}) is None
    assert server_time({"Date": NOW}) == datetime(2026, 11, 30, 8, tzinfo=UTC)

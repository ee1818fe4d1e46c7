"""The working hours of a working day, by the policy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.base.business_time import SHANGHAI
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day, within_working_hours


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-09-29T08:29:59", False),
        ("2026-09-29T08:30:00", True),
        ("2026-09-29T12:00:00", True),
        ("2026-09-29T18:00:00", True),
        ("2026-09-29T18:00:01", False),
        ("2026-10-01T10:00:00", False),
        ("2026-10-10T10:00:00", True),
        ("2026-10-11T10:00:00", False),
    ],
    ids=lambda value: str(value),
)
def test_working_hours_lie_on_working_days_make_up_days_included(moment: str, within: bool) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI)
    assert within_working_hours(now, Day.in_force(now)) is within
    assert within_working_hours(now.astimezone(UTC), Day.in_force(now)) is within


@pytest.mark.parametrize(("moment", "within"), [("23:59:59", True), ("00:00:00", True)])
def test_working_hours_may_be_the_whole_day(moment: str, within: bool) -> None:
    always = Policy({**policy().values, "working_hours_start": "00:00", "working_hours_end": "24:00"})
    now = datetime.fromisoformat(f"2026-09-29T{moment}").replace(tzinfo=SHANGHAI)
    assert within_working_hours(now, Day(now, china_calendar(), always)) is within

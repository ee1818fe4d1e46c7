"""A scheduled DAG that goes on failing is told once a day; a run by hand always."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from green_finance.failure_mails import _told_today

SHANGHAI = ZoneInfo("Asia/Shanghai")
UTC = ZoneInfo("UTC")
NOW = datetime(2026, 10, 20, 9, 0, tzinfo=SHANGHAI)


@dataclass
class Run:
    """A run as Airflow's context and its supervisor show it."""

    state: str
    logical_date: datetime | None
    run_type: str = "scheduled"


def told(before: Run | None, *, run_type: str = "scheduled") -> bool:
    context: dict[str, Any] = {
        "dag_run": Run("failed", NOW, run_type),
        "ti": SimpleNamespace(get_previous_dagrun=lambda: before),
    }
    return _told_today(context)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, False),
        (Run("success", NOW.replace(hour=8)), False),
        (Run("failed", NOW.replace(hour=8)), True),
        (Run("failed", NOW.replace(hour=0, minute=5).astimezone(UTC)), True),
        (Run("failed", NOW.replace(day=19, hour=23)), False),
    ],
)
def test_a_scheduled_dag_that_goes_on_failing_is_told_once_a_day(before: Run | None, expected: bool) -> None:
    assert told(before) is expected


def test_a_run_by_hand_is_always_told() -> None:
    assert not told(Run("failed", NOW.replace(hour=8)), run_type="manual")

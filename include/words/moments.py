"""Days and moments for readers, in Shanghai's time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from include.base.business_time import SHANGHAI, in_shanghai

_WEEKDAYS = "一二三四五六日"
UNITS: Mapping[str, str] = {"working_days": "个工作日", "calendar_days": "个自然日", "calendar_quarters": "个季度"}
"""Units of limits (case_limits.csv)."""


def moment(at: datetime | None) -> str:
    """To the minute, e.g. 2026-10-09 09:30; — for None."""
    return in_shanghai(at).strftime("%Y-%m-%d %H:%M") if at else "—"


def time_of_day(at: datetime) -> str:
    """E.g. 09:30."""
    return at.astimezone(SHANGHAI).strftime("%H:%M")


def day_and_time(at: datetime) -> str:
    """To the minute without the year, where the year is plain, e.g. 10-09 09:30."""
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")


def long_day(day: date) -> str:
    """As letters and published pages write it, e.g. 2026年10月9日."""
    return f"{day.year}年{day.month}月{day.day}日"


def day_label(day: date, provisional: bool = False) -> str:
    """A local date in a mail, with its year: mails are filed and read again, e.g. 2026年10月12日（周一）."""
    mark = "，暂定" if provisional else ""
    return f"{long_day(day)}（周{_WEEKDAYS[day.weekday()]}{mark}）"


def table_day(day: date, provisional: bool = False) -> str:
    """A local date in a column, e.g. 2026-10-12, or 2027-01-04（暂定）."""
    return f"{day.isoformat()}{'（暂定）' if provisional else ''}"

"""The clocks of cases, stored with their due days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from include.domain.calendar import SHANGHAI
from include.domain.case import Case
from include.domain.clocks import clocks
from include.reference import case_limits, policy
from include.reference.calendar import china_calendar
from include.store import tables
from include.store.database import copy_rows

Pair = tuple[str, str]
"""need_id and institution_code."""

_CLOCK_COLUMNS = tuple(column.name for column in tables.case_clock.columns)


def store_clocks(connection: sa.Connection, cases: Mapping[Pair, Case], now: datetime) -> None:
    """Store every clock of these cases in place of what was stored of them; belongs to the caller's transaction."""
    calendar, limits = china_calendar(), case_limits()
    today = now.astimezone(SHANGHAI).date()
    roll_forward = policy().flag("calendar_days_roll_forward")
    connection.execute(
        _DROP_CLOCKS, {"need_ids": [need_id for need_id, _ in cases], "codes": [code for _, code in cases]}
    )
    copy_rows(
        connection,
        "case_clock",
        _CLOCK_COLUMNS,
        (
            (
                *pair,
                clock.from_type,
                clock.to_type,
                clock.day0,
                clock.due.day,
                clock.due.provisional,
                clock.stopped_on,
                clock.paused,
            )
            for pair, case in cases.items()
            for clock in clocks(case, limits, calendar, today, roll_forward=roll_forward)
        ),
    )


_DROP_CLOCKS = sa.text(
    """
    delete from case_clock clock
    using unnest(cast(:need_ids as text[]), cast(:codes as text[])) folded (need_id, institution_code)
    where clock.need_id = folded.need_id and clock.institution_code = folded.institution_code
    """
)

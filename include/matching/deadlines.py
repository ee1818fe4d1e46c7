"""The clocks of cases, stored with their due days and with what these were counted from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import SHANGHAI, DueDate, WorkingCalendar
from include.domain.case import Case
from include.domain.clocks import NO_EXTENSIONS, Clock, Started, clocks
from include.domain.policy_snapshot import PolicySnapshot
from include.reference import case_limits, limit_overrides, policy
from include.reference.calendar import china_calendar
from include.store.database import copy_rows

Pair = tuple[str, str]
"""need_id and institution_code."""

_CLOCK_COLUMNS = (
    "need_id",
    "institution_code",
    "from_type",
    "to_type",
    "day0",
    "number",
    "unit",
    "stood_still",
    "extended",
    "due_on",
    "provisional",
    "stopped_on",
    "paused",
)


def store_clocks(connection: sa.Connection, cases: Mapping[Pair, Case], now: datetime) -> None:
    """Store every clock of these cases in place of what was stored of them, and write down each due day that moved.

    A case is counted by the policy under which it opened. Belongs to the caller's transaction.
    """
    calendar = china_calendar()
    today = now.astimezone(SHANGHAI).date()
    pinned = _pin(connection, cases.keys(), now)
    extensions = _extensions(connection, cases.keys())
    connection.execute(_COUNTED)
    copy_rows(
        connection,
        "counted_clock",
        _CLOCK_COLUMNS,
        (
            _row(pair, clock)
            for pair, case in cases.items()
            for clock in _clocks(pair, case, pinned[pair], extensions.get(pair, NO_EXTENSIONS), calendar, today)
        ),
    )
    connection.execute(_NOTE_CHANGES, {"now": now})
    connection.execute(_DROP_CLOCKS, _keys(cases.keys()))
    connection.execute(_STORE)
    connection.execute(sa.text("drop table counted_clock"))


def stored_clock(row: sa.Row[Any]) -> Clock:
    """A row of case_clock as the clock that it came from, ready to be explained; how overdue it is, is left at 0."""
    return Clock(
        from_type=row.from_type,
        to_type=row.to_type,
        day0=row.day0,
        limit=row.number,
        unit=row.unit,
        stood_still=tuple((date.fromisoformat(start), date.fromisoformat(end)) for start, end in row.stood_still),
        extended=row.extended,
        due=DueDate(row.due_on, row.provisional),
        stopped_on=row.stopped_on,
        paused=row.paused,
        overdue_working_days=0,
    )


def _clocks(
    pair: Pair,
    case: Case,
    snapshot: PolicySnapshot,
    extensions: Mapping[Started, int],
    calendar: WorkingCalendar,
    today: date,
) -> tuple[Clock, ...]:
    return clocks(
        case,
        snapshot.limits_of(pair[1]),
        calendar,
        today,
        roll_forward=snapshot.policy.flag("calendar_days_roll_forward"),
        extensions=extensions,
    )


def _row(pair: Pair, clock: Clock) -> tuple[Any, ...]:
    """In the order of _CLOCK_COLUMNS."""
    stood_still = clock.stood_still
    return (
        *pair,
        clock.from_type,
        clock.to_type,
        clock.day0,
        clock.limit,
        clock.unit,
        json.dumps([[str(start), str(end)] for start, end in stood_still]) if stood_still else "[]",
        clock.extended,
        clock.due.day,
        clock.due.provisional,
        clock.stopped_on,
        clock.paused,
    )


def _pin(connection: sa.Connection, pairs: Collection[Pair], now: datetime) -> dict[Pair, PolicySnapshot]:
    """By which policy each case is counted; one that was never counted before is pinned to the policy in force."""
    snapshot = PolicySnapshot.of(case_limits(), limit_overrides(), policy())
    in_force = {"sha256": snapshot.sha256(), "content": snapshot.content(), "now": now}
    connection.execute(_KEEP_SNAPSHOT, in_force)
    connection.execute(_PIN, {**_keys(pairs), **in_force})
    return {
        (row.need_id, row.institution_code): _read(row.content) for row in connection.execute(_PINNED, _keys(pairs))
    }


@cache
def _read(content: str) -> PolicySnapshot:
    return PolicySnapshot.read(content)


def _extensions(connection: sa.Connection, pairs: Collection[Pair]) -> dict[Pair, dict[Started, int]]:
    """Working days granted to clocks of these cases."""
    granted: defaultdict[Pair, dict[Started, int]] = defaultdict(dict)
    for row in connection.execute(_GRANTED, _keys(pairs)):
        granted[row.need_id, row.institution_code][row.from_type, row.to_type, row.day0] = row.working_days
    return granted


def _keys(pairs: Collection[Pair]) -> dict[str, list[str]]:
    return {"need_ids": [need_id for need_id, _ in pairs], "codes": [code for _, code in pairs]}


_CASES = "unnest(cast(:need_ids as text[]), cast(:codes as text[])) folded (need_id, institution_code)"

_KEEP_SNAPSHOT = sa.text(
    """
    insert into policy_snapshot (policy_sha256, content, first_used_at) values (:sha256, :content, :now)
    on conflict do nothing
    """
)

_PIN = sa.text(
    f"""
    insert into case_policy (need_id, institution_code, policy_sha256, pinned_at)
    select need_id, institution_code, :sha256, :now from {_CASES}
    on conflict do nothing
    """
)

_PINNED = sa.text(
    f"""
    select need_id, institution_code, content
    from case_policy join {_CASES} using (need_id, institution_code) join policy_snapshot using (policy_sha256)
    """
)

_GRANTED = sa.text(
    f"""
    select need_id, institution_code, from_type, to_type, day0, sum(working_days)::int as working_days
    from deadline_extension join {_CASES} using (need_id, institution_code)
    join deadline_extension_decision decision using (extension_id)
    where decision.approved
    group by need_id, institution_code, from_type, to_type, day0
    """
)

_COUNTED = sa.text("create temporary table counted_clock (like case_clock) on commit drop")

_NOTE_CHANGES = sa.text(
    """
    insert into due_date_change (need_id, institution_code, from_type, to_type, day0, was, was_provisional, became, provisional, at)
    select need_id, institution_code, from_type, to_type, day0, stored.due_on, stored.provisional, counted.due_on,
           counted.provisional, :now
    from counted_clock counted join case_clock stored using (need_id, institution_code, from_type, to_type, day0)
    where (counted.due_on, counted.provisional) <> (stored.due_on, stored.provisional)
    order by need_id, institution_code, day0, from_type, to_type
    """
)

_DROP_CLOCKS = sa.text(
    f"""
    delete from case_clock clock using {_CASES}
    where clock.need_id = folded.need_id and clock.institution_code = folded.institution_code
    """
)

_STORE = sa.text(
    f"insert into case_clock ({', '.join(_CLOCK_COLUMNS)}) select {', '.join(_CLOCK_COLUMNS)} from counted_clock"
)

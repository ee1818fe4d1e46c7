"""The clocks of cases, stored with their due days and with everything these were counted from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import DueDate
from include.domain.case import Case
from include.domain.clocks import FROM_THE_START, NO_EXTENSIONS, AfterHours, Clock, Started, clocks, unmoved
from include.domain.policy_snapshot import PolicySnapshot
from include.reference import CaseLimit
from include.reference.day import Day
from include.store.database import array_of, copy_rows, fetch_rows
from include.store.tables import due_date_change

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
    "pauses",
    "extended",
    "due_on",
    "provisional",
    "stopped_on",
    "paused",
    "began_at",
    "office_hours_end",
)
_KEYS = _CLOCK_COLUMNS[:5]


def store_clocks(
    connection: sa.Connection, cases: Mapping[Pair, Case], day: Day, *, before: Mapping[Pair, Case]
) -> None:
    """Store the clocks of these cases that differ from the stored ones, and record each due day that moved.

    A case is counted by the policy under which it opened. `before`: for some cases, the case that the stored clocks
    belong to; for the others the stored clocks are read. Part of the caller's transaction.
    """
    counting = _Counting(connection, cases.keys(), day)
    stored = _stored_clocks(connection, [pair for pair in cases if pair not in before])
    changed: list[tuple[Any, ...]] = []
    moved: list[dict[str, Any]] = []
    gone: list[tuple[Any, ...]] = []
    for pair, case in cases.items():
        after, was = FROM_THE_START, stored[pair]
        if pair in before:
            after = unmoved(before[pair], case)
            was = {clock.started: clock for clock in counting.clocks(pair, before[pair], after)}
        for clock in counting.clocks(pair, case, after):
            earlier = was.pop(clock.started, None)
            if clock != earlier:
                changed.append(_row(pair, clock))
            if earlier is not None and earlier.due != clock.due:
                moved.append(_move(pair, earlier, clock, day))
        gone += [(*pair, *started) for started in was]
    _store(connection, changed)
    if gone:
        connection.execute(_DROP, dict(zip(_KEYS, map(list, zip(*gone, strict=True)), strict=True)))
    if moved:
        connection.execute(due_date_change.insert(), moved)


def stored_clock(row: sa.Row[Any]) -> Clock:
    """The clock in a row of case_clock, ready to be explained."""
    return Clock(
        from_type=row.from_type,
        to_type=row.to_type,
        day0=row.day0,
        limit=row.number,
        unit=row.unit,
        pauses=tuple((date.fromisoformat(start), date.fromisoformat(end)) for start, end in row.pauses),
        extended=row.extended,
        due=DueDate(row.due_on, row.provisional),
        stopped_on=row.stopped_on,
        paused=row.paused,
        after_hours=None if row.office_hours_end is None else AfterHours(row.began_at, row.office_hours_end),
    )


class _Counting:
    """How the clocks of some cases are counted: the policy pinned to each, granted extensions, the calendar."""

    def __init__(self, connection: sa.Connection, pairs: Collection[Pair], day: Day) -> None:
        self._calendar = day.calendar
        self._pinned = _pinned(connection, pairs, day)
        self._extensions = _extensions(connection, {need_id for need_id, _ in pairs})
        self._rules: dict[tuple[str, str], _Rules] = {}

    def clocks(self, pair: Pair, case: Case, after: tuple[int, int]) -> tuple[Clock, ...]:
        """The clocks of a case, counted by its own policy; `after` as for `clocks`."""
        sha256, snapshot = self._pinned[pair]
        rules = self._rules.get((sha256, pair[1]))
        if rules is None:
            rules = self._rules[sha256, pair[1]] = _Rules.of(snapshot, pair[1])
        return clocks(
            case,
            rules.limits,
            self._calendar,
            roll_forward=rules.roll_forward,
            office_hours_end=rules.office_hours_end,
            extensions=self._extensions.get(pair, NO_EXTENSIONS),
            after=after,
        )


@dataclass(frozen=True, slots=True)
class _Rules:
    """The parts of a policy by which the clocks of an institution are counted."""

    limits: tuple[CaseLimit, ...]
    roll_forward: bool
    office_hours_end: time | None

    @classmethod
    def of(cls, snapshot: PolicySnapshot, institution_code: str) -> _Rules:
        return cls(
            snapshot.limits_of(institution_code),
            snapshot.policy.flag("calendar_days_roll_forward"),
            snapshot.office_hours_end,
        )


def _pinned(connection: sa.Connection, pairs: Collection[Pair], day: Day) -> dict[Pair, tuple[str, PolicySnapshot]]:
    """The policy of each case; a case that was never counted before is pinned to the policy of the day."""
    found: dict[Pair, str] = {
        (need_id, code): sha256 for need_id, code, sha256 in fetch_rows(connection, _PINNED, _keys(pairs))
    }
    fresh = [pair for pair in pairs if pair not in found]
    if fresh:
        snapshot = day.snapshot
        in_force = {"sha256": snapshot.sha256(), "content": snapshot.content(), "now": day.now}
        connection.execute(_KEEP_SNAPSHOT, in_force)
        connection.execute(_PIN, {**_keys(fresh), **in_force})
        found.update(dict.fromkeys(fresh, snapshot.sha256()))
    contents = connection.execute(_CONTENTS, {"hashes": sorted(set(found.values()))})
    snapshots = {row.policy_sha256: _read(row.content) for row in contents}
    return {pair: (sha256, snapshots[sha256]) for pair, sha256 in found.items()}


@cache
def _read(content: str) -> PolicySnapshot:
    return PolicySnapshot.read(content)


def _extensions(connection: sa.Connection, need_ids: Collection[str]) -> dict[Pair, dict[Started, int]]:
    """Working days granted to clocks of cases of these needs."""
    granted: defaultdict[Pair, dict[Started, int]] = defaultdict(dict)
    for row in connection.execute(_GRANTED, {"need_ids": list(need_ids)}):
        granted[row.need_id, row.institution_code][row.from_type, row.to_type, row.day0] = row.working_days
    return granted


def _stored_clocks(connection: sa.Connection, pairs: Collection[Pair]) -> defaultdict[Pair, dict[Started, Clock]]:
    found: defaultdict[Pair, dict[Started, Clock]] = defaultdict(dict)
    if pairs:
        for row in connection.execute(_CLOCKS, _keys(pairs)):
            clock = stored_clock(row)
            found[row.need_id, row.institution_code][clock.started] = clock
    return found


def _store(connection: sa.Connection, changed: Sequence[tuple[Any, ...]]) -> None:
    if not changed:
        return
    connection.execute(_CHANGED)
    copy_rows(connection, "changed_clock", _CLOCK_COLUMNS, changed)
    connection.execute(_STORE)
    connection.execute(sa.text("drop table changed_clock"))


def _row(pair: Pair, clock: Clock) -> tuple[Any, ...]:
    """In the order of _CLOCK_COLUMNS."""
    pauses, late = clock.pauses, clock.after_hours
    return (
        *pair,
        clock.from_type,
        clock.to_type,
        clock.day0,
        clock.limit,
        clock.unit,
        json.dumps([[str(start), str(end)] for start, end in pauses]) if pauses else "[]",
        clock.extended,
        clock.due.day,
        clock.due.provisional,
        clock.stopped_on,
        clock.paused,
        late and late.at,
        late and late.closing,
    )


def _move(pair: Pair, was: Clock, became: Clock, day: Day) -> dict[str, Any]:
    return {
        "need_id": pair[0],
        "institution_code": pair[1],
        "from_type": was.from_type,
        "to_type": was.to_type,
        "day0": was.day0,
        "was": was.due.day,
        "was_provisional": was.due.provisional,
        "became": became.due.day,
        "provisional": became.due.provisional,
        "at": day.now,
    }


def _keys(pairs: Collection[Pair]) -> dict[str, str]:
    return {"need_ids": array_of(need_id for need_id, _ in pairs), "codes": array_of(code for _, code in pairs)}


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
    """
)

_PINNED = sa.text(
    f"select need_id, institution_code, policy_sha256 from case_policy join {_CASES} using (need_id, institution_code)"
)

_CONTENTS = sa.text("select policy_sha256, content from policy_snapshot where policy_sha256 = any(:hashes)")

_GRANTED = sa.text(
    """
    select need_id, institution_code, from_type, to_type, day0, sum(working_days)::int as working_days
    from deadline_extension join deadline_extension_decision decision using (extension_id)
    where decision.approved and need_id = any(:need_ids)
    group by need_id, institution_code, from_type, to_type, day0
    """
)

_CLOCKS = sa.text(f"select case_clock.* from case_clock join {_CASES} using (need_id, institution_code)")

_CHANGED = sa.text("create temporary table changed_clock (like case_clock) on commit drop")

_STORE = sa.text(
    f"""
    insert into case_clock ({", ".join(_CLOCK_COLUMNS)}) select {", ".join(_CLOCK_COLUMNS)} from changed_clock
    on conflict ({", ".join(_KEYS)}) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _CLOCK_COLUMNS if name not in _KEYS)}
    """
)

_DROP = sa.text(
    f"""
    delete from case_clock stored
    using unnest({", ".join(f"cast(:{name} as {'date' if name == 'day0' else 'text'}[])" for name in _KEYS)})
        gone ({", ".join(_KEYS)})
    where {" and ".join(f"stored.{name} = gone.{name}" for name in _KEYS)}
    """
)

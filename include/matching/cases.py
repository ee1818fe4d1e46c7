"""Cases, their clocks and the progress of their needs, folded from stored pushes and feedback."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import SHANGHAI
from include.domain.case import EVENT_TYPES, Case, FeedbackEvent, fold
from include.domain.progress import progress
from include.matching.deadlines import store_clocks
from include.matching.reports import NeedProgress, queue_progress
from include.reference import case_transitions, institutions, policy, reason_codes
from include.reference.calendar import china_calendar
from include.store import tables
from include.store.database import copy_rows

_NEEDS_AT_ONCE = 2_000

_FOLDED_COLUMNS = tuple(
    column.name for column in tables.feedback_event.columns if column.name not in ("document", "received_at")
)
_CASE_COLUMNS = tuple(column.name for column in tables.matching_case.columns)


@dataclass(frozen=True, slots=True)
class Refolded:
    """Cases that a fold opened, and cases (the opened ones included) that it left otherwise than before."""

    opened: int
    changed: int


def open_cases(connection: sa.Connection, now: datetime) -> int:
    """Open a case for each institution that the newest pushed revision of a need names; returns how many are new.

    Queues the first progress of each need, and folds whatever feedback came before its push was known to have arrived.
    Safe to repeat; belongs to the caller's transaction.
    """
    lock(connection)
    return refold_stale(connection, now).opened


def refold_stale(connection: sa.Connection, now: datetime) -> Refolded:
    """Fold the needs of which something is known that their cases or their last progress do not show yet."""
    known = {**_foldable(), "published_until": china_calendar().published_until}
    return refold(connection, connection.execute(_STALE_NEEDS, known).scalars().all(), now)


def refold(connection: sa.Connection, need_ids: Collection[str], now: datetime) -> Refolded:
    """Fold the cases of these needs anew, store them with their clocks, and queue the progress that changed.

    Needs that were never pushed are left alone. Belongs to the caller's transaction, and locks matching until its end.
    """
    lock(connection)
    wanted = sorted(set(need_ids))
    opened = changed = 0
    for start in range(0, len(wanted), _NEEDS_AT_ONCE):
        needs = _pushed_needs(connection, wanted[start : start + _NEEDS_AT_ONCE])
        if not needs:
            continue
        cases = _folded(needs, _events(connection, list(needs)))
        outcome = _store_cases(connection, needs, cases, now)
        store_clocks(
            connection,
            {(need_id, code): case for need_id, of_need in cases.items() for code, case in of_need.items()},
            now,
        )
        queue_progress(connection, [_progress(need, cases[need_id]) for need_id, need in needs.items()], now)
        opened += outcome.opened
        changed += outcome.changed
    return Refolded(opened, changed)


def lock(connection: sa.Connection) -> None:
    """One fold at a time, until the transaction ends: what is told depends on what was told before."""
    connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('matching'))"))


def count_orphans(connection: sa.Connection) -> int:
    """How many stored events wait: of an unknown type (E01), or of an unknown need, revision or institution (E02)."""
    number: int = connection.execute(_COUNT_ORPHANS, _foldable()).scalar_one()
    return number


def _foldable() -> dict[str, list[str]]:
    return {"types": sorted(EVENT_TYPES), "institutions": list(institutions())}


# --- Folding -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _PushedNeed:
    """A need with at least one delivered push: its newest pushed revision, and since when which institution was asked."""

    need_id: str
    revision: int
    quarter: str
    department_code: str
    financing_need: Decimal | None
    intended: frozenset[str]
    asked_on: Mapping[str, date]
    withdrawn: bool


_Cases = Mapping[str, Mapping[str, Case]]


def _pushed_needs(connection: sa.Connection, need_ids: Sequence[str]) -> dict[str, _PushedNeed]:
    found: dict[str, _PushedNeed] = {}
    asked_on: dict[str, dict[str, date]] = defaultdict(dict)
    for row in connection.execute(_PUSHES, {"need_ids": need_ids}):
        asked = asked_on[row.need_id]
        pushed_on = row.pushed_at.astimezone(SHANGHAI).date()
        for institution_code in row.intended_institutions:
            asked[institution_code] = min(pushed_on, asked.get(institution_code, pushed_on))
        found[row.need_id] = _PushedNeed(
            need_id=row.need_id,
            revision=row.revision,
            quarter=row.quarter,
            department_code=row.department_code,
            financing_need=row.financing_need,
            intended=frozenset(row.intended_institutions),
            asked_on=asked,
            withdrawn=row.withdrawn,
        )
    return found


def _events(connection: sa.Connection, need_ids: Sequence[str]) -> dict[str, dict[str, list[FeedbackEvent]]]:
    """The events that can be folded: need → institution → events."""
    found: dict[str, dict[str, list[FeedbackEvent]]] = defaultdict(lambda: defaultdict(list))
    known_reasons = reason_codes()
    for row in connection.execute(_EVENTS, {"need_ids": need_ids, **_foldable()}):
        values = row._asdict()
        if values["reason_code"] not in known_reasons:
            values["reason_code"] = None
        found[row.need_id][row.institution_code].append(FeedbackEvent(**values))
    return found


def _folded(
    needs: Mapping[str, _PushedNeed], events: Mapping[str, Mapping[str, Sequence[FeedbackEvent]]]
) -> dict[str, dict[str, Case]]:
    """The cases of each need: one for each institution that is asked now, and for each that has reported."""
    transitions, reopen_max = case_transitions(), policy().integer("reopen_max")
    cases: dict[str, dict[str, Case]] = {}
    for need_id, need in needs.items():
        reported = events.get(need_id, {})
        cases[need_id] = {
            institution_code: fold(
                need.asked_on.get(institution_code),
                reported.get(institution_code, ()),
                transitions=transitions,
                reopen_max=reopen_max,
            )
            for institution_code in sorted(need.intended | reported.keys())
        }
    return cases


def _store_cases(connection: sa.Connection, needs: Mapping[str, _PushedNeed], cases: _Cases, now: datetime) -> Refolded:
    connection.execute(_FOLDED)
    copy_rows(
        connection,
        "folded_case",
        _CASE_COLUMNS,
        (
            _case_row(need_id, institution_code, case, institution_code in needs[need_id].intended, now)
            for need_id, of_need in cases.items()
            for institution_code, case in of_need.items()
        ),
    )
    for statement in _DROP:
        connection.execute(statement, {"need_ids": list(cases)})
    stored = connection.execute(_STORE_CASES).scalars().all()
    connection.execute(sa.text("drop table folded_case"))
    return Refolded(opened=sum(stored), changed=len(stored))


def _case_row(need_id: str, institution_code: str, case: Case, intended: bool, now: datetime) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "need_id": need_id,
        "institution_code": institution_code,
        "intended": intended,
        "entered": json.dumps({state: day.isoformat() for state, day in case.entered.items()}),
        "open_obstructions": json.dumps(
            [
                {"obstruction_id": o.obstruction_id, "opened_on": o.opened_on.isoformat(), "reason_code": o.reason_code}
                for o in case.open_obstructions
            ]
        ),
        "anomalies": json.dumps([{"event_id": a.event_id, "reason": a.reason} for a in case.anomalies]),
        "folded_at": now,
    }
    return tuple(values[name] if name in values else getattr(case, name) for name in _CASE_COLUMNS)


def _progress(need: _PushedNeed, cases: Mapping[str, Case]) -> NeedProgress:
    return NeedProgress(
        need_id=need.need_id,
        revision=need.revision,
        quarter=need.quarter,
        department_code=need.department_code,
        reached=progress(cases.values(), need.financing_need, need.withdrawn),
    )


# --- SQL ---------------------------------------------------------------------------------------------------------------

_PUSHES = sa.text(
    """
    select push.need_id, push.revision, coalesce(push.settled_at, push.created_at) as pushed_at,
           version.quarter, version.department_code, version.financing_need, version.intended_institutions,
           exists (
               select from withdrawal_notice notice
               where notice.need_id = push.need_id and notice.revision >= push.revision
           ) as withdrawn
    from delivery push join need_version version using (need_id, revision)
    where push.need_id = any(:need_ids) and push.action = 'push' and push.state = 'delivered'
    order by push.need_id, push.revision
    """
)

_PUSHED_EVENT = """
    exists (
        select from delivery push
        where push.need_id = event.need_id and push.revision = event.revision
          and push.action = 'push' and push.state = 'delivered'
    )
"""

_EVENTS = sa.text(
    f"""
    select {", ".join(f"event.{name}" for name in _FOLDED_COLUMNS)}
    from feedback_event event
    where event.need_id = any(:need_ids) and event.type = any(:types)
      and event.institution_code = any(:institutions) and {_PUSHED_EVENT}
    """
)

_COUNT_ORPHANS = sa.text(
    f"""
    select count(*) from feedback_event event
    where event.type <> all(:types) or event.institution_code <> all(:institutions) or not {_PUSHED_EVENT}
    """
)

_FOLDED = sa.text("create temporary table folded_case (like matching_case) on commit drop")

_DROP = [
    sa.text(
        f"""
        delete from {table} stored
        where stored.need_id = any(:need_ids)
          and not exists (
              select from folded_case folded
              where folded.need_id = stored.need_id and folded.institution_code = stored.institution_code
          )
        """
    )
    for table in ("case_clock", "matching_case")
]

# Returns a row for each case that changed: true where it is new.
_STORE_CASES = sa.text(
    f"""
    with changed as (
        select folded.*, stored.need_id is null as opened
        from folded_case folded left join matching_case stored using (need_id, institution_code)
        where stored.need_id is null or to_jsonb(folded) - 'folded_at' <> to_jsonb(stored) - 'folded_at'
    ), written as (
        insert into matching_case ({", ".join(_CASE_COLUMNS)})
        select {", ".join(_CASE_COLUMNS)} from changed
        on conflict (need_id, institution_code) do update set
        {", ".join(f"{name} = excluded.{name}" for name in _CASE_COLUMNS if name not in ("need_id", "institution_code"))}
    )
    select opened from changed
    """
)

# Needs of which something is known that their cases or their last progress do not show yet: a push or a newer revision of
# it, a case that is missing, a withdrawal, feedback that waited (for its push to be known to have arrived, or for its
# institution to be listed), or the calendar of a year that a running clock could only guess.
_STALE_NEEDS = sa.text(
    f"""
    with pushed as (
        select distinct on (push.need_id) push.need_id, push.revision, version.intended_institutions as intended
        from delivery push join need_version version using (need_id, revision)
        where push.action = 'push' and push.state = 'delivered'
        order by push.need_id, push.revision desc
    ), told as (
        select distinct on (need_id) need_id, revision, body::jsonb ->> 'stage' as stage
        from delivery where action = 'progress'
        order by need_id, delivery_id desc
    )
    select pushed.need_id
    from pushed left join told using (need_id)
    where told.revision is distinct from pushed.revision
       or exists (
           select from unnest(pushed.intended) asked (institution_code)
           left join matching_case stored
             on stored.need_id = pushed.need_id and stored.institution_code = asked.institution_code
           where stored.intended is not true
       )
       or told.stage <> 'withdrawn' and exists (
           select from withdrawal_notice notice
           where notice.need_id = pushed.need_id and notice.revision >= pushed.revision
       )
       or exists (
           select from feedback_event event
           left join matching_case stored
             on stored.need_id = event.need_id and stored.institution_code = event.institution_code
           where event.need_id = pushed.need_id and event.type = any(:types)
             and event.institution_code = any(:institutions)
             and stored.answered is not true and {_PUSHED_EVENT}
       )
       or exists (
           select from case_clock clock
           where clock.need_id = pushed.need_id and clock.stopped_on is null
             and clock.provisional and clock.due_on <= :published_until
       )
    """
)

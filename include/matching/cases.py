"""Cases, their clocks, their alerts and the progress of their needs, folded from pushes and feedback and stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

import msgspec
import sqlalchemy as sa

from include.domain.case import EVENT_TYPES, FeedbackEvent
from include.domain.feedback import known_reason
from include.domain.progress import progress
from include.matching.case_rules import judge_cases
from include.matching.folds import FoldedCase, PushedNeed, fold_on, fold_whole, pushed_needs
from include.matching.moments import note_moments, note_moments_of_waiting
from include.matching.need_rules import judge_needs
from include.matching.reports import NeedProgress, queue_progress
from include.matching.stored_clocks import Pair, store_clocks
from include.matching.sums import NeedSums, need_sums
from include.reference import institutions
from include.reference.day import Day
from include.store import tables
from include.store.database import copy_rows
from include.store.locks import Lock, holding, sharing

_NEEDS_AT_ONCE = 2_000
PARTS = 2
"""So many folds can run beside each other, each of its own needs."""

_CASE_COLUMNS = (
    "need_id",
    "institution_code",
    "intended",
    "opened_on",
    "state",
    "state_since",
    "furthest_state",
    "answered",
    "last_event_at",
    "approved",
    "contracted",
    "drawn",
    "paused",
    "open_obstructions",
    "reason_code",
    "anomalies",
    "reopened",
    "folded_at",
    "folding",
)


@dataclass(frozen=True, slots=True)
class Refolded:
    """Cases that a fold opened, and cases (opened ones included) that it changed."""

    opened: int
    changed: int

    def __add__(self, other: Refolded) -> Refolded:
        return Refolded(self.opened + other.opened, self.changed + other.changed)


def open_cases(connection: sa.Connection, *, day: Day) -> int:
    """Open a case for each institution that the newest pushed revision of a need names; returns how many are new.

    Queues the first progress of each need, and folds feedback that came before its push was known to have arrived. Safe
    to repeat; part of the caller's transaction.
    """
    lock(connection)
    return refold_stale(connection, day).opened


def refold_stale(connection: sa.Connection, day: Day) -> Refolded:
    """Fold the needs with news that their cases or their last progress do not reflect yet.

    The cost depends on what is new, not on what is stored: each of the four queries has an index of exactly the rows it
    looks for.
    """
    known = {**_foldable(), "published_until": day.calendar.published_until}
    return refold(connection, connection.execute(_STALE_NEEDS, known).scalars().all(), day=day)


def refold(connection: sa.Connection, need_ids: Collection[str], *, day: Day) -> Refolded:
    """Fold the cases of these needs from their start, store them with clocks and alerts, and queue changed progress.

    Needs that were never pushed are left alone. Part of the caller's transaction; locks matching until its end.
    """
    lock(connection)
    return _refold(connection, need_ids, day)


def _refold(connection: sa.Connection, need_ids: Collection[str], day: Day) -> Refolded:
    wanted = sorted(set(need_ids))
    total = Refolded(0, 0)
    for start in range(0, len(wanted), _NEEDS_AT_ONCE):
        needs = pushed_needs(connection, wanted[start : start + _NEEDS_AT_ONCE])
        if not needs:
            continue
        note_moments_of_waiting(connection, list(needs), day)
        folded, stored = store_anew(connection, needs, day)
        connection.execute(_TAKEN_IN, {"need_ids": list(needs), **_foldable()})
        connection.execute(_MATCHED, {"need_ids": list(needs)})
        _tell(connection, needs, folded, day)
        total += stored
    return total


def store_anew(
    connection: sa.Connection, needs: Mapping[str, PushedNeed], day: Day
) -> tuple[Mapping[Pair, FoldedCase], Refolded]:
    """Fold the cases of these needs from their start and store them with their clocks; nobody is told."""
    folded = fold_whole(connection, needs, day.policy)
    stored = _store_cases(connection, needs, folded, day.now)
    _drop_cases(connection, list(needs), folded)
    store_clocks(connection, {pair: one.case for pair, one in folded.items()}, day, before={})
    return folded, stored


def add_events(connection: sa.Connection, fresh: Sequence[FeedbackEvent], day: Day) -> Refolded:
    """Fold events that were stored just now into their cases; those that cannot be folded yet wait.

    Only the cases that they touch are folded, from where each stands where its events come in order. Otherwise as `refold`.
    The caller holds `lock`, or `lock` for the part of their needs.
    """
    needs = pushed_needs(connection, sorted({event.need_id for event in fresh}))
    foldable: list[FeedbackEvent] = []
    waiting: list[FeedbackEvent] = []
    for event in note_moments(connection, fresh, needs, day):
        need = needs.get(event.need_id)
        (foldable if need is not None and need.can_fold(event) else waiting).append(event)
    copy_rows(
        connection, "waiting_feedback", ("event_id", "need_id"), ((event.event_id, event.need_id) for event in waiting)
    )
    stale = {event.need_id for event in foldable if not needs[event.need_id].matched}
    total = _refold(connection, stale, day)
    known = [known_reason(event) for event in foldable if event.need_id not in stale]
    if known:
        folded = fold_on(connection, needs, known, day.policy)
        stored = _store_cases(connection, needs, folded, day.now)
        before = {pair: one.before for pair, one in folded.items() if one.before is not None}
        store_clocks(connection, {pair: one.case for pair, one in folded.items()}, day, before=before)
        touched = {need_id: needs[need_id] for need_id in sorted({need_id for need_id, _ in folded})}
        _tell(connection, touched, folded, day)
        total += stored
    return total


def lock(connection: sa.Connection, part: int | None = None) -> None:
    """One fold of a need at a time, until the transaction ends: a report of progress depends on the one before.

    `part`: fold only needs of this part (see `part_of`), beside a fold of the other part; None: no other fold runs meanwhile.
    Until the end a key lookup also counts as cheap, so that the planner uses the index for some rows of a history of any length.
    """
    if part is None:
        connection.execute(_LOCK)
    else:
        connection.execute(_LOCK_PART, {"part": str(part)})


def part_of(need_id: str) -> int:
    """Which of the PARTS a need belongs to, on every machine."""
    return crc32(need_id.encode("utf-8", "surrogatepass")) % PARTS


def count_orphans(connection: sa.Connection) -> int:
    """How many stored events wait: of an unknown type (E01), or of an unknown need, revision or institution (E02)."""
    number: int = connection.execute(sa.select(sa.func.count()).select_from(tables.waiting_feedback)).scalar_one()
    return number


def _foldable() -> dict[str, list[str]]:
    return {"types": sorted(EVENT_TYPES), "institutions": list(institutions())}


def _tell(
    connection: sa.Connection, needs: Mapping[str, PushedNeed], folded: Mapping[Pair, FoldedCase], day: Day
) -> None:
    """Raise and close the alerts of folded cases, and queue the progress of needs whose totals changed."""
    revisions = {need_id: need.revision for need_id, need in needs.items()}
    judge_cases(connection, folded, revisions, day)
    stayed = {need_id for need_id, _ in folded} - {pair[0] for pair, one in folded.items() if one.totals_changed}
    sums = need_sums(connection, {need_id: revisions[need_id] for need_id in needs if need_id not in stayed})
    judge_needs(connection, sums, day)
    queue_progress(connection, [_progress(needs[one.need_id], one) for one in sums], day.now)


def _progress(need: PushedNeed, sums: NeedSums) -> NeedProgress:
    return NeedProgress(
        need_id=need.need_id,
        revision=need.revision,
        quarter=need.quarter,
        department_code=need.department_code,
        reached=progress(sums, need.financing_need, need.withdrawn),
    )


# --- Storing -----------------------------------------------------------------------------------------------------------


def _store_cases(
    connection: sa.Connection, needs: Mapping[str, PushedNeed], folded: Mapping[Pair, FoldedCase], now: datetime
) -> Refolded:
    connection.execute(_FOLDED)
    copy_rows(
        connection,
        "folded_case",
        (*_CASE_COLUMNS, "is_stored"),
        (
            (*_case_row(pair, one, pair[1] in needs[pair[0]].intended, now), not one.whole)
            for pair, one in folded.items()
        ),
    )
    changed = connection.execute(_UPDATE_CASES).rowcount
    opened = connection.execute(_OPEN_CASES).rowcount
    connection.execute(sa.text("drop table folded_case"))
    return Refolded(opened=opened, changed=opened + changed)


def _case_row(pair: Pair, folded: FoldedCase, intended: bool, now: datetime) -> tuple[Any, ...]:
    """In the order of _CASE_COLUMNS."""
    case = folded.case
    return (
        *pair,
        intended,
        case.opened_on,
        case.state,
        case.state_since,
        case.furthest_state,
        case.answered,
        case.last_event_at,
        case.approved,
        case.contracted,
        case.drawn,
        case.paused,
        _json([msgspec.structs.asdict(one) for one in case.open_obstructions]) if case.open_obstructions else "[]",
        case.reason_code,
        _json([msgspec.structs.asdict(one) for one in case.anomalies]) if case.anomalies else "[]",
        case.reopened,
        now,
        folded.fold_state,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _drop_cases(connection: sa.Connection, need_ids: Sequence[str], folded: Iterable[Pair]) -> None:
    """Cases of these needs that no longer exist: of an institution that is no longer asked and never answered."""
    kept = list(folded)
    known = {"need_ids": need_ids, "kept": [need_id for need_id, _ in kept], "codes": [code for _, code in kept]}
    for statement in _DROP:
        connection.execute(statement, known)


# --- SQL ---------------------------------------------------------------------------------------------------------------

_LOCK = sa.text(
    f"""
    select {holding(Lock.MATCHING)},
           set_config('random_page_cost', '1.1', true), set_config('work_mem', '32MB', true)
    """
)

_LOCK_PART = sa.text(
    f"""
    select {sharing(Lock.MATCHING)}, {holding(Lock.MATCHING_PART, ":part")},
           set_config('random_page_cost', '1.1', true), set_config('work_mem', '32MB', true)
    """
)

_FOLDED = sa.text("create temporary table folded_case (like matching_case, is_stored boolean not null) on commit drop")

_KEYS = ("need_id", "institution_code")
_COMPARED = [name for name in _CASE_COLUMNS if name not in (*_KEYS, "folded_at")]

_UPDATE_CASES = sa.text(
    f"""
    update matching_case stored set {", ".join(f"{name} = folded.{name}" for name in _CASE_COLUMNS if name not in _KEYS)}
    from folded_case folded
    where stored.need_id = folded.need_id and stored.institution_code = folded.institution_code
      and ({", ".join(f"folded.{name}" for name in _COMPARED)})
          is distinct from ({", ".join(f"stored.{name}" for name in _COMPARED)})
    """
)

_OPEN_CASES = sa.text(
    f"""
    insert into matching_case ({", ".join(_CASE_COLUMNS)})
    select {", ".join(_CASE_COLUMNS)} from folded_case folded
    where not is_stored and not exists (
        select from matching_case stored
        where stored.need_id = folded.need_id and stored.institution_code = folded.institution_code
    )
    """
)

_DROP = [
    sa.text(
        f"""
        delete from {table} stored
        where need_id = any(:need_ids)
          and not exists (
              select from unnest(cast(:kept as text[]), cast(:codes as text[])) kept (need_id, institution_code)
              where kept.need_id = stored.need_id and kept.institution_code = stored.institution_code
          )
        """
    )
    for table in ("case_clock", "matching_case")
]

_MATCHED = sa.text("update delivered_push set matched = true where need_id = any(:need_ids) and not matched")

_FOLDABLE = """
    event.type = any(:types) and event.institution_code = any(:institutions) and exists (
        select from delivered_push push where push.need_id = event.need_id and push.revision = event.revision
    )
"""

_TAKEN_IN = sa.text(
    f"""
    delete from waiting_feedback waiting using feedback_event event
    where waiting.need_id = any(:need_ids) and event.event_id = waiting.event_id and {_FOLDABLE}
    """
)

# A push that arrived, a withdrawal not yet reported, waiting feedback (for its push to arrive, or for its institution
# to be listed), or the calendar of a year for which a running clock was provisional.
_STALE_NEEDS = sa.text(
    f"""
    select need_id from delivered_push where not matched
    union
    select notice.need_id from withdrawal_notice notice
    cross join lateral (
        select max(revision) as revision from delivered_push where need_id = notice.need_id
    ) pushed
    left join lateral (
        select body::jsonb ->> 'stage' as stage from delivery
        where need_id = notice.need_id and action = 'progress' order by delivery_id desc limit 1
    ) told on true
    where notice.revision >= pushed.revision and told.stage is distinct from 'withdrawn'
    union
    select event.need_id from waiting_feedback waiting join feedback_event event using (event_id) where {_FOLDABLE}
    union
    select need_id from case_clock where stopped_on is null and provisional and due_on <= :published_until
    """
)

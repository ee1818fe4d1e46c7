"""Reading and folding: the pushed needs, their events, and the resulting cases. Read-only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from include.domain.case import EVENT_TYPES, Case, FeedbackEvent, Folding, Taken, in_order
from include.domain.feedback import known_reason
from include.domain.standing import dump_fold, load_fold
from include.matching.stored_clocks import Pair
from include.reference import Policy, case_transitions, institutions
from include.store.database import array_of, fetch_rows


class PushedNeed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A need with at least one delivered push: its newest pushed revision, and since when which institution was asked.

    `pushed_at`: when the first of its pushes was known to have arrived; it may have arrived earlier. `matched`: its
    stored cases reflect all these pushes. Amounts in 万元, None unless usable.
    """

    need_id: str
    revision: int
    quarter: str
    department_code: str
    financing_need: Decimal | None
    intended: frozenset[str]
    asked_at: Mapping[str, datetime]
    pushed_at: datetime
    revisions: frozenset[int]
    withdrawn: bool
    matched: bool

    def can_fold(self, event: FeedbackEvent) -> bool:
        """Whether the event is of a known type, of a pushed revision and of a known institution."""
        return (
            event.revision in self.revisions and event.type in EVENT_TYPES and event.institution_code in institutions()
        )


class FoldedCase(msgspec.Struct, frozen=True, gc=False):
    """A folded case, its serialised fold state, and the result of each new event.

    The new events are all of the case's, or those added to `before`, the case as stored.
    """

    case: Case
    fold_state: str
    taken: Sequence[Taken]
    before: Case | None

    @property
    def whole(self) -> bool:
        """Whether the case was folded from its start."""
        return self.before is None

    @property
    def totals_changed(self) -> bool:
        """Whether the totals of its need may have changed; see `NeedSums`."""
        return self.before is None or _summed(self.before) != _summed(self.case)


def _summed(case: Case) -> tuple[str, bool, Decimal, Decimal, Decimal]:
    return case.state, case.answered, case.approved, case.contracted, case.drawn


def pushed_needs(connection: sa.Connection, need_ids: Collection[str]) -> dict[str, PushedNeed]:
    """Those of the needs that have a delivered push."""
    found: dict[str, PushedNeed] = {}
    asked_at: dict[str, dict[str, datetime]] = defaultdict(dict)
    revisions: dict[str, set[int]] = defaultdict(set)
    unmatched: set[str] = set()
    for row in connection.execute(_PUSHES, {"need_ids": array_of(need_ids)}).all():
        asked = asked_at[row.need_id]
        for institution_code in row.intended_institutions:
            asked[institution_code] = min(row.pushed_at, asked.get(institution_code, row.pushed_at))
        revisions[row.need_id].add(row.revision)
        earlier = found.get(row.need_id)
        if not row.matched:
            unmatched.add(row.need_id)
        found[row.need_id] = PushedNeed(
            need_id=row.need_id,
            revision=row.revision,
            quarter=row.quarter,
            department_code=row.department_code,
            financing_need=row.financing_need,
            intended=frozenset(row.intended_institutions),
            asked_at=asked,
            pushed_at=row.pushed_at if earlier is None else min(row.pushed_at, earlier.pushed_at),
            revisions=frozenset(revisions[row.need_id]),
            withdrawn=row.withdrawn,
            matched=row.need_id not in unmatched,
        )
    return found


def fold_whole(connection: sa.Connection, needs: Mapping[str, PushedNeed], policy: Policy) -> dict[Pair, FoldedCase]:
    """The cases of these needs from everything stored: one for each institution asked now, and for each that reported."""
    reported = _foldable(needs, connection.execute(_EVENTS_OF_NEEDS, {"need_ids": list(needs)}))
    wanted = {(need.need_id, code) for need in needs.values() for code in need.intended} | reported.keys()
    return {pair: _folded(needs[pair[0]], pair, reported.get(pair, ()), policy) for pair in sorted(wanted)}


def fold_on(
    connection: sa.Connection, needs: Mapping[str, PushedNeed], fresh: Iterable[FeedbackEvent], policy: Policy
) -> dict[Pair, FoldedCase]:
    """The cases that `fresh` (stored already, not folded yet) affects, of needs whose stored cases are up to date.

    Later events are added to the stored fold of their case; a case that gets a late one is folded from its start.
    """
    added: dict[Pair, list[FeedbackEvent]] = defaultdict(list)
    for event in fresh:
        added[event.need_id, event.institution_code].append(event)
    rules = _rules(policy)
    folded: dict[Pair, FoldedCase] = {}
    late: list[Pair] = []
    standing = _standing(connection, list(added))
    for pair, events in added.items():
        ordered = in_order(events)
        stood = standing.get(pair)
        if stood is None:
            late.append(pair)
            continue
        folding = load_fold(stood, **rules)
        if not folding.follows(ordered[0]):
            late.append(pair)
            continue
        before = folding.case()
        taken = [folding.take(event) for event in ordered]
        folded[pair] = FoldedCase(folding.case(), dump_fold(folding), taken, before)
    if late:
        reported = _foldable(needs, connection.execute(_EVENTS_OF_CASES, _columns(late)))
        folded.update({pair: _folded(needs[pair[0]], pair, reported[pair], policy) for pair in late})
    return folded


def _rules(policy: Policy) -> dict[str, Any]:
    return {"transitions": case_transitions(), "reopen_max": policy.integer("reopen_max")}


def _folded(need: PushedNeed, pair: Pair, events: Iterable[FeedbackEvent], policy: Policy) -> FoldedCase:
    folding = Folding.opened(need.asked_at.get(pair[1]), **_rules(policy))
    taken = [folding.take(event) for event in in_order(events)]
    return FoldedCase(folding.case(), dump_fold(folding), taken, before=None)


def _foldable(needs: Mapping[str, PushedNeed], rows: Iterable[sa.Row[Any]]) -> dict[Pair, list[FeedbackEvent]]:
    """The foldable ones of these stored events, by case."""
    found: dict[Pair, list[FeedbackEvent]] = defaultdict(list)
    for row in rows:
        event = known_reason(FeedbackEvent(**row._asdict()))
        if needs[event.need_id].can_fold(event):
            found[event.need_id, event.institution_code].append(event)
    return found


def _standing(connection: sa.Connection, pairs: Sequence[Pair]) -> dict[Pair, str]:
    found = fetch_rows(connection, _STANDING, _columns(pairs))
    return {(need_id, code): folding for need_id, code, folding in found}


def _columns(pairs: Sequence[Pair]) -> dict[str, str]:
    return {"need_ids": array_of(need_id for need_id, _ in pairs), "codes": array_of(code for _, code in pairs)}


_PUSHES = sa.text(
    """
    select push.need_id, push.revision, push.pushed_at, push.matched,
           version.quarter, version.department_code, version.financing_need, version.intended_institutions,
           exists (
               select from withdrawal_notice notice
               where notice.need_id = push.need_id and notice.revision >= push.revision
           ) as withdrawn
    from delivered_push push join need_version version using (need_id, revision)
    where push.need_id = any(cast(:need_ids as text[]))
    order by push.need_id, push.revision
    """
)

_FOLDED = ", ".join(f"event.{name}" for name in FeedbackEvent.__struct_fields__)
_CASES = "unnest(cast(:need_ids as text[]), cast(:codes as text[])) wanted (need_id, institution_code)"

_EVENTS_OF_NEEDS = sa.text(f"select {_FOLDED} from counted_feedback event where event.need_id = any(:need_ids)")

_EVENTS_OF_CASES = sa.text(
    f"select {_FOLDED} from {_CASES} join counted_feedback event using (need_id, institution_code)"
)

_STANDING = sa.text(
    f"""
    select need_id, institution_code, folding from {_CASES} join matching_case using (need_id, institution_code)
    where folding is not null
    """
)

"""Several holds decided with one reason: planned first, then each in a transaction of its own through the checks that hold
for a single one, with an audit entry each.

One transaction each, because a decision takes the lock of the audit trail: holds locked for longer could deadlock with another
person's. What cannot be decided is told by name, and the rest is decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, UserFacingError
from include.domain.states import HoldDecision
from include.quarantine.late_needs import LATE_RULE, next_quarter, refuse_another_quarter
from include.quarantine.listing import MOST_CHOSEN, these_holds
from include.quarantine.refusals import DecisionRefused
from include.quarantine.stage import (
    Decided,
    agreed_to,
    as_stored,
    confirm,
    locked,
    refuse_unless_decidable,
    refuse_unpushable,
    release,
)
from include.quarantine.view import HeldNeed, HoldFinding, Place
from include.reference.day import Day


@dataclass(frozen=True, slots=True)
class Seen:
    """A hold as the person saw it: its id and the stamp of its findings."""

    quarantine_id: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to do with several holds; `rule_id`: about the findings of this rule alone, "": about all."""

    decision: HoldDecision
    rule_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a decision would do to a hold: `findings` that it is about, `waiting` those that would still lack a person;
    or why it cannot be (`refusal`, Chinese)."""

    hold: HeldNeed
    stamp: str
    findings: tuple[HoldFinding, ...] = ()
    waiting: tuple[HoldFinding, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class NotDecided:
    """A hold that could not be decided: its name, why, and what to do (Chinese)."""

    quarantine_id: int
    name: str
    why: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Together:
    """Result: what was decided, and what could not be."""

    decided: tuple[Decided, ...]
    refused: tuple[NotDecided, ...]

    @property
    def settled(self) -> int:
        """How many holds are settled now."""
        return sum(one.state != "open" for one in self.decided)

    @property
    def waiting(self) -> int:
        """How many wait for another person now."""
        return len(self.decided) - self.settled

    @property
    def queued(self) -> int:
        """How many pushes and returns were queued."""
        return sum(one.queued for one in self.decided)


def stamp_of(findings: Iterable[HoldFinding]) -> str:
    """A short mark of which findings a hold has: it changes when one is added."""
    places = "\n".join(sorted(f"{one.rule_id} {one.field}" for one in findings))
    return hashlib.sha256(places.encode()).hexdigest()[:12]


def plan(connection: sa.Connection, quarantine_ids: Collection[int], wish: Wish, *, act: Act) -> list[Planned]:
    """What the wish would do to each of these holds. Changes nothing."""
    return [_planned(connection, hold, wish, act) for hold in these_holds(connection, sorted(set(quarantine_ids)))]


def _planned(connection: sa.Connection, hold: HeldNeed, wish: Wish, act: Act) -> Planned:
    stamp = stamp_of(hold.findings)
    try:
        stored = as_stored(connection, hold.quarantine_id)
        refuse_unless_decidable(stored)
        about = _about(hold.findings, wish)
        if wish.decision is HoldDecision.CONFIRM:
            return Planned(hold=hold, stamp=stamp, findings=tuple(about))
        refuse_unpushable(stored, hold.findings)
        agreed = agreed_to(hold.findings, about, act, explicit=bool(wish.rule_id))
    except UserFacingError as refusal:
        return Planned(hold=hold, stamp=stamp, refusal=refusal.what)
    done = {one.place for one in agreed if one.missing == 1}
    waiting = tuple(one for one in hold.findings if one.missing and one.place not in done)
    return Planned(hold=hold, stamp=stamp, findings=tuple(agreed), waiting=waiting)


def decide_together(engine: sa.Engine, seen: Sequence[Seen], wish: Wish, *, act: Act, day: Day) -> Together:
    """Decide these holds, each by itself; what cannot be decided is in the result.

    Raises InvalidRequest if none or too many are chosen, or if the reason cannot be used; then nothing has changed.
    """
    act = audit.signed(act)
    if not 0 < len(seen) <= MOST_CHOSEN:
        raise InvalidRequest(f"选中了 {len(seen)} 条。", f"请至少选择一条，一次最多 {MOST_CHOSEN} 条。")
    decided: list[Decided] = []
    refused: list[NotDecided] = []
    for one in sorted(set(seen), key=lambda each: each.quarantine_id):
        try:
            with engine.begin() as connection:
                decided.append(_decide(connection, one, wish, act, day))
        except UserFacingError as refusal:
            refused.append(_not_decided(engine, one, refusal))
    return Together(tuple(decided), tuple(refused))


def _decide(connection: sa.Connection, seen: Seen, wish: Wish, act: Act, day: Day) -> Decided:
    locked(connection, seen.quarantine_id)
    (held,) = these_holds(connection, [seen.quarantine_id])
    if stamp_of(held.findings) != seen.stamp:
        raise DecisionRefused("预览之后又发现了新的问题。", "请重新预览，看过新的问题后再作决定。")
    return decide_one(connection, held, wish, act=act, day=day)


def decide_one(connection: sa.Connection, held: HeldNeed, wish: Wish, *, act: Act, day: Day) -> Decided:
    """Decide one hold as wished, in the caller's transaction; raises as `release` and `confirm` do."""
    hold = locked(connection, held.quarantine_id)
    refuse_unless_decidable(hold)
    about = _about(held.findings, wish)
    places: list[Place] | None = [one.place for one in about] if wish.rule_id or _is_late(wish) else None
    if wish.decision is HoldDecision.CONFIRM:
        return confirm(connection, held.quarantine_id, act=act, day=day, findings=places)
    into = None
    if wish.decision is HoldDecision.NEXT_QUARTER:
        into = next_quarter(hold.quarter, day)
    elif wish.decision is HoldDecision.THIS_QUARTER:
        refuse_another_quarter(connection, hold, hold.quarter)
    return release(connection, held.quarantine_id, act=act, day=day, findings=places, into=into)


def _is_late(wish: Wish) -> bool:
    return wish.decision in (HoldDecision.THIS_QUARTER, HoldDecision.NEXT_QUARTER)


def _about(findings: Sequence[HoldFinding], wish: Wish) -> Sequence[HoldFinding]:
    """The findings that the wish is about. Raises DecisionRefused if the hold has none of them."""
    rule_id = LATE_RULE if _is_late(wish) else wish.rule_id
    found = [one for one in findings if not rule_id or one.rule_id == rule_id]
    if not found:
        raise DecisionRefused(f"没有 {rule_id} 的问题。", "请按其他问题另行决定。")
    return found


def _not_decided(engine: sa.Engine, seen: Seen, refusal: UserFacingError) -> NotDecided:
    with engine.connect() as connection:
        held = these_holds(connection, [seen.quarantine_id])
    name = held[0].name if held else f"待核实记录{seen.quarantine_id}号"
    return NotDecided(seen.quarantine_id, name, refusal.what, refusal.next_step)

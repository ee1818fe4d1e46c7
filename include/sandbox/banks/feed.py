"""The feed of what institutions report: at least once, in no promised order, up to the sandbox's clock."""

from __future__ import annotations

import base64
import hashlib
import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from include.sandbox.banks.plan import (
    MANNERS,
    CasePlan,
    Manner,
    NeedFacts,
    PlannedEvent,
    Step,
    institution_asked,
    institutions_for,
    plan_case,
    schedule,
)
from include.sandbox.platforms.clock import SandboxClock

_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
_WAIT_AFTER_RESOLVED = 2
_SEQUENCES_A_ROUND = 100


@dataclass(slots=True)
class _Need:
    """A need that banks work on. `stopped_at` is set by a withdrawal, `round` counts how often work on it began.

    `waiting`: by institution, what it will do once somebody rings, and the first sequence of that.
    """

    facts: NeedFacts
    revision: int
    stopped_at: datetime | None = None
    round: int = 0
    claimed: bool = True
    waiting: dict[str, tuple[tuple[Step, ...], int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Obstruction:
    """An obstruction that waits for the coordinators; what the bank does after it was cleared."""

    case: tuple[str, str, int]
    next_sequence: int
    after: tuple[Step, ...]
    waiting: bool
    reported: bool = False


@dataclass(order=True, slots=True)
class _Due:
    moment: datetime
    order: str
    event: PlannedEvent = field(compare=False)
    case: tuple[str, str, int] = field(compare=False)


class BankFeed:
    """An append-only log of events. Its cursor is a position in the log, so that it never expires.

    `manners`: how banks behave, in percent of the cases.
    """

    def __init__(self, seed: int, clock: SandboxClock, manners: Mapping[Manner, int] = MANNERS) -> None:
        self._seed = seed
        self._manners = manners
        self._clock = clock
        self._needs: dict[str, _Need] = {}
        self._unplanned: list[tuple[NeedFacts, datetime, _Need]] = []
        self._due: list[_Due] = []
        self._log: list[dict[str, Any]] = []
        self._shown: dict[str, dict[str, Any]] = {}
        self._obstructions: dict[str, _Obstruction] = {}

    def open_need(self, item: Mapping[str, Any], pushed_at: datetime) -> None:
        """Start the banks on a pushed need; a higher revision only changes which revision their events name."""
        need_id, revision = item["need_id"], item["revision"]
        known = self._needs.get(need_id)
        if known is not None and known.stopped_at is None:
            known.revision = revision
            return
        facts = _facts(item)
        need = self._needs[need_id] = _Need(facts, revision, round=0 if known is None else known.round + 1)
        self._unplanned.append((facts, pushed_at, need))

    def _open_case(self, facts: NeedFacts, institution_code: str, share_of: int, pushed_at: datetime) -> None:
        plan: CasePlan = plan_case(self._seed, facts, institution_code, share_of, self._manners)
        need = self._needs[facts.need_id]
        case = (facts.need_id, institution_code, need.round)
        first = case[2] * _SEQUENCES_A_ROUND + 1
        steps = plan.steps + ((plan.obstruction,) if plan.obstruction else ())
        events = schedule(self._seed, case, steps, pushed_at, first)
        self._add(case, events)
        if plan.after_call:
            need.waiting[institution_code] = (plan.after_call, first + len(steps))
        if plan.obstruction is None:
            return
        obstruction = _Obstruction(case, first + len(steps), plan.after, waiting=plan.cleared_after is None)
        self._obstructions[plan.obstruction.fields["obstruction_id"]] = obstruction
        if plan.cleared_after is not None:
            self._clear(obstruction, events[-1].occurred_at, plan.cleared_after)

    def stop_need(self, need_id: str, now: datetime) -> None:
        """A withdrawal: the banks do nothing more; what they did before may still be reported."""
        self._needs[need_id].stopped_at = now

    def knows_obstruction(self, obstruction_id: str) -> bool:
        """Whether the feed has shown this obstruction."""
        self._advance()
        found = self._obstructions.get(obstruction_id)
        return found is not None and found.reported

    def note_resolved(self, obstruction_id: str, now: datetime) -> None:
        """The coordinators report an obstruction resolved: a bank that waited for it goes on."""
        obstruction = self._obstructions[obstruction_id]
        if obstruction.waiting:
            obstruction.waiting = False
            self._clear(obstruction, now, _WAIT_AFTER_RESOLVED)

    def ring(self, need_id: str, institution_code: str, now: datetime) -> bool:
        """A coordinator rings about a need: a bank that waited for that goes on; without an institution, somebody is asked
        to take it. Returns whether anybody moved."""
        self._plan()
        need = self._needs.get(need_id)
        if need is None or need.stopped_at is not None:
            return False
        if not institution_code:
            if need.claimed:
                return False
            need.claimed = True
            self._open_case(need.facts, institution_asked(self._seed, need.facts), 1, now)
            return True
        steps, first = need.waiting.pop(institution_code, ((), 0))
        case = (need_id, institution_code, need.round)
        self._add(case, schedule(self._seed, case, steps, now, first))
        return bool(steps)

    def _clear(self, obstruction: _Obstruction, start: datetime, working_days: int) -> None:
        cleared, *later = obstruction.after
        steps = (Step(cleared.type, working_days, cleared.fields), *later)
        self._add(obstruction.case, schedule(self._seed, obstruction.case, steps, start, obstruction.next_sequence))

    def _add(self, case: tuple[str, str, int], events: list[PlannedEvent]) -> None:
        for event in events:
            for number, moment in enumerate(event.published_at):
                order = hashlib.sha256(f"{event.event_id}:{number}".encode()).hexdigest()
                heapq.heappush(self._due, _Due(moment, order, event, case))

    def _plan(self) -> None:
        """Plan what was pushed since the feed was last read: not while the client waits for its answer."""
        for facts, pushed_at, need in self._unplanned:
            if need is not self._needs[facts.need_id]:
                continue  # Withdrawn and pushed again before the feed was read.
            codes = institutions_for(self._seed, facts)
            need.claimed = bool(codes)
            for code in codes:
                self._open_case(facts, code, len(codes), pushed_at)
        self._unplanned.clear()

    def _advance(self) -> None:
        """Show what has been reported by now, in an order independent of time."""
        self._plan()
        fresh = []
        while self._due and self._due[0].moment <= self._clock.now:
            fresh.append(heapq.heappop(self._due))
        for due in sorted(fresh, key=lambda due: due.order):
            need_id, institution_code, round_ = due.case
            need = self._needs[need_id]
            stopped = need.stopped_at is not None and due.event.occurred_at > need.stopped_at
            if stopped or round_ != need.round:
                continue
            event_id = due.event.event_id
            if event_id not in self._shown:  # A repeat carries what was shown first.
                self._shown[event_id] = _content(due.event, need_id, institution_code, need.revision)
            self._log.append(self._shown[event_id])
            if due.event.type == "obstructed":
                self._obstructions[due.event.fields["obstruction_id"]].reported = True

    def page(self, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str, bool]:
        """(events, next cursor, whether there are more); ValueError for a cursor that was not issued here."""
        self._advance()
        start = 0 if after is None else _position(after)
        if not 0 <= start <= len(self._log):
            raise ValueError("no such place in the feed")
        end = min(start + limit, len(self._log))
        cursor = base64.urlsafe_b64encode(f"feed:{end}".encode()).decode()
        return self._log[start:end], cursor, end < len(self._log)

    def length(self) -> int:
        """How many events the feed shows, repeats included."""
        self._advance()
        return len(self._log)


def _position(cursor: str) -> int:
    text = base64.urlsafe_b64decode(cursor.encode()).decode()
    if not text.startswith("feed:"):
        raise ValueError("not a cursor of the feed")
    return int(text.removeprefix("feed:"))


def _content(event: PlannedEvent, need_id: str, institution_code: str, revision: int) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "need_id": need_id,
        "revision": revision,
        "institution_code": institution_code,
        "type": event.type,
        "occurred_at": event.occurred_at.isoformat(timespec="seconds"),
        "sequence": event.sequence,
        **event.fields,
        **(_after_a_refusal(event) if event.type == "declined" else {}),
    }


def _after_a_refusal(event: PlannedEvent) -> dict[str, Any]:
    """What some institutions add to a refusal: a date for a new application, and their own number of this one."""
    draw = int(hashlib.sha256(f"refusal:{event.event_id}".encode()).hexdigest()[:8], 16)
    again = event.occurred_at.date() + timedelta(days=90 * (1 + draw % 2))
    return ({"reapply_from": again.isoformat()} if draw % 3 == 0 else {}) | (
        {"institution_ref": f"SQ{draw:010d}"} if draw % 2 == 0 else {}
    )


def _amount(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else Decimal(0)


def _facts(item: Mapping[str, Any]) -> NeedFacts:
    project, finance = item["payload"]["project"], item["payload"]["finance"]
    term, rate = finance.get("term_months"), finance.get("expected_rate_max")
    return NeedFacts(
        need_id=item["need_id"],
        financing_need=_amount(finance.get("financing_need")),
        term_months=term if isinstance(term, int) else None,
        rate_max=float(rate) if isinstance(rate, int | float) else None,
        catalogue_code=project.get("catalogue_code"),
        use_of_funds=str(finance.get("use_of_funds", "")),
        intended=tuple(item["intended_institutions"]),
    )

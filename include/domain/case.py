"""A case (对接案件): one need at one institution, folded from the events that the institution reports.

Source: handbook section 7. The fold depends on the set of events alone: repeated, late and shuffled feedback ends in
the same case as timely feedback. Amounts are in 万元; local dates are Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from include.domain.calendar import SHANGHAI

PATH = (
    "pushed",
    "received",
    "contacted",
    "visited",
    "accepted",
    "credit_approved",
    "contracted",
    "drawn",
    "post_loan",
)
"""The states that lead onwards, in order; declined and closed stand outside."""

TERMINAL = frozenset({"declined", "closed"})
EVENT_TYPES = frozenset(PATH[1:]) | TERMINAL | {"obstructed", "obstruction_cleared"}
"""The twelve types of the credit-market contract."""

OTHER_REASON = "R99"
RANK = {state: rank for rank, state in enumerate(PATH)}

_REPEATS_COUNT = frozenset({"credit_approved", "contracted", "drawn", "post_loan"})
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """One report of an institution (反馈), fields as in the credit-market contract, without the free remark.

    `occurred_at` is aware. `amount` (万元) is None where the report has none that is usable (E05).
    """

    event_id: str
    need_id: str
    revision: int
    institution_code: str
    type: str
    occurred_at: datetime
    sequence: int
    amount: Decimal | None = None
    rate: Decimal | None = None
    term_months: int | None = None
    green_label: bool | None = None
    catalogue_code: str | None = None
    use_of_funds: str | None = None
    reason_code: str | None = None
    obstruction_id: str | None = None

    @property
    def local_date(self) -> date:
        """The day in Asia/Shanghai on which it occurred."""
        return self.occurred_at.astimezone(SHANGHAI).date()


@dataclass(frozen=True, slots=True)
class Step:
    """An applied event: the state that it led to (or whose amount it changed) and its local date."""

    state: str
    day: date


@dataclass(frozen=True, slots=True)
class Round:
    """The way of a case from its start, or from a re-open; `first_event_on` is where the decision limit starts."""

    first_event_on: date | None
    steps: tuple[Step, ...]

    @property
    def entered(self) -> dict[str, date]:
        """State → local date on which it was first entered; skipped states are absent."""
        days: dict[str, date] = {}
        for step in self.steps:
            days.setdefault(step.state, step.day)
        return days


@dataclass(frozen=True, slots=True)
class OpenObstruction:
    """An obstruction (融资梗阻) that is not cleared."""

    obstruction_id: str
    opened_on: date
    reason_code: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Days on which the clocks stand still: after `obstructed_on` up to and with `cleared_on`; None: still open."""

    obstructed_on: date
    cleared_on: date | None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An event that changed nothing because it contradicts what came before; `reason` is E08 or G03c."""

    event_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the events add up to. `opened_on` is the day of the push, or of the first event where nothing was pushed."""

    opened_on: date
    state: str
    state_since: date
    entered: Mapping[str, date]
    furthest_state: str
    answered: bool
    last_event_at: datetime | None
    approved: Decimal
    contracted: Decimal
    drawn: Decimal
    open_obstructions: tuple[OpenObstruction, ...]
    pauses: tuple[Pause, ...]
    reason_code: str | None
    anomalies: tuple[Anomaly, ...]
    reopened: int
    rounds: tuple[Round, ...] = field(repr=False)

    @property
    def paused(self) -> bool:
        """Whether an obstruction stands, so that the clocks stand still."""
        return bool(self.open_obstructions)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an event in the fold, and the money of the case behind it (万元, before a refusal or closure voids it).

    `refusal`: E08 or G03c where it changed nothing because it contradicts what came before.
    """

    event: FeedbackEvent
    refusal: str | None
    approved: Decimal
    contracted: Decimal
    drawn: Decimal


def fold(
    opened_on: date | None,
    events: Iterable[FeedbackEvent],
    *,
    transitions: Collection[tuple[str, str]],
    reopen_max: int,
) -> Case:
    """The case that `events` add up to.

    `opened_on`: local date of the push to this institution; None if it was not asked, and the case opens with its first
    event. `events` come as stored (of two with one event_id the first counts), in any order. ValueError where there is
    neither a push nor an event.
    """
    folding = Folding(opened_on, transitions=transitions, reopen_max=reopen_max)
    for event in in_order(events):
        folding.take(event)
    return folding.case()


def in_order(events: Iterable[FeedbackEvent]) -> list[FeedbackEvent]:
    """The events as they are folded: repeats of an event_id dropped, ordered by sequence, time and id."""
    stored: dict[str, FeedbackEvent] = {}
    for event in events:
        stored.setdefault(event.event_id, event)
    return sorted(stored.values(), key=_order)


class Folding:
    """A case while its events are applied one after another, in the order of `in_order`.

    Where it stands can be kept and taken up again (standing.py): a case to which later events are added ends as if all its
    events had been folded at once.
    """

    __slots__ = (
        "anomalies",
        "approved",
        "contract_reported",
        "contracted",
        "draw_applied",
        "drawn",
        "first_event_on",
        "furthest_state",
        "last",
        "last_event_at",
        "obstructions",
        "opened_on",
        "pauses",
        "reason_code",
        "reopen_max",
        "reopened",
        "rounds",
        "state",
        "state_since",
        "steps",
        "transitions",
    )

    def __init__(self, opened_on: date | None, *, transitions: Collection[tuple[str, str]], reopen_max: int) -> None:
        self.transitions = transitions
        self.reopen_max = reopen_max
        self.opened_on = opened_on
        self.state = PATH[0]
        self.state_since = opened_on
        self.steps = [] if opened_on is None else [Step(PATH[0], opened_on)]
        self.first_event_on: date | None = None
        self.rounds: list[Round] = []
        self.furthest_state = PATH[0]
        self.approved = self.contracted = self.drawn = _ZERO
        self.contract_reported = self.draw_applied = False
        self.obstructions: dict[str, OpenObstruction] = {}
        self.pauses: list[Pause] = []
        self.reason_code: str | None = None
        self.anomalies: list[Anomaly] = []
        self.reopened = 0
        self.last: tuple[int, datetime, str] | None = None
        self.last_event_at: datetime | None = None

    def follows(self, event: FeedbackEvent) -> bool:
        """Whether `event` comes after all that were taken, so that it can be taken now."""
        return self.last is None or _order(event) > self.last

    def take(self, event: FeedbackEvent) -> Taken:
        """Apply one event, or note it as an anomaly."""
        self._open(event)
        refusal = None
        if event.type == "obstructed":
            refusal = self._obstruct(event)
        elif event.type == "obstruction_cleared":
            self._clear(event)
        elif event.type == self.state:
            if event.type in _REPEATS_COUNT:
                self._apply(event)
        elif self._allowed(event.type):
            self._move(event)
        else:
            refusal = self._refuse(event)
        self.contract_reported |= event.type == "contracted"
        return Taken(event, refusal, self.approved, self.contracted, self.drawn)

    def _open(self, event: FeedbackEvent) -> None:
        self.last = _order(event)
        if self.last_event_at is None:
            self.first_event_on = event.local_date
            if self.opened_on is None:
                self.opened_on = self.state_since = event.local_date
            self.last_event_at = event.occurred_at
        else:
            self.last_event_at = max(self.last_event_at, event.occurred_at)

    def _allowed(self, type_: str) -> bool:
        if self.state == "declined" and self.reopened >= self.reopen_max:
            return False
        return (self.state, type_) in self.transitions

    def _move(self, event: FeedbackEvent) -> None:
        if self.state == "declined":
            self.rounds.append(Round(self.first_event_on, tuple(self.steps)))
            self.steps, self.first_event_on = [], event.local_date
            self.reopened += 1
        self.state, self.state_since = event.type, event.local_date
        if event.type in TERMINAL:
            self.reason_code = event.reason_code or OTHER_REASON
        elif RANK[event.type] > RANK[self.furthest_state]:
            self.furthest_state = event.type
        self._apply(event)

    def _apply(self, event: FeedbackEvent) -> None:
        self.steps.append(Step(event.type, event.local_date))
        self.draw_applied |= event.type == "drawn"
        if event.amount is None:
            return
        if event.type == "credit_approved":
            self.approved = event.amount
        elif event.type == "contracted":
            self.contracted = event.amount
        elif event.type == "drawn":
            self.drawn += event.amount

    def _refuse(self, event: FeedbackEvent) -> str:
        without_contract = event.type == "drawn" and self.state not in TERMINAL and not self.contract_reported
        reason = "G03c" if without_contract else "E08"
        self.anomalies.append(Anomaly(event.event_id, reason))
        return reason

    def _obstruct(self, event: FeedbackEvent) -> str | None:
        if self.state == "closed":
            self.anomalies.append(Anomaly(event.event_id, "E08"))
            return "E08"
        name = _obstruction_id(event)
        self.obstructions.setdefault(name, OpenObstruction(name, event.local_date, event.reason_code or OTHER_REASON))
        return None

    def _clear(self, event: FeedbackEvent) -> None:
        cleared = self.obstructions.pop(_obstruction_id(event), None)
        if cleared is not None:
            self.pauses.append(Pause(cleared.opened_on, event.local_date))

    def case(self) -> Case:
        """The outcome so far. ValueError where there was neither a push nor an event."""
        if self.opened_on is None or self.state_since is None:
            raise ValueError("a case opens with a push or with an event")
        rounds = (*self.rounds, Round(self.first_event_on, tuple(self.steps)))
        void = self.state in TERMINAL and not self.draw_applied
        return Case(
            opened_on=self.opened_on,
            state=self.state,
            state_since=self.state_since,
            entered=rounds[-1].entered,
            furthest_state=self.furthest_state,
            answered=self.last is not None,
            last_event_at=self.last_event_at,
            approved=_ZERO if void else self.approved,
            contracted=_ZERO if void else self.contracted,
            drawn=self.drawn,
            open_obstructions=tuple(self.obstructions.values()),
            pauses=(*self.pauses, *(Pause(open_.opened_on, None) for open_ in self.obstructions.values())),
            reason_code=self.reason_code,
            anomalies=tuple(self.anomalies),
            reopened=self.reopened,
            rounds=rounds,
        )


def _order(event: FeedbackEvent) -> tuple[int, datetime, str]:
    return (event.sequence, event.occurred_at, event.event_id)


def _obstruction_id(event: FeedbackEvent) -> str:
    return event.obstruction_id or f"{event.need_id}/{event.institution_code}"

"""A case (对接案件): one need at one institution, folded from the events that the institution reports.

Source: handbook section 7. The fold depends on the set of events alone: repeated, late and shuffled feedback gives the
same case as timely feedback. Amounts are in 万元; local dates are Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from include.base.business_time import SHANGHAI

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
"""The states in order; declined and closed are outside of it."""

TERMINAL = frozenset({"declined", "closed"})
EVENT_TYPES = frozenset(PATH[1:]) | TERMINAL | {"obstructed", "obstruction_cleared"}
"""The twelve types of the credit-market contract."""

OTHER_REASON = "R99"
RANK = {state: rank for rank, state in enumerate(PATH)}

_REPEATS_COUNT = frozenset({"credit_approved", "contracted", "drawn", "post_loan"})
_ZERO = Decimal(0)
_CENT = Decimal("0.01")


class FeedbackEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One report of an institution (反馈), fields as in the credit-market contract, without the free remark.

    `occurred_at` is aware. `amount` (万元) is None if the report has no usable one (E05). `counted_at` is set by us: the
    moment at which the event counts if `occurred_at` is implausible (E09; see `counted_at` in feedback.py).
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
    reapply_from: date | None = None
    institution_ref: str | None = None
    counted_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """The moment at which it counts in clocks, silences and figures."""
        return self.counted_at or self.occurred_at

    @property
    def local_date(self) -> date:
        """The day in Asia/Shanghai on which it counts."""
        return self.at.astimezone(SHANGHAI).date()


REPORTED = FeedbackEvent.__struct_fields__[:-1]
"""The fields that the institution reports; they are stored as reported."""


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An applied event: the state that it led to, or whose amount it changed, and the moment (Asia/Shanghai)."""

    state: str
    at: datetime

    @property
    def day(self) -> date:
        """Its local date."""
        return self.at.date()


class Round(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The course of a case from its start, or from a re-open; the decision limit starts at `first_event_at`."""

    first_event_at: datetime | None
    steps: tuple[Step, ...]

    @property
    def entered(self) -> dict[str, datetime]:
        """State → when it was first entered; skipped states are absent."""
        moments: dict[str, datetime] = {}
        for step in self.steps:
            moments.setdefault(step.state, step.at)
        return moments


class OpenObstruction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An obstruction (融资梗阻) that is not cleared yet."""

    obstruction_id: str
    opened_on: date
    reason_code: str


class Pause(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Days on which the clocks stop: after `obstructed_on`, up to and including `cleared_on`; None: still open."""

    obstructed_on: date
    cleared_on: date | None


class Anomaly(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that changed nothing because it contradicts earlier ones; `reason` is E08 or G03c."""

    event_id: str
    reason: str


class Case(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of the events. `opened_on` is the day of the push, or of the first event if there was no push."""

    opened_on: date
    state: str
    state_since: date
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
    rounds: tuple[Round, ...]

    @property
    def entered(self) -> dict[str, date]:
        """State → local date on which it was first entered since the start or the re-open; skipped states are absent."""
        return {state: at.date() for state, at in self.rounds[-1].entered.items()}

    @property
    def paused(self) -> bool:
        """Whether an obstruction is open, so that the clocks are stopped."""
        return bool(self.open_obstructions)


class Taken(msgspec.Struct, frozen=True, gc=False):
    """The result of one event in the fold, and the money of the case after it (万元, before a refusal or closure voids
    it).

    `refusal`: E08 or G03c if the event changed nothing because it contradicts earlier ones.
    """

    event: FeedbackEvent
    refusal: str | None
    approved: Decimal
    contracted: Decimal
    drawn: Decimal


def fold(
    opened_at: datetime | None,
    events: Iterable[FeedbackEvent],
    *,
    transitions: Collection[tuple[str, str]],
    reopen_max: int,
) -> Case:
    """The case that `events` result in.

    `opened_at`: when the need was pushed to this institution (aware); None if the institution was not asked and its
    first event opens the case. `events` are in any order; of two with one event_id the first counts. Raises ValueError
    if there is neither a push nor an event.
    """
    folding = Folding.opened(opened_at, transitions=transitions, reopen_max=reopen_max)
    for event in in_order(events):
        folding.take(event)
    return folding.case()


def in_order(events: Iterable[FeedbackEvent]) -> list[FeedbackEvent]:
    """The events in the order of the fold: by sequence, time and id, repeats of an event_id dropped."""
    stored: dict[str, FeedbackEvent] = {}
    for event in events:
        stored.setdefault(event.event_id, event)
    return sorted(stored.values(), key=_order)


class Standing(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """State of a fold: all that later events need to know of earlier ones. Moments are in Asia/Shanghai."""

    state: str = PATH[0]
    state_since: date | None = None
    opened_on: date | None = None
    steps: list[Step] = []
    first_event_at: datetime | None = None
    rounds: list[Round] = []
    furthest_state: str = PATH[0]
    approved: Decimal = _ZERO
    contracted: Decimal = _ZERO
    drawn: Decimal = _ZERO
    contract_reported: bool = False
    draw_applied: bool = False
    obstructions: dict[str, OpenObstruction] = {}
    pauses: list[Pause] = []
    reason_code: str | None = None
    anomalies: list[Anomaly] = []
    reopened: int = 0
    last: tuple[int, datetime, str] | None = None
    last_event_at: datetime | None = None


class Folding:
    """A case while its events are applied one after another, in the order of `in_order`.

    Its state can be stored and loaded again (standing.py): a case to which later events are added ends as if all its
    events had been folded at once.
    """

    __slots__ = ("_reopen_max", "_transitions", "standing")

    def __init__(self, standing: Standing, *, transitions: Collection[tuple[str, str]], reopen_max: int) -> None:
        self.standing = standing
        self._transitions = transitions
        self._reopen_max = reopen_max

    @classmethod
    def opened(
        cls, opened_at: datetime | None, *, transitions: Collection[tuple[str, str]], reopen_max: int
    ) -> Folding:
        """A case without events; arguments as for `fold`."""
        standing = Standing()
        if opened_at is not None:
            pushed = Step(PATH[0], opened_at.astimezone(SHANGHAI))
            standing = Standing(opened_on=pushed.day, state_since=pushed.day, steps=[pushed])
        return cls(standing, transitions=transitions, reopen_max=reopen_max)

    def follows(self, event: FeedbackEvent) -> bool:
        """Whether `event` comes after all events applied so far, so that it can be applied now."""
        last = self.standing.last
        return last is None or _order(event) > last

    def take(self, event: FeedbackEvent) -> Taken:
        """Apply one event, or record it as an anomaly."""
        standing = self.standing
        occurred_at = event.occurred_at.astimezone(SHANGHAI)
        at = occurred_at if event.counted_at is None else event.counted_at.astimezone(SHANGHAI)
        self._open((event.sequence, occurred_at, event.event_id), at)
        refusal = None
        if event.type == "obstructed":
            refusal = self._obstruct(event, at)
        elif event.type == "obstruction_cleared":
            self._clear(event, at)
        elif event.type == standing.state:
            if event.type in _REPEATS_COUNT:
                self._apply(event, at)
        elif self._allowed(event.type):
            self._move(event, at)
        else:
            refusal = self._refuse(event)
        standing.contract_reported |= event.type == "contracted"
        return Taken(event, refusal, standing.approved, standing.contracted, standing.drawn)

    def _open(self, order: tuple[int, datetime, str], at: datetime) -> None:
        standing = self.standing
        standing.last = order
        if standing.last_event_at is None:
            standing.first_event_at = standing.last_event_at = at
            if standing.opened_on is None:
                standing.opened_on = standing.state_since = at.date()
        elif at > standing.last_event_at:
            standing.last_event_at = at

    def _allowed(self, type_: str) -> bool:
        state = self.standing.state
        if state == "declined" and self.standing.reopened >= self._reopen_max:
            return False
        return (state, type_) in self._transitions

    def _move(self, event: FeedbackEvent, at: datetime) -> None:
        standing = self.standing
        if standing.state == "declined":
            standing.rounds.append(Round(standing.first_event_at, tuple(standing.steps)))
            standing.steps, standing.first_event_at = [], at
            standing.reopened += 1
        standing.state, standing.state_since = event.type, at.date()
        if event.type in TERMINAL:
            standing.reason_code = event.reason_code or OTHER_REASON
        elif RANK[event.type] > RANK[standing.furthest_state]:
            standing.furthest_state = event.type
        self._apply(event, at)

    def _apply(self, event: FeedbackEvent, at: datetime) -> None:
        standing = self.standing
        standing.steps.append(Step(event.type, at))
        standing.draw_applied |= event.type == "drawn"
        if event.amount is None:
            return
        # Equal sets of events must give equal stored text, however their amounts were written.
        amount = event.amount.quantize(_CENT)
        if event.type == "credit_approved":
            standing.approved = amount
        elif event.type == "contracted":
            standing.contracted = amount
        elif event.type == "drawn":
            standing.drawn += amount

    def _refuse(self, event: FeedbackEvent) -> str:
        standing = self.standing
        without_contract = event.type == "drawn" and standing.state not in TERMINAL and not standing.contract_reported
        reason = "G03c" if without_contract else "E08"
        standing.anomalies.append(Anomaly(event.event_id, reason))
        return reason

    def _obstruct(self, event: FeedbackEvent, at: datetime) -> str | None:
        if self.standing.state == "closed":
            self.standing.anomalies.append(Anomaly(event.event_id, "E08"))
            return "E08"
        name = _obstruction_id(event)
        self.standing.obstructions.setdefault(name, OpenObstruction(name, at.date(), event.reason_code or OTHER_REASON))
        return None

    def _clear(self, event: FeedbackEvent, at: datetime) -> None:
        cleared = self.standing.obstructions.pop(_obstruction_id(event), None)
        if cleared is not None:
            self.standing.pauses.append(Pause(cleared.opened_on, at.date()))

    def case(self) -> Case:
        """The case so far. Raises ValueError if there was neither a push nor an event."""
        standing = self.standing
        if standing.opened_on is None or standing.state_since is None:
            raise ValueError("a case opens with a push or with an event")
        rounds = (*standing.rounds, Round(standing.first_event_at, tuple(standing.steps)))
        open_ = tuple(standing.obstructions.values())
        void = standing.state in TERMINAL and not standing.draw_applied
        return Case(
            opened_on=standing.opened_on,
            state=standing.state,
            state_since=standing.state_since,
            furthest_state=standing.furthest_state,
            answered=standing.last is not None,
            last_event_at=standing.last_event_at,
            approved=_ZERO if void else standing.approved,
            contracted=_ZERO if void else standing.contracted,
            drawn=standing.drawn,
            open_obstructions=open_,
            pauses=(*standing.pauses, *(Pause(one.opened_on, None) for one in open_)),
            reason_code=standing.reason_code,
            anomalies=tuple(standing.anomalies),
            reopened=standing.reopened,
            rounds=rounds,
        )


def _order(event: FeedbackEvent) -> tuple[int, datetime, str]:
    return (event.sequence, event.occurred_at, event.event_id)


def _obstruction_id(event: FeedbackEvent) -> str:
    return event.obstruction_id or f"{event.need_id}/{event.institution_code}"

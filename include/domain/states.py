"""Every closed set of codes that the database stores or a page shows; their Chinese names are in include/words/.

A test compares the check constraints of include/store/tables with them.
"""

from __future__ import annotations

from enum import StrEnum, auto

from include.domain.outbox_states import (
    AttemptKind as AttemptKind,
    BreakerState as BreakerState,
    Channel as Channel,
    DeliveryAction as DeliveryAction,
    DeliveryState as DeliveryState,
    ErrorClass as ErrorClass,
    Outcome as Outcome,
    RerunState as RerunState,
)

# --- Needs and the gate ----------------------------------------------------------------------------------------------


class IntakeKind(StrEnum):
    """What an intake reads: a quarter at its cut-off, a department that reported late, what is new of a quarter, or new
    major needs."""

    QUARTERLY = auto()
    LATE = auto()
    REVIEW = auto()
    MAJOR = auto()

    @property
    def reads_whole(self) -> bool:
        """Whether it reads manifest and listing whole, and closes the quarter of its departments."""
        return self in (IntakeKind.QUARTERLY, IntakeKind.LATE)


class PlatformStatus(StrEnum):
    """Status of a need on the green platform (its contract)."""

    SUBMITTED = auto()
    RECOMMENDED = auto()
    RETURNED = auto()
    WITHDRAWN = auto()


class Severity(StrEnum):
    """Effect of a finding on a need: it is returned, held for a person, or only noted."""

    BLOCK = auto()
    HOLD = auto()
    WARN = auto()


class Verdict(StrEnum):
    """The gate's verdict on a record."""

    PASSED = auto()
    HELD = auto()
    RETURNED = auto()


class RecordOutcome(StrEnum):
    """Outcome of a listed record, in the order in which pages count."""

    PASSED = auto()
    RETURNED = auto()
    HELD = auto()
    SUPERSEDED = auto()
    UNREADABLE = auto()
    UNJUDGED = auto()


class HoldOrigin(StrEnum):
    """Why a need is held: by the gate's verdict, or because an earlier submission arrived later."""

    VERDICT = auto()
    LATE_HISTORY = auto()


class HoldState(StrEnum):
    """A held need (待核实)."""

    OPEN = auto()
    RELEASED = auto()
    RETURNED = auto()
    EXPIRED = auto()


class HoldEvent(StrEnum):
    """The history of a held need."""

    OPENED = auto()
    APPROVED = auto()
    CONFIRMED = auto()
    RELEASED = auto()
    RETURNED = auto()
    EXPIRED = auto()


class HoldTab(StrEnum):
    """The tabs of the worklist of holds: what waits, what waits for this person's second signature, what is done."""

    OPEN = auto()
    SECOND = auto()
    DECIDED = auto()


class HoldDecision(StrEnum):
    """What a person may decide about several holds at once; the last two only about late needs (DQ52)."""

    RELEASE = auto()
    CONFIRM = auto()
    THIS_QUARTER = auto()
    NEXT_QUARTER = auto()


class StopState(StrEnum):
    """State of a department's stop (B08)."""

    OPEN = auto()
    KEPT = auto()
    CONTINUED = auto()


class WithdrawalReason(StrEnum):
    """Why a need was withdrawn (both contracts)."""

    WITHDRAWN_BY_ENTERPRISE = auto()
    FACTORY_REMOVED = auto()
    DUPLICATE_PROJECT = auto()
    FALSE_INFORMATION = auto()


class WithdrawalDecision(StrEnum):
    """How a request of ours to withdraw a need ended."""

    CONFIRMED = auto()
    REJECTED = auto()
    TAKEN_BACK = auto()


# --- Alerts ----------------------------------------------------------------------------------------------------------


class AlertState(StrEnum):
    """An alert (警示); closed: no longer true."""

    OPEN = auto()
    CLEARED = auto()
    CONFIRMED = auto()
    CLOSED = auto()


class AlertEvent(StrEnum):
    """The history of an alert."""

    OPENED = auto()
    REPEATED = auto()
    CLEAR_AGREED = auto()
    CONFIRM_AGREED = auto()
    CLEARED = auto()
    CONFIRMED = auto()
    CLOSED = auto()


# --- Cases and feedback ----------------------------------------------------------------------------------------------


class CaseState(StrEnum):
    """A case (对接案件): the path in order, then the two ends outside of it."""

    PUSHED = auto()
    RECEIVED = auto()
    CONTACTED = auto()
    VISITED = auto()
    ACCEPTED = auto()
    CREDIT_APPROVED = auto()
    CONTRACTED = auto()
    DRAWN = auto()
    POST_LOAN = auto()
    DECLINED = auto()
    CLOSED = auto()


class NeedStage(StrEnum):
    """Where a need stands in a list (view need_stage): before its push the outcome, then its furthest case."""

    UNJUDGED = auto()
    RETURNED = auto()
    HELD = auto()
    PASSED = auto()
    PUSHED = auto()
    RECEIVED = auto()
    CONTACTED = auto()
    VISITED = auto()
    ACCEPTED = auto()
    CREDIT_APPROVED = auto()
    CONTRACTED = auto()
    DRAWN = auto()
    POST_LOAN = auto()
    UNMET = auto()
    WITHDRAWN = auto()


class Reached(StrEnum):
    """How far the matching of a pushed need came, as the circular counts it."""

    PUSHED = auto()
    ANSWERED = auto()
    APPROVED = auto()
    CONTRACTED = auto()
    DRAWN = auto()


class FeedbackType(StrEnum):
    """What an institution reports: the twelve types of the credit-market contract."""

    RECEIVED = auto()
    CONTACTED = auto()
    VISITED = auto()
    ACCEPTED = auto()
    CREDIT_APPROVED = auto()
    CONTRACTED = auto()
    DRAWN = auto()
    POST_LOAN = auto()
    DECLINED = auto()
    CLOSED = auto()
    OBSTRUCTED = auto()
    OBSTRUCTION_CLEARED = auto()


class ProgressStage(StrEnum):
    """How far the matching of a need has come, as factories and departments see it (the green platform's contract)."""

    PUSHED = auto()
    DISTRIBUTED = auto()
    CONTACTED = auto()
    ACCEPTED = auto()
    APPROVED = auto()
    CONTRACTED = auto()
    FUNDED_PARTLY = auto()
    FUNDED = auto()
    UNMET = auto()
    WITHDRAWN = auto()


# --- Who coordinates, stalls, obstructions ---------------------------------------------------------------------------


class Authority(StrEnum):
    """The two authorities that own every level jointly."""

    MIIT = "MIIT"
    PBOC = "PBOC"


class Level(StrEnum):
    """The levels of coordination, lowest first."""

    CITY = auto()
    PROVINCE = auto()
    NATION = auto()


class Stall(StrEnum):
    """Stalls: the rules of the handbook's section 8, and obstructions."""

    S01 = "S01"
    S02 = "S02"
    S03 = "S03"
    S04 = "S04"
    S05 = "S05"
    S06 = "S06"
    S07 = "S07"
    S08 = "S08"
    OBSTRUCTION = "OBSTRUCTION"


class BreachKind(StrEnum):
    """What is open; the first part of a breach's key."""

    LIMIT = auto()
    IDLE = auto()
    NO_CONTACT = auto()
    UNCLAIMED = auto()
    RETURN = auto()
    PUSH = auto()
    HOLD = auto()
    OBSTRUCTION = auto()
    CONFIRMATION = auto()
    ALERT = auto()


class StepState(StrEnum):
    """State of a step of the ladder: mailed, or overtaken by a higher one on the same day."""

    MAILED = auto()
    SUPERSEDED = auto()


class LinkKind(StrEnum):
    """What a coordinator's act is about: a need at one institution, a need as a whole, an obstruction, an alert."""

    CASE = auto()
    NEED = auto()
    OBSTRUCTION = auto()
    ALERT = auto()


class CoordinatorAct(StrEnum):
    """What a coordinator reports of a subject, by a link in a mail or in the console."""

    TAKEN_ON = auto()
    CONTACTED = auto()
    SETTLED = auto()
    NEEDS_TIME = auto()
    HANDED_OVER = auto()
    UNRESOLVABLE = auto()


class TicketState(StrEnum):
    """A ticket for an obstruction (融资梗阻工单)."""

    OPEN = auto()
    ACKNOWLEDGED = auto()
    IN_PROGRESS = auto()
    RESOLVED = auto()
    VERIFIED = auto()
    UNRESOLVABLE = auto()


class TicketAct(StrEnum):
    """What coordinators do to a ticket; the four statuses of the credit-market contract."""

    ACKNOWLEDGED = auto()
    IN_PROGRESS = auto()
    RESOLVED = auto()
    UNRESOLVABLE = auto()


class TicketEvent(StrEnum):
    """The history of a ticket."""

    OPENED = auto()
    ACKNOWLEDGED = auto()
    IN_PROGRESS = auto()
    RESOLVED = auto()
    UNRESOLVABLE = auto()
    CLIMBED = auto()
    OVERDUE = auto()
    VERIFIED = auto()
    REOPENED = auto()


# --- Reconciliation and reports --------------------------------------------------------------------------------------


class Difference(StrEnum):
    """A kind of difference between two ledgers, in the order in which they are looked for."""

    NOT_TAKEN_IN = auto()
    REVISION_WENT_BACK = auto()
    CONTENT_CHANGED = auto()
    NO_LONGER_LISTED = auto()
    NOT_JUDGED = auto()
    PUSH_NOT_QUEUED = auto()
    RETURN_NOT_QUEUED = auto()
    NOT_DELIVERED = auto()
    SUPERSEDED_UNEXPLAINED = auto()
    PUSHED_TWICE = auto()
    PUSHED_NOT_PASSED = auto()
    PUSH_NOT_TAKEN_BACK = auto()
    MISSING_IN_LEDGER = auto()
    UNKNOWN_IN_LEDGER = auto()
    RECEIPT_DIFFERS = auto()
    CONTENT_DIFFERS = auto()
    LEDGER_STATE_DIFFERS = auto()


class Condition(StrEnum):
    """How it stands with a task or a channel: not run yet, as it should be, late, or in trouble; the gravest last."""

    NEW = auto()
    GOOD = auto()
    LATE = auto()
    TROUBLED = auto()


class ManifestState(StrEnum):
    """Whether a department reported a quarter."""

    ON_TIME = auto()
    LATE = auto()
    MISSING = auto()

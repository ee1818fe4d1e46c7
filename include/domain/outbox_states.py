"""The closed sets of codes of the outbox and its tries; code outside imports them from include/domain/states.py."""

from __future__ import annotations

from enum import StrEnum, auto


class Channel(StrEnum):
    """The channel of a delivery."""

    MARKET = auto()
    GREEN_PLATFORM = auto()
    MAIL = auto()


class DeliveryAction(StrEnum):
    """What a delivery carries."""

    PUSH = auto()
    WITHDRAWAL = auto()
    RETURN = auto()
    PROGRESS = auto()
    OBSTRUCTION_UPDATE = auto()
    MAIL = auto()


class DeliveryState(StrEnum):
    """State of a delivery: pending and unknown are open; held waits for a person; closed by a person."""

    PENDING = auto()
    UNKNOWN = auto()
    DELIVERED = auto()
    SUPERSEDED = auto()
    HELD = auto()
    CLOSED = auto()


class AttemptKind(StrEnum):
    """Kind of a try; check: decided before anything was sent, so that the receiver cannot hold it."""

    SEND = auto()
    LOOK_UP = auto()
    CHECK = auto()


class Outcome(StrEnum):
    """Outcome of a try: the receiver's answer, or why there is none."""

    STARTED = auto()
    ACCEPTED = auto()
    DUPLICATE = auto()
    FOUND = auto()
    NOT_FOUND = auto()
    STALE = auto()
    DEFERRED = auto()
    REJECTED = auto()
    CONFLICT = auto()
    REFUSED = auto()
    LOST_ANSWER = auto()
    BUSY = auto()
    UNAVAILABLE = auto()
    NOT_SENT = auto()
    KEY_REUSED = auto()
    NEWER_REVISION = auto()
    WITHDRAWN = auto()
    FACTORY_REMOVED = auto()


class ErrorClass(StrEnum):
    """Why a delivery is not delivered."""

    REJECTED = auto()
    CONFLICT = auto()
    CLIENT_ERROR = auto()
    CONTACT_MISSING = auto()
    CONTENT_CHANGED = auto()
    EXHAUSTED = auto()
    FACTORY_REMOVED = auto()
    MAYBE_SENT = auto()
    LOST_ANSWER = auto()
    THROTTLED = auto()
    UNAVAILABLE = auto()
    DEFERRED = auto()


class BreakerState(StrEnum):
    """The circuit breaker of a channel (熔断)."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class RerunState(StrEnum):
    """A re-run of deliveries."""

    RUNNING = auto()
    DONE = auto()
    CANCELLED = auto()

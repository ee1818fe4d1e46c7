"""Shared by the senders of the channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Literal, Protocol

from include.base.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable
from include.delivery.outcomes import FRUITLESS_CLASSES, Claim, Kind, Result, unavailable

RequestOutcome = Literal["answered", "one_item", "no_answer"]

RECORDED_TOGETHER = 50
_KEPT_FOR_S = 10.0


class Sender(Protocol):
    """Sends leased deliveries of one channel."""

    @property
    def at_once(self) -> int:
        """How many deliveries to lease for one call of `send`."""
        ...

    def send(self, claims: Sequence[Claim]) -> Iterator[list[Result]]:
        """Send `claims`; yields the results set by set, each to be recorded before the next is sent.

        Raises PlatformUnavailable, CredentialsRefused or ConfigurationError if it cannot go on. Claims without a
        yielded result were not sent.
        """
        ...


def one_by_one(
    claims: Sequence[Claim], try_one: Callable[[Claim], Result], *, kind: Kind = "send"
) -> Iterator[list[Result]]:
    """The result of trying each claim; stops if the receiver is unreachable or refuses the credentials."""
    for claim in claims:
        try:
            result = try_one(claim)
        except PlatformUnavailable as error:
            yield [unavailable(claim, error, kind=kind)]
            raise
        yield [result]


def in_sets(requests: Iterator[list[Result]]) -> Iterator[list[Result]]:
    """Collects the results of small requests, so that they are recorded in sets.

    Results of an unanswered request are yielded at once, so that the breaker counts each; others are buffered for 10 s
    at most.
    """
    gathered: list[Result] = []
    began = monotonic()
    try:
        for results in requests:
            if not gathered:
                began = monotonic()
            if request_outcome(results) != "answered":
                yield gathered
                gathered = []
                yield results
                continue
            gathered += results
            if len(gathered) >= RECORDED_TOGETHER or monotonic() - began > _KEPT_FOR_S:
                yield gathered
                gathered = []
    except (PlatformUnavailable, CredentialsRefused, ConfigurationError):
        yield gathered
        raise
    yield gathered


def request_outcome(results: Sequence[Result]) -> RequestOutcome:
    """Result of a request: no_answer if no answer says anything about the items sent.

    A fault that may be of its only item says nothing about the receiver.
    """
    if not results or any(result.error_class not in FRUITLESS_CLASSES for result in results):
        return "answered"
    return "one_item" if len(results) == 1 and results[0].its_own else "no_answer"

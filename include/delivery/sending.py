"""What the senders of the channels have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Protocol

from include.delivery.outcomes import FRUITLESS_CLASSES, Claim, Kind, Result, unavailable
from include.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable

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

        Raises PlatformUnavailable, CredentialsRefused or ConfigurationError where it could not go on. Then, what no
        result was yielded for was not sent.
        """
        ...


def one_by_one(
    claims: Sequence[Claim], try_one: Callable[[Claim], Result], *, kind: Kind = "send"
) -> Iterator[list[Result]]:
    """The result of trying each claim; stops where the receiver is away or refuses the credentials."""
    for claim in claims:
        try:
            result = try_one(claim)
        except PlatformUnavailable as error:
            yield [unavailable(claim, error, kind=kind)]
            raise
        yield [result]


def in_sets(requests: Iterator[list[Result]]) -> Iterator[list[Result]]:
    """The results of small requests gathered, so that marks are written in sets.

    A request that came to nothing is told at once and alone, so that the breaker can count it; and nothing is kept for long.
    """
    gathered: list[Result] = []
    began = monotonic()
    try:
        for results in requests:
            if not gathered:
                began = monotonic()
            if came_to_nothing(results):
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


def came_to_nothing(results: Sequence[Result]) -> bool:
    """Whether a request got no answer that says anything about what was sent."""
    return bool(results) and all(result.error_class in FRUITLESS_CLASSES for result in results)

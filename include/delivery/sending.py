"""What the senders of the channels have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Literal, Protocol

from include.base.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable
from include.delivery.outcomes import FRUITLESS_CLASSES, Claim, Kind, Result, unavailable

CameTo = Literal["something", "one_item", "nothing"]

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
            if what_it_came_to(results) != "something":
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


def what_it_came_to(results: Sequence[Result]) -> CameTo:
    """What a request came to: nothing if no answer says anything of what was sent.

    A fault that may be of its one item alone says nothing of the receiver.
    """
    if not results or any(result.error_class not in FRUITLESS_CLASSES for result in results):
        return "something"
    return "one_item" if len(results) == 1 and results[0].its_own else "nothing"

"""What the senders of the channels have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from include.delivery.outcomes import Claim, Kind, Result, unavailable
from include.errors import CredentialsRefused, PlatformUnavailable

RECORDED_TOGETHER = 50


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
    """The results of trying each claim, in sets; stops where the receiver is away or refuses the credentials."""
    results: list[Result] = []
    for claim in claims:
        try:
            results.append(try_one(claim))
        except PlatformUnavailable as error:
            yield [*results, unavailable(claim, error, kind=kind)]
            raise
        except CredentialsRefused:
            yield results
            raise
        if len(results) == RECORDED_TOGETHER:
            yield results
            results = []
    yield results

"""Deliveries to the green platform: returns for correction (退回补正) and progress (对接进度).

Both carry an Idempotency-Key that never expires, so that an unknown outcome is settled by sending the same again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from include.delivery.outcomes import Claim, Result, lost, of_receipt, refused
from include.delivery.sending import RECORDED_TOGETHER, in_sets, one_by_one
from include.platforms.green_platform import GreenPlatformClient
from include.platforms.http import OutcomeUnknown, ProblemResponse


class GreenPlatformSender:
    """Sends to the green platform; implements `Sender`."""

    at_once = RECORDED_TOGETHER

    def __init__(self, client: GreenPlatformClient) -> None:
        self._client = client

    def send(self, claims: Sequence[Claim]) -> Iterator[list[Result]]:
        """Send each claim under its key."""
        yield from in_sets(one_by_one(claims, self._send_one))

    def _send_one(self, claim: Claim) -> Result:
        send = self._client.send_return if claim.action == "return" else self._client.send_progress
        try:
            receipt = send(claim.idempotency_key, claim.body.encode())
        except ProblemResponse as problem:
            return refused(claim, problem)
        except OutcomeUnknown as error:
            return lost(claim, error)
        return of_receipt(claim, receipt.receipt_no, repeated=receipt.repeated)

"""Deliveries to the credit-market platform: pushes in batches, withdrawals, answers to obstructions.

A push is built here, at the moment of sending, from the stored need (include/domain/push_payload.py); it is sent only
if its hash is the queued one. The contact's name and mobile join it here, and are stored nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
import sqlalchemy as sa

from include.base.errors import PlatformUnavailable
from include.base.privacy import PersonalDataCipher
from include.delivery.claim import obstacles
from include.delivery.outcomes import (
    Claim,
    Result,
    contact_missing,
    content_changed,
    lost,
    obsolete,
    of_item,
    of_look_up,
    refused,
    unavailable,
)
from include.delivery.push_rules import not_to_be_pushed
from include.delivery.sending import RECORDED_TOGETHER, in_sets, one_by_one
from include.domain.concealed import ConcealedText
from include.domain.push_payload import NoPush, Person, Push, contact_of, payload_sha256, push_of
from include.platforms.credit_market import CreditMarketClient, ItemResult
from include.platforms.http import OutcomeUnknown, PlatformFault, ProblemResponse
from include.reference import Policy
from include.store.database import array_of, fetch_rows
from include.store.sealed import CONTACT

# The refusal of a whole request may be due to a single item: halving finds it.
_MALFORMED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
# After so many failures an item is sent alone, so that it cannot block others.
_ALONE_AFTER = 3
# Leased and checked together: a set costs as much as a batch.
_BATCHES_AT_ONCE = 4


class MarketSender:
    """Sends to the credit-market platform; implements `Sender`."""

    def __init__(
        self,
        engine: sa.Engine,
        client: CreditMarketClient,
        cipher: PersonalDataCipher,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._client = client
        self._cipher = cipher
        self._policy = policy
        self._batch_size = policy.integer("push_batch_size")
        self._clock = clock

    @property
    def at_once(self) -> int:
        return max(self._batch_size * _BATCHES_AT_ONCE, RECORDED_TOGETHER)

    def send(self, claims: Sequence[Claim]) -> Iterator[list[Result]]:
        """Push in batches what may be pushed, then withdrawals and answers one by one; finally look up what is unknown.

        Failing look-ups take long, so everything that needs none is sent before.
        """
        pushes = [claim for claim in claims if claim.action == "push"]
        pending = [claim for claim in pushes if claim.state == "pending"]
        with self._engine.begin() as connection:
            stored = self._stored(connection, pushes)
            put_aside = [obsolete(claim, why) for claim, why in _outdated(connection, pending)]
            pending = _without(pending, put_aside)
            # A need's document is purged together with its contact: do not read it then.
            put_aside += [contact_missing(claim) for claim in pending if stored[claim.delivery_id].person is None]
            pending = _without(pending, put_aside)
            put_aside += [content_changed(claim) for claim in pending if stored[claim.delivery_id].content is None]
            pending = _without(pending, put_aside)
            usccs = {claim.delivery_id: stored[claim.delivery_id].uscc for claim in pending}
            put_aside += not_to_be_pushed(connection, pending, usccs, self._clock(), self._policy)
        pending = _without(pending, put_aside)
        yield put_aside
        yield from in_sets(self._requests(claims, pending, stored))

    def _requests(
        self, claims: Sequence[Claim], pending: Sequence[Claim], stored: Mapping[int, _Stored]
    ) -> Iterator[list[Result]]:
        """The results of one request after another."""
        for batch in self._batches(pending):
            yield from self._push(batch, stored)
        yield from one_by_one([claim for claim in claims if claim.action != "push"], self._send_one)
        unknown = [claim for claim in claims if claim.action == "push" and claim.state == "unknown"]
        yield from one_by_one(unknown, lambda claim: self._look_up(claim, stored[claim.delivery_id]), kind="look_up")

    def _stored(self, connection: sa.Connection, pushes: Sequence[Claim]) -> dict[int, _Stored]:
        """The stored data of these pushes' needs, by delivery_id."""
        if not pushes:
            return {}
        found = fetch_rows(connection, _STORED, {"ids": array_of(claim.delivery_id for claim in pushes)})
        return {claim.delivery_id: _Stored() for claim in pushes} | {row[0]: self._opened(*row[1:]) for row in found}

    def _opened(
        self,
        sha256: str,
        uscc: str | None,
        need_id: str,
        revision: int,
        branch_code: str | None,
        document: str,
        sealed: bytes | None,
    ) -> _Stored:
        if sealed is None:
            return _Stored(uscc=uscc)
        person = contact_of(self._cipher.decrypt(sealed, CONTACT.place(need_id, revision)))
        try:
            content = push_of(need_id, revision, branch_code, document)
        except NoPush:
            return _Stored(uscc=uscc, person=person)
        return _Stored(uscc=uscc, person=person, content=content if content.sha256 == sha256 else None)

    def _batches(self, claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
        together = [claim for claim in claims if claim.series.failures < _ALONE_AFTER]
        for start in range(0, len(together), self._batch_size):
            yield together[start : start + self._batch_size]
        yield from ([claim] for claim in claims if claim.series.failures >= _ALONE_AFTER)

    def _push(self, claims: Sequence[Claim], stored: Mapping[int, _Stored]) -> Iterator[list[Result]]:
        try:
            items = self._client.push_batch([stored[claim.delivery_id].item(claim.idempotency_key) for claim in claims])
        except ProblemResponse as problem:
            if len(claims) > 1 and problem.status in _MALFORMED:
                middle = len(claims) // 2
                yield from self._push(claims[:middle], stored)
                yield from self._push(claims[middle:], stored)
            else:
                yield [refused(claim, problem, *_personal(claims, stored)) for claim in claims]
        except OutcomeUnknown as error:
            yield [lost(claim, error) for claim in claims]
        except PlatformUnavailable as error:
            yield [unavailable(claim, error) for claim in claims]
            raise
        else:
            personal = _personal(claims, stored) if any(item is not None and item.errors for item in items) else ()
            yield [of_item(claim, item, *personal) for claim, item in zip(claims, items, strict=True)]

    def _look_up(self, claim: Claim, stored: _Stored) -> Result:
        assert claim.need_id is not None and claim.revision is not None
        try:
            entry = self._client.look_up(claim.need_id, claim.revision)
        except ProblemResponse as problem:
            return refused(claim, problem, kind="look_up")
        except PlatformFault as fault:
            return unavailable(claim, fault, kind="look_up")
        sent = stored.payload_sha256()
        return of_look_up(claim, entry, sent)

    def _send_one(self, claim: Claim) -> Result:
        try:
            return of_item(claim, self._request(claim))
        except ProblemResponse as problem:
            return refused(claim, problem)
        except OutcomeUnknown as error:
            return lost(claim, error)

    def _request(self, claim: Claim) -> ItemResult:
        body = {"idempotency_key": claim.idempotency_key} | msgspec.json.decode(claim.body)
        if claim.action == "withdrawal":
            return self._client.withdraw(body)
        return self._client.obstruction_update(body.pop("obstruction_id"), body)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Stored data of a pushed need. `person`: None without a contact (any more); `content`: None if it differs from
    what was queued."""

    uscc: str | None = None
    person: Person | None = None
    content: Push | None = None

    def item(self, idempotency_key: str) -> dict[str, Any]:
        """The item to send; both parts must be present."""
        assert self.content is not None and self.person is not None
        return self.content.item(idempotency_key, self.person)

    def payload_sha256(self) -> str | None:
        """Of the sent payload; None if it cannot be computed any more."""
        if self.content is None or self.person is None:
            return None
        return payload_sha256(self.content.payload_with(self.person))


def _personal(claims: Sequence[Claim], stored: Mapping[int, _Stored]) -> tuple[ConcealedText, ...]:
    """The values that must not be repeated from a message of the platform."""
    people = (stored[claim.delivery_id].person for claim in claims)
    return tuple(
        ConcealedText(value) for person in people if person is not None for value in person.content().values() if value
    )


_STORED = sa.text(
    """
    select push.delivery_id, push.body_sha256, version.uscc, version.need_id, version.revision, version.branch_code,
           version.document, contact.ciphertext
    from delivery push join need_version version using (need_id, revision) left join contact using (need_id, revision)
    where push.delivery_id = any(cast(:ids as bigint[]))
    """
)


def _outdated(connection: sa.Connection, pushes: Sequence[Claim]) -> list[tuple[Claim, str]]:
    found = obstacles(connection, [claim.delivery_id for claim in pushes]) if pushes else {}
    return [(claim, found[claim.delivery_id]) for claim in pushes if claim.delivery_id in found]


def _without(claims: Sequence[Claim], settled: Sequence[Result]) -> list[Claim]:
    gone = {result.claim.delivery_id for result in settled}
    return [claim for claim in claims if claim.delivery_id not in gone]

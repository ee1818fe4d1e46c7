"""Deliveries to the credit-market platform: pushes in batches, withdrawals, answers to obstructions.

The contact's name and mobile join a push here, at the moment of sending, and are kept nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from include.domain.push_payload import Person, contact_of, payload_sha256, with_contact
from include.platforms.credit_market import CreditMarketClient, ItemResult
from include.platforms.http import OutcomeUnknown, PlatformFault, ProblemResponse
from include.store.sealed import CONTACT

# A refusal of the whole request may be due to a single item: the halves tell which.
_MALFORMED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
# After so many failures an item goes alone, so that it cannot keep others from arriving.
_ALONE_AFTER = 3
# Leased and checked together: a set costs as much as a batch.
_BATCHES_AT_ONCE = 2


class MarketSender:
    """Sends to the credit-market platform; implements `Sender`."""

    def __init__(
        self,
        engine: sa.Engine,
        client: CreditMarketClient,
        cipher: PersonalDataCipher,
        batch_size: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._client = client
        self._cipher = cipher
        self._batch_size = batch_size
        self._clock = clock

    @property
    def at_once(self) -> int:
        return max(self._batch_size * _BATCHES_AT_ONCE, RECORDED_TOGETHER)

    def send(self, claims: Sequence[Claim]) -> Iterator[list[Result]]:
        """Push in batches what may be pushed, then withdrawals and answers one by one; at last look up what is unknown.

        A look-up that fails again and again takes long: what waits behind nobody's answer leaves before it.
        """
        pushes = [claim for claim in claims if claim.action == "push"]
        pending = [claim for claim in pushes if claim.state == "pending"]
        with self._engine.begin() as connection:
            people = self._contacts(connection, pushes)
            put_aside = [obsolete(claim, why) for claim, why in _outdated(connection, pending)]
            pending = _without(pending, put_aside)
            # With its contact a need's body is purged as well: nothing more may be read from it.
            put_aside += [contact_missing(claim) for claim in pending if claim.delivery_id not in people]
            pending = _without(pending, put_aside)
            put_aside += not_to_be_pushed(connection, pending, self._clock())
        pending = _without(pending, put_aside)
        yield put_aside
        yield from in_sets(self._requests(claims, pending, people))

    def _requests(
        self, claims: Sequence[Claim], pending: Sequence[Claim], people: dict[int, Person]
    ) -> Iterator[list[Result]]:
        """The results of one request after another."""
        for batch in self._batches(pending):
            yield from self._push(batch, people)
        yield from one_by_one([claim for claim in claims if claim.action != "push"], self._send_one)
        unknown = [claim for claim in claims if claim.action == "push" and claim.state == "unknown"]
        yield from one_by_one(
            unknown, lambda claim: self._look_up(claim, people.get(claim.delivery_id)), kind="look_up"
        )

    def _contacts(self, connection: sa.Connection, pushes: Sequence[Claim]) -> dict[int, Person]:
        """Name and mobile by delivery_id; left out where there is no contact (any more)."""
        if not pushes:
            return {}
        rows = connection.execute(_SEALED, {"need_ids": [claim.need_id for claim in pushes]})
        sealed = {(row.need_id, row.revision): row.ciphertext for row in rows}
        people = {}
        for claim in pushes:
            ciphertext = sealed.get((claim.need_id, claim.revision))
            if ciphertext is not None:
                people[claim.delivery_id] = contact_of(
                    self._cipher.decrypt(ciphertext, CONTACT.place(claim.need_id, claim.revision))
                )
        return people

    def _batches(self, claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
        together = [claim for claim in claims if claim.series.failures < _ALONE_AFTER]
        for start in range(0, len(together), self._batch_size):
            yield together[start : start + self._batch_size]
        yield from ([claim] for claim in claims if claim.series.failures >= _ALONE_AFTER)

    def _push(self, claims: Sequence[Claim], people: dict[int, Person]) -> Iterator[list[Result]]:
        try:
            items = self._client.push_batch(
                [need_item(claim.body, claim.idempotency_key, people[claim.delivery_id]) for claim in claims]
            )
        except ProblemResponse as problem:
            if len(claims) > 1 and problem.status in _MALFORMED:
                middle = len(claims) // 2
                yield from self._push(claims[:middle], people)
                yield from self._push(claims[middle:], people)
            else:
                yield [refused(claim, problem, *_personal(claims, people)) for claim in claims]
        except OutcomeUnknown as error:
            yield [lost(claim, error) for claim in claims]
        except PlatformUnavailable as error:
            yield [unavailable(claim, error) for claim in claims]
            raise
        else:
            personal = _personal(claims, people) if any(item is not None and item.errors for item in items) else ()
            yield [of_item(claim, item, *personal) for claim, item in zip(claims, items, strict=True)]

    def _look_up(self, claim: Claim, person: Person | None) -> Result:
        assert claim.need_id is not None and claim.revision is not None
        try:
            entry = self._client.look_up(claim.need_id, claim.revision)
        except ProblemResponse as problem:
            return refused(claim, problem, kind="look_up")
        except PlatformFault as fault:
            return unavailable(claim, fault, kind="look_up")
        sent = payload_sha256(with_contact(claim.body, person)[1]) if person else None
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


def _personal(claims: Sequence[Claim], people: dict[int, Person]) -> tuple[ConcealedText, ...]:
    """The values that a message of the platform must not carry on."""
    contacts = (people[claim.delivery_id].content() for claim in claims)
    return tuple(ConcealedText(value) for contact in contacts for value in contact.values() if value)


_SEALED = sa.text("select need_id, revision, ciphertext from contact where need_id = any(:need_ids)")


def _outdated(connection: sa.Connection, pushes: Sequence[Claim]) -> list[tuple[Claim, str]]:
    found = obstacles(connection, [claim.delivery_id for claim in pushes]) if pushes else {}
    return [(claim, found[claim.delivery_id]) for claim in pushes if claim.delivery_id in found]


def _without(claims: Sequence[Claim], settled: Sequence[Result]) -> list[Claim]:
    gone = {result.claim.delivery_id for result in settled}
    return [claim for claim in claims if claim.delivery_id not in gone]


def need_item(frozen_body: str, idempotency_key: str, person: Person) -> dict[str, Any]:
    """The contract's NeedItem; its payload is sent as it was hashed."""
    body, payload = with_contact(frozen_body, person)
    return body | {
        "idempotency_key": idempotency_key,
        "payload": msgspec.Raw(payload),
        "payload_sha256": payload_sha256(payload),
    }

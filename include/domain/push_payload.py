"""The payload of a push (推送内容): the stored content joined with the contact at the moment of sending."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from include.base.canonical import canonical_parts
from include.domain.concealed import Concealed


class Person(msgspec.Struct, frozen=True):
    """The contact (联系人) of a need as the credit-market platform gets it. Never shown."""

    name: Any = None
    mobile: Any = None

    def __repr__(self) -> str:
        return "<contact>"

    def content(self) -> dict[str, Any]:
        """The content, as in the contract's payload."""
        return {"name": self.name, "mobile": self.mobile}


def contact_of(plaintext: bytes) -> Person:
    """The contact as stored, without what the platform does not get."""
    return _CONTACT.decode(plaintext)


def personal_values(plaintext: bytes) -> set[str]:
    """The texts of a stored contact, e-mail address included; texts too short to be recognised elsewhere are left out."""
    given = msgspec.json.decode(plaintext)
    values = given.values() if isinstance(given, dict) else ()
    return {value for value in values if isinstance(value, str) and len(value.strip()) > 1}


def with_contact(frozen_body: str, person: Person) -> tuple[dict[str, Any], Concealed]:
    """The body of a push in the outbox, and its payload with the contact as canonical JSON."""
    body, written = canonical_parts(frozen_body)
    payload = body["payload"]
    enterprise = payload["enterprise"]
    return body, Concealed(written(payload | {"enterprise": enterprise | {"contact": person.content()}}))


def payload_sha256(payload: bytes) -> str:
    """The contract's payload_sha256 of a payload as canonical JSON."""
    return hashlib.sha256(payload).hexdigest()


_CONTACT = msgspec.json.Decoder(Person)

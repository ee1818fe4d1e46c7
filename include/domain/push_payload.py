"""The content of a push (推送): a function of rows that never change, so that it is not stored a second time.

The body is built from the stored need when it is queued, for its hash, and again whenever it is sent or compared. The
contact joins its payload only then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from include.base.canonical import canonical_parts
from include.domain.concealed import Concealed
from include.domain.identifiers import normalise_id


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


class NoPush(ValueError):
    """The stored need has nothing to push: it was purged, or lacks a section of the form."""


@dataclass(frozen=True, slots=True)
class Push:
    """The content of a push, without the contact.

    `head`: the contract's NeedItem without payload, hash and key. `sha256`: lower-case hex SHA-256 of head and payload, both as
    canonical JSON (RFC 8785), one after the other.
    """

    head: Mapping[str, Any]
    sha256: str
    _payload: bytes
    """As canonical JSON, with null for the contact."""
    _written: Callable[[Any], bytes]

    def payload_with(self, person: Person) -> Concealed:
        """The contract's payload as canonical JSON."""
        contact = self._written(person.content())
        # No text holds these bytes, since its quotes are escaped, and the form has no other member of this name.
        return Concealed(self._payload.replace(_NO_CONTACT, _CONTACT_MEMBER + contact, 1))

    def item(self, idempotency_key: str, person: Person) -> dict[str, Any]:
        """The contract's NeedItem; its payload is sent as it is hashed."""
        payload = self.payload_with(person)
        return {
            **self.head,
            "idempotency_key": idempotency_key,
            "payload": msgspec.Raw(payload),
            "payload_sha256": payload_sha256(payload),
        }


def push_of(need_id: str, revision: int, branch_code: str | None, document: str) -> Push:
    """The push of a stored need (table need_version): identifiers normalised, all else as filed (handbook, section 6).

    Raises NoPush.
    """
    try:
        filed, written = canonical_parts(document)
        enterprise, project, finance = filed["enterprise"], filed["project"], filed["finance"]
        if isinstance(code := project.get("project_code"), str):
            project["project_code"] = normalise_id(code)
        head = {
            "need_id": need_id,
            "revision": revision,
            "quarter": filed["quarter"],
            "is_major": filed["is_major"],
            "branch_code": branch_code,
            "intended_institutions": finance.get("intended_institutions") or [],
        }
        payload = written(
            {
                "enterprise": enterprise | {"uscc": normalise_id(enterprise["uscc"]), "contact": None},
                "project": project,
                "finance": finance,
                "benefit": filed["benefit"],
            }
        )
        return Push(head, _sha256(written(head) + payload), payload, written)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NoPush(f"{need_id} revision {revision}: {type(error).__name__}") from None


def payload_sha256(payload: bytes) -> str:
    """The contract's payload_sha256 of a payload as canonical JSON."""
    return _sha256(payload)


def _sha256(content: bytes) -> str:
    """In pieces for which Python keeps its lock: to hand it to another worker's thread and back takes longer than the hash."""
    found = hashlib.sha256(content[:_PIECE])
    for start in range(_PIECE, len(content), _PIECE):
        found.update(content[start : start + _PIECE])
    return found.hexdigest()


_CONTACT = msgspec.json.Decoder(Person)
_PIECE = 2047
_CONTACT_MEMBER = b'"contact":'
_NO_CONTACT = _CONTACT_MEMBER + b"null"

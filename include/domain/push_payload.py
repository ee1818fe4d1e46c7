"""What a push (推送) says of a need: a function of rows that never change, so that it is stored nowhere a second time.

The body is built from the stored need when it is queued, for its hash, and built again whenever it is sent or compared. The contact
joins its payload only then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
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
    """The stored need holds nothing that could be pushed: it was purged, or lacks a section of the form."""


@dataclass(frozen=True)
class Push:
    """The content of a push, without the contact.

    `head`: the contract's NeedItem without payload, hash and key. `payload`: the sections of the form.
    """

    head: Mapping[str, Any]
    payload: Mapping[str, Any]
    _written: Callable[[Any], bytes]

    @cached_property
    def sha256(self) -> str:
        """Lower-case hex SHA-256 of head and payload as canonical JSON (RFC 8785)."""
        payload = self._sections | {"enterprise": msgspec.Raw(self._written(self.payload["enterprise"]))}
        return hashlib.sha256(_sorted_json({**self.head, "payload": payload})).hexdigest()

    def payload_with(self, person: Person) -> Concealed:
        """The contract's payload as canonical JSON, with the contact."""
        enterprise = self._written(self.payload["enterprise"] | {"contact": person.content()})
        return Concealed(_sorted_json(self._sections | {"enterprise": msgspec.Raw(enterprise)}))

    def item(self, idempotency_key: str, person: Person) -> dict[str, Any]:
        """The contract's NeedItem; its payload is sent as it is hashed."""
        payload = self.payload_with(person)
        return {
            **self.head,
            "idempotency_key": idempotency_key,
            "payload": msgspec.Raw(payload),
            "payload_sha256": payload_sha256(payload),
        }

    @cached_property
    def _sections(self) -> dict[str, msgspec.Raw]:
        """The sections that hold nothing personal, written once for both hashes."""
        return {name: msgspec.Raw(self._written(self.payload[name])) for name in _WITHOUT_CONTACT}


def push_of(need_id: str, revision: int, branch_code: str | None, document: str) -> Push:
    """The push of a stored need (table need_version): identifiers normalised, all else as filed (handbook, section 6).

    Raises NoPush.
    """
    try:
        filed, written = canonical_parts(document)
        enterprise, project, finance = filed["enterprise"], filed["project"], filed["finance"]
        project_code = project.get("project_code")
        return Push(
            {
                "need_id": need_id,
                "revision": revision,
                "quarter": filed["quarter"],
                "is_major": filed["is_major"],
                "branch_code": branch_code,
                "intended_institutions": finance.get("intended_institutions") or [],
            },
            {
                "enterprise": enterprise | {"uscc": normalise_id(enterprise["uscc"])},
                "project": project | {"project_code": normalise_id(project_code)}
                if isinstance(project_code, str)
                else project,
                "finance": finance,
                "benefit": filed["benefit"],
            },
            written,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NoPush(f"{need_id} revision {revision}: {type(error).__name__}") from None


def payload_sha256(payload: bytes) -> str:
    """The contract's payload_sha256 of a payload as canonical JSON."""
    return hashlib.sha256(payload).hexdigest()


_WITHOUT_CONTACT = ("benefit", "finance", "project")
_CONTACT = msgspec.json.Decoder(Person)
_sorted_json = msgspec.json.Encoder(order="sorted").encode

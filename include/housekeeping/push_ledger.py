"""What was passed on of a need, to whom and when (对外提供个人信息的记录): kept after the personal data itself is purged.

While the need is stored, the fields of a push and the hash of its payload follow from it and the contact; the purge stores
them before it empties either. The hash is keyed: it proves what was sent to whoever holds the payload, and reveals
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.base.privacy import PersonalDataCipher
from include.domain.push_payload import NoPush, Person, contact_of, payload_sha256, push_of
from include.store.sealed import CONTACT

EMPTIED_BODY = "{}"
_CONTACT_FIELDS = ("enterprise.contact.mobile", "enterprise.contact.name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A push that reached the credit-market platform; `payload_hash`: None if the contact was purged before it was stored."""

    need_id: str
    revision: int
    receiver: str
    fields: Sequence[str]
    payload_hash: str | None
    delivered_at: datetime
    receipt_no: str | None


def passed_on(connection: sa.Connection, cipher: PersonalDataCipher, need_id: str) -> Sequence[Passed]:
    """Every delivered push of a need, in order."""
    found = []
    for push in connection.execute(_DELIVERED, {"need_id": need_id}):
        fields, payload_hash = push.payload_fields, push.payload_hash
        if fields is None:
            fields, payload_hash = _fields_and_hash(cipher, push)
        found.append(
            Passed(
                need_id=push.need_id,
                revision=push.revision,
                receiver=push.channel,
                fields=fields,
                payload_hash=payload_hash,
                delivered_at=push.settled_at,
                receipt_no=push.receipt_no,
            )
        )
    return found


def note_pushes(connection: sa.Connection, cipher: PersonalDataCipher, need_ids: Sequence[str]) -> None:
    """Store the fields and the payload's hash of each push of these needs, before the need and its contact are purged."""
    noted = [
        {"delivery_id": push.delivery_id, "fields": fields, "payload_hash": payload_hash}
        for push in connection.execute(_NOT_NOTED, {"need_ids": need_ids}).all()
        for fields, payload_hash in (_fields_and_hash(cipher, push),)
    ]
    if noted:
        connection.execute(_NOTE, noted)


def _fields_and_hash(cipher: PersonalDataCipher, push: sa.Row[Any]) -> tuple[list[str], str | None]:
    try:
        content = push_of(push.need_id, push.revision, push.branch_code, push.document)
    except NoPush:
        return sorted(_CONTACT_FIELDS), None
    fields = sorted({*_paths("", json.loads(content.payload_with(Person())))})
    if push.ciphertext is None:
        return fields, None
    try:
        person = contact_of(cipher.decrypt(push.ciphertext, CONTACT.place(push.need_id, push.revision)))
    except UserFacingError:
        # The key is lost or the row was changed: that is no reason to keep what must be purged.
        return fields, None
    return fields, cipher.keyed(payload_sha256(content.payload_with(person)))


def _paths(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from _paths(f"{path}.{name}" if path else name, child)
    elif isinstance(value, list):
        for element in value:
            yield from _paths(f"{path}[]", element)
    else:
        yield path


_COLUMNS = "push.delivery_id, push.need_id, push.revision, version.branch_code, version.document, contact.ciphertext"
_DELIVERED = sa.text(
    f"""
    select {_COLUMNS}, push.channel, push.payload_fields, push.payload_hash, push.settled_at, push.receipt_no
    from delivered_push push join need_version version using (need_id, revision) left join contact using (need_id, revision)
    where push.need_id = :need_id
    order by push.delivery_id
    """
)
_NOT_NOTED = sa.text(
    f"""
    select {_COLUMNS}
    from delivery push join need_version version using (need_id, revision) left join contact using (need_id, revision)
    where push.need_id = any(:need_ids) and push.action = 'push' and push.state not in ('pending', 'unknown')
      and push.payload_fields is null and push.body_sha256 <> ''
    """
)
_NOTE = sa.text(
    "update delivery set payload_fields = :fields, payload_hash = :payload_hash where delivery_id = :delivery_id"
)

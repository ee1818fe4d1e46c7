"""Purges the personal data of needs wherever it is stored: at the end of the term, and on request.

Purged: contacts, raw payloads, documents and free texts of needs, amendments, remarks and free texts of feedback, notes
of obstructions and acknowledgements, remarks of coordinators, bodies of deliveries, and names of persons. Kept:
identifiers, codes, amounts, verdicts, keyed hashes, the push ledger, and the reasons of acts, into which no personal data may be written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.base.privacy import PersonalDataCipher
from include.domain.push_payload import personal_values
from include.housekeeping.push_ledger import EMPTIED_BODY, note_pushes
from include.store.sealed import CONTACT
from include.words.shown import MASK, is_sole_proprietor, scrubbed

EMPTIED_DOCUMENT = "{}"
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """Counts: contacts deleted, payloads emptied, rows of other tables emptied."""

    contacts: int = 0
    payloads: int = 0
    texts: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            contacts=self.contacts + other.contacts,
            payloads=self.payloads + other.payloads,
            texts=self.texts + other.texts,
        )

    def __bool__(self) -> bool:
        return bool(self.contacts or self.payloads or self.texts)


def purge(connection: sa.Connection, cipher: PersonalDataCipher, need_ids: Sequence[str]) -> Purged:
    """Purge the personal data of these needs; what is purged already is not counted again.

    None of them may have a push that is still to be sent: the caller checks.
    """
    done = Purged()
    for start in range(0, len(need_ids), _BATCH):
        done += _purge(connection, cipher, list(need_ids[start : start + _BATCH]))
    return done


def _purge(connection: sa.Connection, cipher: PersonalDataCipher, need_ids: list[str]) -> Purged:
    note_pushes(connection, cipher, need_ids)
    hidden = _needs_named_after_persons(connection, cipher, need_ids)
    asked = {"need_ids": need_ids, "hidden": hidden, "document": EMPTIED_DOCUMENT, "body": EMPTIED_BODY}
    contacts = connection.execute(_CONTACTS, asked).rowcount
    payloads = connection.execute(_PAYLOADS, asked).rowcount
    texts = sum(connection.execute(statement, asked).rowcount for statement in _TEXTS)
    return Purged(contacts=contacts, payloads=payloads, texts=texts)


def _needs_named_after_persons(connection: sa.Connection, cipher: PersonalDataCipher, need_ids: list[str]) -> list[str]:
    """The needs whose names contain a person: of sole proprietors, or with a value of the contact, a number or an address."""
    names: dict[str, set[str]] = defaultdict(set)
    secrets: dict[str, set[str]] = defaultdict(set)
    hidden = set()
    for row in connection.execute(_NAMES, {"need_ids": need_ids}):
        names[row.need_id] |= {name for name in (row.enterprise_name, row.project_name) if name}
        if is_sole_proprietor(row.uscc):
            hidden.add(row.need_id)
        if row.ciphertext is not None:
            try:
                secrets[row.need_id] |= personal_values(_opened(cipher, row))
            except UserFacingError:
                hidden.add(row.need_id)  # A value that cannot be compared is not kept.
    for need_id, found in names.items():
        if any(MASK in scrubbed(name.replace(MASK, ""), *secrets[need_id]) for name in found):
            hidden.add(need_id)
    return sorted(hidden)


def _opened(cipher: PersonalDataCipher, row: sa.Row[Any]) -> bytes:
    return cipher.decrypt(row.ciphertext, CONTACT.place(row.need_id, row.revision))


_NAMES = sa.text(
    """
    select version.need_id, version.revision, version.uscc, version.enterprise_name, version.project_name, contact.ciphertext
    from need_version version left join contact using (need_id, revision)
    where version.need_id = any(:need_ids) and (version.enterprise_name is not null or version.project_name is not null)
    """
)

_CONTACTS = sa.text("delete from contact where need_id = any(:need_ids)")

# The hash stays, so that verdicts and listings still refer to what was received.
_PAYLOADS = sa.text(
    """
    update raw_payload set ciphertext = ''
    where ciphertext <> '' and raw_sha256 in (
        select item.raw_sha256 from intake_item item where item.need_id = any(:need_ids)
        union select version.raw_sha256 from need_version version where version.need_id = any(:need_ids)
    )
    """
)

_TEXTS = tuple(
    map(
        sa.text,
        (
            "update need_version set document = :document where need_id = any(:need_ids) and document <> :document",
            """
            update need_version set enterprise_name = null, project_name = null
            where need_id = any(:hidden) and (enterprise_name is not null or project_name is not null)
            """,
            "update need_fingerprint set mobile = null where need_id = any(:need_ids) and mobile is not null",
            "update need_fingerprint set project_name = null where need_id = any(:hidden) and project_name is not null",
            """
            update amendment set before = null, after = null
            where need_id = any(:need_ids) and (before is not null or after is not null)
            """,
            """
            update feedback_event set sealed = null, use_of_funds = null, institution_ref = null, document = ''
            where need_id = any(:need_ids) and document <> ''
            """,
            """
            update obstruction_event event set note = '' from obstruction_ticket ticket
            where ticket.ticket_id = event.ticket_id and ticket.need_id = any(:need_ids) and event.note <> ''
            """,
            "update coordinator_act set remark = '' where need_id = any(:need_ids) and remark <> ''",
            "update escalation_acknowledgement set note = '' where need_id = any(:need_ids) and note <> ''",
            """
            update delivery set body_sha256 = ''
            where need_id = any(:need_ids) and action = 'push' and state not in ('pending', 'unknown') and body_sha256 <> ''
            """,
            # Returns and progress reports hold codes, days and amounts, and are read again later.
            """
            update delivery set body = :body, body_sha256 = ''
            where need_id = any(:need_ids) and body <> :body
              and action in ('withdrawal', 'obstruction_update') and state in ('delivered', 'superseded', 'closed')
            """,
            """
            update delivery_attempt attempt set detail = null from delivery
            where delivery.delivery_id = attempt.delivery_id and delivery.need_id = any(:need_ids)
              and attempt.detail is not null
            """,
            "update set_aside set ciphertext = '' where known_as = any(:need_ids) and ciphertext <> ''",
        ),
    )
)

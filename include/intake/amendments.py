"""What a higher revision changed in its need, stored together with it (修订对照)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from include.base.canonical import read_json
from include.base.privacy import PersonalDataCipher
from include.domain.amendment import difference
from include.intake.items import Item
from include.store.database import array_of, copy_rows
from include.store.sealed import RAW_PAYLOAD

# Housekeeping empties the payloads of needs closed long ago: nothing can be compared with them any more.
_PREVIOUS = sa.text(
    """
    select distinct on (stored.need_id, stored.revision)
           stored.need_id, stored.revision, previous.revision as previous_revision, raw.raw_sha256,
           raw.ciphertext
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) stored (need_id, revision)
    join need_version previous on previous.need_id = stored.need_id and previous.revision < stored.revision
    join raw_payload raw on raw.raw_sha256 = previous.raw_sha256 and octet_length(raw.ciphertext) > 0
    order by stored.need_id, stored.revision, previous.revision desc
    """
)


def note_amendments(connection: sa.Connection, cipher: PersonalDataCipher, stored: Sequence[Item]) -> None:
    """Store how each of these new revisions differs from the highest stored revision below it."""
    items = {(item.need_id, item.revision): item for item in stored}
    previous = connection.execute(
        _PREVIOUS,
        {
            "need_ids": array_of(item.need_id for item in stored if item.need_id is not None),
            "revisions": array_of(item.revision for item in stored if item.revision is not None),
        },
    )
    copy_rows(
        connection,
        "amendment",
        ("need_id", "revision", "field", "previous_revision", "before", "after", "personal"),
        (
            (
                row.need_id,
                row.revision,
                change.field,
                row.previous_revision,
                change.before,
                change.after,
                change.personal,
            )
            for row in previous.fetchall()
            for change in difference(_stored(cipher, row), _record(items[row.need_id, row.revision].raw))
        ),
    )


def _stored(cipher: PersonalDataCipher, previous: sa.Row[Any]) -> dict[str, Any]:
    return _record(cipher.decrypt(previous.ciphertext, RAW_PAYLOAD.place(previous.raw_sha256)))


def _record(raw: bytes) -> dict[str, Any]:
    """The content of a stored item. A new revision of a stored need is parsed a second time here."""
    record: dict[str, Any] = read_json(raw)
    return record

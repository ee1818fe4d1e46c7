r"""Identity of a record: need_id, revision, quarter, item_hash. Only this module decides which values are usable and
storable (DQ01).

Regular expressions are full matches with `[0-9]`: `\d` would accept full-width digits, `$` a trailing newline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.base.canonical import canonical_sha256
from include.base.privacy import PersonalDataCipher
from include.domain.numbers import whole_number

NEED_ID = "FN[0-9]{12}"
QUARTER = "20[0-9]{2}Q[1-4]"
LARGEST_REVISION = 2**31 - 1
"""What the tables hold, and the contract allows."""

_NEED_ID, _QUARTER = re.compile(NEED_ID), re.compile(QUARTER)


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity of a record; None for unusable values."""

    need_id: str | None
    revision: int | None
    item_hash: str

    @property
    def addresses_a_need(self) -> bool:
        """Whether it identifies a revision of a need."""
        return self.need_id is not None and self.revision is not None


def identity_of(record: Mapping[str, Any], cipher: PersonalDataCipher) -> Identity:
    """The identity of a parsed record (exact numbers)."""
    return Identity(
        usable_need_id(record.get("need_id")), usable_revision(record.get("revision")), item_hash(record, cipher)
    )


def usable_need_id(value: object) -> str | None:
    """The need_id if it can address a need (DQ01)."""
    return value if isinstance(value, str) and _NEED_ID.fullmatch(value) else None


def usable_revision(value: object) -> int | None:
    """The revision if it is a whole number that can be stored (DQ01)."""
    revision = whole_number(value)
    return revision if revision is not None and 1 <= revision <= LARGEST_REVISION else None


def usable_quarter(value: object) -> str | None:
    """The quarter if it is written as 2026Q3 (DQ01)."""
    return value if isinstance(value, str) and _QUARTER.fullmatch(value) else None


def item_hash(record: Mapping[str, Any], cipher: PersonalDataCipher) -> str:
    """The keyed hash of a record without updated_at: equal items have equal hashes."""
    return cipher.keyed(item_sha256(record))


def item_sha256(record: Mapping[str, Any]) -> str:
    """Lower-case hex SHA-256 of a record without updated_at, as canonical JSON (RFC 8785).

    Somebody who knows the rest of the item can guess the contact from it. So only its keyed form (item_hash) is stored.
    """
    return canonical_sha256({name: value for name, value in record.items() if name != "updated_at"})

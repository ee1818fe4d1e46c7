"""Stored payloads, read back as the gate judges them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from include.domain.canonical import read_json
from include.privacy import PersonalDataCipher
from include.store.database import array_of, fetch_rows

_PAYLOADS = sa.text("select raw_sha256, ciphertext from raw_payload where raw_sha256 = any(cast(:hashes as text[]))")


def payloads_of(connection: sa.Connection, hashes: Iterable[str]) -> dict[str, bytes]:
    """The stored payloads of these hashes, encrypted; empty where housekeeping has emptied them."""
    return dict(fetch_rows(connection, _PAYLOADS, {"hashes": array_of(hashes)}))


def stored_record(cipher: PersonalDataCipher, ciphertext: bytes) -> dict[str, Any]:
    """The record behind a stored payload, numbers exactly as sent."""
    record: dict[str, Any] = read_json(cipher.decrypt(ciphertext))
    return record

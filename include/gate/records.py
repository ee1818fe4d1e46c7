"""Stored payloads, read back as the gate judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from include.base.canonical import read_json, reader_of_parts
from include.base.privacy import PersonalDataCipher
from include.store.database import array_of, fetch_rows
from include.store.sealed import RAW_PAYLOAD

_PAYLOADS = sa.text("select raw_sha256, ciphertext from raw_payload where raw_sha256 = any(cast(:hashes as text[]))")


def payloads_of(connection: sa.Connection, hashes: Iterable[str]) -> dict[str, bytes]:
    """The stored payloads of these hashes, encrypted; empty where housekeeping has emptied them."""
    return dict(fetch_rows(connection, _PAYLOADS, {"hashes": array_of(hashes)}))


def stored_record(cipher: PersonalDataCipher, raw_sha256: str, ciphertext: bytes) -> dict[str, Any]:
    """The record behind a stored payload, numbers exactly as sent."""
    record: dict[str, Any] = read_json(cipher.decrypt(ciphertext, RAW_PAYLOAD.place(raw_sha256)))
    return record


def compared_parts(cipher: PersonalDataCipher, raw_sha256: str, ciphertext: bytes) -> dict[str, Any]:
    """The same as far as a fingerprint is made of it; the rest may be missing."""
    parts: dict[str, Any] = _reader_of_compared()(cipher.decrypt(ciphertext, RAW_PAYLOAD.place(raw_sha256)))
    return parts


@cache
def _reader_of_compared() -> Callable[[bytes], Any]:
    from include.gate.engine.fingerprints import COMPARED_FIELDS, COMPARED_HEAD

    return reader_of_parts(COMPARED_HEAD | COMPARED_FIELDS)

"""Records for the gate: decrypted from stored payloads, and with their verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from include.base.canonical import read_json
from include.base.privacy import PersonalDataCipher
from include.gate.engine.judge import Verdict
from include.store.database import array_of, fetch_rows
from include.store.sealed import RAW_PAYLOAD


@dataclass(frozen=True, slots=True)
class JudgedRecord:
    """A verdict and the listed item that it belongs to."""

    department_code: str
    ordinal: int
    payload_sha256: str
    need_id: str | None
    revision: int | None
    verdict: Verdict


_PAYLOADS = sa.text("select raw_sha256, ciphertext from raw_payload where raw_sha256 = any(cast(:hashes as text[]))")


def payloads_of(connection: sa.Connection, hashes: Iterable[str]) -> dict[str, bytes]:
    """The encrypted payloads of these hashes; empty if housekeeping has purged them."""
    return dict(fetch_rows(connection, _PAYLOADS, {"hashes": array_of(hashes)}))


def stored_record(cipher: PersonalDataCipher, raw_sha256: str, ciphertext: bytes) -> dict[str, Any]:
    """The record in a stored payload, numbers exactly as sent."""
    record: dict[str, Any] = read_json(cipher.decrypt(ciphertext, RAW_PAYLOAD.place(raw_sha256)))
    return record

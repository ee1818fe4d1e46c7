"""Stored payloads, read back as the gate judges them."""

from __future__ import annotations

from typing import Any

from include.domain.canonical import read_json
from include.privacy import PersonalDataCipher


def stored_record(cipher: PersonalDataCipher, ciphertext: bytes) -> dict[str, Any]:
    """The record behind a stored payload, numbers exactly as sent."""
    record: dict[str, Any] = read_json(cipher.decrypt(ciphertext))
    return record

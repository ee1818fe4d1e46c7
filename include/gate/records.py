"""Stored payloads, read back as the gate judges them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from include.domain.canonical import storable
from include.privacy import PersonalDataCipher

_FEW_LEVELS = 32


def stored_record(cipher: PersonalDataCipher, ciphertext: bytes) -> dict[str, Any]:
    """The record behind a stored payload, numbers exactly as sent."""
    raw = cipher.decrypt(ciphertext)
    record: dict[str, Any] = json.loads(raw, parse_float=Decimal)
    return record if _is_storable(raw) else storable(record)


def _is_storable(raw: bytes) -> bool:
    """Whether the bytes show that nothing has to be replaced: no escapes or bytes of NUL or surrogates, no deep nesting."""
    if b"\\u" in raw or b"\x00" in raw or b"\xed" in raw:
        return False
    return raw.count(b"{") + raw.count(b"[") <= _FEW_LEVELS

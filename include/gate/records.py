"""Stored payloads, read back as the gate judges them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from include.domain.canonical import storable
from include.privacy import PersonalDataCipher


def stored_record(cipher: PersonalDataCipher, ciphertext: bytes) -> dict[str, Any]:
    """The record behind a stored payload, numbers exactly as sent."""
    record: dict[str, Any] = storable(json.loads(cipher.decrypt(ciphertext), parse_float=Decimal))
    return record

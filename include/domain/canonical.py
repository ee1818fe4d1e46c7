"""JSON in one agreed form: canonical (RFC 8785) for hashes, and storable for PostgreSQL.

Values are as `json.loads` gives them; numbers may be Decimals (`parse_float=Decimal`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import rfc8785

# PostgreSQL's text holds neither U+0000 nor half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LARGEST_EXACT_INTEGER = 2**53 - 1
_DEEPEST = 64


def canonical_sha256(value: Any) -> str:
    """Lower-case hex SHA-256 of `value` as canonical JSON (RFC 8785).

    A Decimal counts as the JSON number it came from. What canonical JSON cannot say (U+0000 and lone surrogates are
    replaced; numbers beyond a double become text) still gets a stable hash, so that no record is beyond identification.
    """
    return hashlib.sha256(rfc8785.dumps(_canonical(storable(value)))).hexdigest()


def storable(value: Any) -> Any:
    """`value` with U+0000 and lone surrogates replaced by U+FFFD; nesting deeper than 64 levels becomes JSON text."""
    return _storable(value, 0)


def _storable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if value.isascii() and "\x00" not in value else _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, Mapping | list) and depth >= _DEEPEST:
        return json.dumps(value, default=str)
    if isinstance(value, Mapping):
        return {_storable(name, depth): _storable(child, depth + 1) for name, child in value.items()}
    if isinstance(value, list):
        return [_storable(child, depth + 1) for child in value]
    return value


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _canonical(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_canonical(child) for child in value]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_EXACT_INTEGER:
        return value
    try:
        number = float(value)
    except OverflowError:
        return str(value)
    return number if math.isfinite(number) else str(value)

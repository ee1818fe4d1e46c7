"""JSON in two agreed forms: canonical (RFC 8785) for hashes, and storable for PostgreSQL.

Values are as `json.loads` gives them; numbers may be Decimals (`parse_float=Decimal`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import rfc8785

# PostgreSQL's text can hold neither U+0000 nor a lone surrogate.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LARGEST_EXACT_INTEGER = 2**53 - 1
_DEEPEST = 64

_SORTED = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_NUL = rb"\u0000"
# Beyond U+FFFF, code points and UTF-16 sort differently.
_SORTS_DIFFERENTLY = re.compile(rb"[\xf0-\xf7]")
# Numbers that need care: integers beyond a double, exponents, whole numbers with a fraction, minus zero, NaN and
# Infinity.
_WRITES_DIFFERENTLY = re.compile(rb"[:,\[](?:-?\d{16,}|-?\d+(?:\.\d+)?e|-?\d+\.0[,}\]]|-0|NaN|-?Infinity)")


def canonical_sha256(value: Any) -> str:
    """Lower-case hex SHA-256 of `value` as canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def canonical_json(value: Any) -> bytes:
    """`value` as canonical JSON (RFC 8785).

    A Decimal counts as the JSON number that it came from. What canonical JSON cannot express still gets a stable form,
    so that every record has a hash: U+0000 and lone surrogates are replaced, and numbers beyond a double become text.
    """
    return _written_alike(value) or rfc8785.dumps(_canonical(storable(value)))


def _written_alike(value: Any) -> bytes | None:
    """What Python's encoder writes, three times as fast, if that is certainly canonical; else None."""
    if not isinstance(value, dict | list):
        return None
    try:
        written = _SORTED.encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        return None
    deep = written.count(b"{") + written.count(b"[") > _DEEPEST
    if deep or _NUL in written or _SORTS_DIFFERENTLY.search(written) or _WRITES_DIFFERENTLY.search(written):
        return None
    return written


def canonical_parts(text: str) -> tuple[Any, Callable[[Any], bytes]]:
    """The value of JSON `text`, and a function that writes it, or a part of it, as canonical JSON.

    Ten times as fast as `canonical_json` if the text is written canonically. Only texts may be added to the value.
    Raises ValueError, and nothing else, if the text is not JSON or exceeds what Python can hold.
    """
    shape = (":" + text).encode("utf-8", "surrogatepass").translate(_SHAPE)
    if _BEYOND_U_FFFF not in shape and _LONG_NUMBER not in shape:
        try:
            return _PLAIN.decode(text), _written_plainly
        except (*_BEYOND, _WrittenDifferently):
            pass
    return _loaded(text), canonical_json


def _loaded(text: str | bytes, parse_float: Callable[[str], Any] | None = None) -> Any:
    """What `json.loads` gives. Raises ValueError also for numbers and nesting that Python cannot hold."""
    try:
        return json.loads(text, parse_float=parse_float)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"JSON beyond what can be held ({type(error).__name__})") from None


def _plain_number(literal: str) -> float | int:
    number = float(literal)
    if number.is_integer() and abs(number) <= _LARGEST_EXACT_INTEGER:
        return int(number)
    if not 1e-4 <= abs(number) < 1e15:
        raise _WrittenDifferently
    return number


def _written_plainly(value: Any) -> bytes:
    written = msgspec.json.encode(value, order="sorted")
    return canonical_json(value) if _NUL in written else written


class _WrittenDifferently(Exception):
    """A number whose canonical form differs from how it is written."""


_PLAIN = msgspec.json.Decoder(float_hook=_plain_number)
# What needs care is found by searches in bytes, in a thirtieth of the time of a regular expression: a number of sixteen digits,
# wherever one can begin (not the digits of a text, such as those of a project code), and the first byte of a character beyond U+FFFF.
_BEYOND_U_FFFF = b"\xf0"
_LONG_NUMBER = b":" + b"0" * 16
_SHAPE = bytes.maketrans(b"123456789,[- \t\n\r" + bytes(range(0xF0, 0xF8)), b"0" * 9 + b":" * 7 + _BEYOND_U_FFFF * 8)


def read_json(raw: bytes) -> Any:
    """The value of `raw` in the form of `storable`; numbers with a fraction or exponent become Decimals. Raises
    ValueError.

    Reads whatever `json.loads` reads; three times as fast if it is JSON as RFC 8259 defines it.
    """
    try:
        value = _EXACT.decode(raw)
    except _BEYOND:
        value = _loaded(raw, Decimal)
    else:
        if not may_be_unstorable(raw):
            return value
    try:
        return storable(value)
    except RecursionError:
        raise ValueError("JSON beyond what can be held (RecursionError)") from None


def may_be_unstorable(raw: bytes) -> bool:
    """Whether `storable` may change what msgspec decodes from `raw`.

    msgspec rejects a lone surrogate; U+0000 and deep nesting can be seen in the bytes.
    """
    return _NUL in raw or raw.count(b"{") + raw.count(b"[") > _DEEPEST


_EXACT = msgspec.json.Decoder(float_hook=Decimal)
# What msgspec raises for JSON that it rejects: not UTF-8, or numbers or nesting beyond what Python can hold.
_BEYOND = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)


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

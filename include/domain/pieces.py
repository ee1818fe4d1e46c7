"""One piece of what a platform sends (a need, an event, a row): read within the limits of a record, or set aside alone.

The limits are the handbook's (section 4): 1 MiB, nesting of 64, numbers of 200 digits and exponents of three digits. A
piece is also unreadable if it is not UTF-8 or not JSON as RFC 8259 defines it: control characters in strings, lone
surrogates, NaN and Infinity.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from include.base.canonical import may_be_unstorable, storable

LARGEST_BYTES = 2**20
DEEPEST = 64
MOST_DIGITS = 200
MOST_EXPONENT_DIGITS = 3

_TOO_LARGE = "超过 1 MiB"
_NOT_UTF8 = "文字的编码无法识别"
_TOO_DEEP = f"嵌套超过 {DEEPEST} 层"
_TOO_MANY_DIGITS = f"有超过 {MOST_DIGITS} 位的数字"
_TOO_MANY_EXPONENT_DIGITS = "有指数超过三位的数字"
_CONTROL = "文字中有控制字符"
_HALF_CHARACTER = "文字中有半个字符"
_NOT_A_NUMBER = "有 NaN 或 Infinity"
_NO_JSON = "不是完整的 JSON"

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_NUMBER = re.compile(rb"([0-9]++(?:\.[0-9]*+)?)(?:[eE][+-]?([0-9]++))?")
_CONTROL_CHARACTER = re.compile(rb"[\x00-\x1f]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# A search in bytes takes a thirtieth of the time of a regular expression.
_ANY_DIGIT = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * (MOST_DIGITS + 1)

_KNOWN_AS = re.compile("[!-~]{1,64}")
# The most specific name first: an event also names its need, and a need its enterprise.
_IDENTIFIERS = [
    re.compile(rb'"%b"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}"([A-Za-z0-9._:/-]{1,64})"' % name)
    for name in (
        b"event_id",
        b"need_id",
        b"coordinator_id",
        b"uscc",
        b"department_code",
        b"institution_code",
        b"branch_code",
        b"idempotency_key",
    )
]


class UnreadablePiece(ValueError):
    """A piece that is beyond the limits of a record or not JSON; `problem` says why, in Chinese, without its values."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class SetAside(msgspec.Struct, frozen=True):
    """A piece that cannot be used: its bytes as received and what is wrong with it, in Chinese, without values.

    `known_as`: the identifier in it (`identifier`), "" if there is none.
    """

    raw: bytes
    problem: str
    known_as: str = ""

    def __repr__(self) -> str:
        return f"SetAside({self.problem!r}, {self.known_as!r}, {len(self.raw)} bytes)"


def set_aside(raw: bytes, problem: str) -> SetAside:
    """The piece `raw` set aside for `problem` (Chinese, without values), under the identifier in it."""
    return SetAside(raw, problem, known_as(raw))


def identifier(value: object) -> str:
    """`value` if it can name a piece: at most 64 printable ASCII characters without spaces; else ""."""
    return value if isinstance(value, str) and _KNOWN_AS.fullmatch(value) else ""


def known_as(raw: bytes) -> str:
    """The identifier in a piece, even if it is not JSON; "" if none is found. At most 64 characters."""
    for pattern in _IDENTIFIERS:
        if found := pattern.search(raw):
            return found[1].decode()
    return ""


def read_piece(raw: bytes) -> Any:
    """The value of a piece in the form of `storable`; numbers with a fraction or an exponent become exact Decimals.

    Raises UnreadablePiece, and nothing else, for a piece beyond the limits.
    """
    if len(raw) > LARGEST_BYTES:
        raise UnreadablePiece(_TOO_LARGE)
    try:
        value = _DECODER.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError):
        raise UnreadablePiece(_problem(raw)) from None
    unstorable = may_be_unstorable(raw)
    if unstorable or _LONG_NUMBER in raw.translate(_ANY_DIGIT):
        problem = _beyond_the_limits(raw)
        if problem is not None:
            raise UnreadablePiece(problem)
    return storable(value) if unstorable else value


def _number(literal: str) -> Decimal:
    """Any number with a fraction or an exponent."""
    if len(literal) <= MOST_EXPONENT_DIGITS:
        return Decimal(literal)
    mantissa, _, exponent = literal.replace("E", "e").partition("e")
    if len(exponent.lstrip("+-")) > MOST_EXPONENT_DIGITS or len(mantissa.lstrip("-").replace(".", "")) > MOST_DIGITS:
        raise ValueError("a number beyond the limits")
    return Decimal(literal)


_DECODER = msgspec.json.Decoder(float_hook=_number)


def _problem(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return _NOT_UTF8
    beyond = _beyond_the_limits(raw)
    if beyond is not None:
        return beyond
    strings = _STRING.findall(raw)
    if any(_CONTROL_CHARACTER.search(string) for string in strings):
        return _CONTROL
    outside = _STRING.sub(b"", raw)
    if b"NaN" in outside or b"Infinity" in outside:
        return _NOT_A_NUMBER
    if any(_SURROGATE.search(string) for string in strings):
        return _HALF_CHARACTER
    return _NO_JSON


def _beyond_the_limits(raw: bytes) -> str | None:
    outside = _STRING.sub(b'""', raw)
    depth = 0
    for bracket in _BRACKET.finditer(outside):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            return _TOO_DEEP
    for number in _NUMBER.finditer(outside):
        if len(number[1].replace(b".", b"")) > MOST_DIGITS:
            return _TOO_MANY_DIGITS
        if len(number[2] or b"") > MOST_EXPONENT_DIGITS:
            return _TOO_MANY_EXPONENT_DIGITS
    return None

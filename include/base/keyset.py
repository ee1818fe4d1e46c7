"""Keyset paging (键集分页): where a page of a list ends, as text for the address of the next page.

A list is sorted by one value and then by a key that is unique. The next page begins after the last row shown, so that
rows that come or go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass

from include.base.errors import InvalidRequest

_LONGEST = 600
"""Characters of a cursor; far more than a value and a key need."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: the value sorted by, as text or None, and the key."""

    value: str | None
    key: str


def encode(cursor: Cursor) -> str:
    """The cursor as text that an address can hold."""
    return base64.urlsafe_b64encode(json.dumps([cursor.value, cursor.key]).encode()).decode().rstrip("=")


def decode(text: str) -> Cursor | None:
    """The cursor that `encode` wrote; None for empty text. Raises InvalidRequest for anything else."""
    if not text:
        return None
    try:
        value, key = json.loads(base64.urlsafe_b64decode(text[:_LONGEST] + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidRequest(_WHAT, _NEXT) from error
    if not isinstance(key, str) or not (value is None or isinstance(value, str)):
        raise InvalidRequest(_WHAT, _NEXT)
    return Cursor(value, key)


def read(cursor: Cursor, as_value: Callable[[str], object]) -> str:
    """The cursor's value, once `as_value` can read it. Raises InvalidRequest if it cannot: addresses are typed by people."""
    try:
        if cursor.value is None:
            raise ValueError("no value")
        as_value(cursor.value)
    except (ValueError, ArithmeticError) as error:
        raise InvalidRequest(_WHAT, _NEXT) from error
    return cursor.value


_WHAT, _NEXT = "网址中的翻页位置无法识别。", "请回到列表第一页重新翻页。"

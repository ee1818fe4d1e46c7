"""Pieces of what came from outside that cannot be used, and what is known of them."""

from __future__ import annotations

import re

import msgspec

_KNOWN_AS = re.compile("[!-~]{1,64}")


class SetAside(msgspec.Struct, frozen=True):
    """A piece that cannot be used: its bytes as they came, what is wrong with it in Chinese without values.

    `known_as`: the identifier that it bears (`identifier`), "" where it bears none.
    """

    raw: bytes
    problem: str
    known_as: str = ""


def identifier(value: object) -> str:
    """`value` if it can name a piece: at most 64 printable ASCII characters without spaces; else ""."""
    return value if isinstance(value, str) and _KNOWN_AS.fullmatch(value) else ""

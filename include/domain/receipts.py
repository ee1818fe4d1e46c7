"""Receipt numbers (回执号), stored in one form wherever they come from, so that they can be compared."""

from __future__ import annotations

LONGEST = 128
"""Characters stored of a receipt number."""


def receipt_number(given: str | None) -> str | None:
    """`given` without characters that cannot be shown or stored (control characters, U+0000, lone surrogates); None if
    empty."""
    if given is None:
        return None
    kept = given[: 2 * LONGEST]
    if not kept.isprintable():
        kept = "".join(filter(str.isprintable, kept))
    return kept.strip()[:LONGEST] or None

"""Receipt numbers (回执号) as receivers give them and as they are kept: the same wherever they come from, so that they can be compared."""

from __future__ import annotations

LONGEST = 128
"""Characters kept of a receipt number."""


def receipt_number(given: str | None) -> str | None:
    """`given` without what cannot be shown or stored (control characters, U+0000, half characters); None where nothing is left."""
    if given is None:
        return None
    kept = given[: 2 * LONGEST]
    if not kept.isprintable():
        kept = "".join(filter(str.isprintable, kept))
    return kept.strip()[:LONGEST] or None

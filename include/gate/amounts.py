"""Amounts and benefits as exact whole numbers: ten-thousandths of their unit, so that both can be compared."""

from __future__ import annotations

import re

DECIMALS = 4
"""Benefits have up to four decimals, amounts up to two; 16 digits fit into 64 bits."""

MALFORMED = -1

_AMOUNT = re.compile(r"([0-9]{1,10})(?:[.]([0-9]{1,2}))?")
_BENEFIT = re.compile(r"([0-9]{1,12})(?:[.]([0-9]{1,4}))?")


def scaled_amount(value: object) -> int:
    """An amount (万元, at most two decimals) times 10,000; MALFORMED if it is not written as the form asks."""
    return _scaled(_AMOUNT, value)


def scaled_benefit(value: object) -> int:
    """A yearly benefit (at most four decimals) times 10,000; MALFORMED if it is not written as the form asks."""
    return _scaled(_BENEFIT, value)


def _scaled(pattern: re.Pattern[str], value: object) -> int:
    found = pattern.fullmatch(value) if isinstance(value, str) else None
    return int(found[1] + (found[2] or "").ljust(DECIMALS, "0")) if found else MALFORMED

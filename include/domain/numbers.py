"""JSON integers: numbers whose value is whole, however they are written (60, 60.0, 6e1: OpenAPI 3.1)."""

from __future__ import annotations

from decimal import Decimal

_MOST_DIGITS = 1_300
"""Limit of digits and exponent of a number in a record (handbook, section 4)."""


def whole_number(value: object) -> int | None:
    """The whole number that a parsed JSON value is; None for any other value, true and false included."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return None
    return int(value) if value == value.to_integral_value() else None

"""What a revision changed (修订对照): the difference between two items, field by field, without personal data.

Values are shown only for fields that the form knows and classifies as general. Three kinds of change are reported
without values: of a contact field, of a key that the form does not know (a filer may write anything, even into the
key), and of a value of the wrong shape. Fields that change with every revision are left out: see `NOISE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from include.reference.form import OTHER, Shape, all_fields, shapes

NOISE = frozenset({"revision", "status", "submitted_at", "updated_at", "review.recommended_at"})
"""Head fields, and the moment of the recommendation: they change with each submission, whatever was amended."""

_ABSENT = object()
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that changed. `before` and `after` are JSON texts; None: absent, or personal.

    Of an object or a list only its presence is compared ("{}", "[]"): changes inside it are separate changes.
    """

    field: str
    before: str | None
    after: str | None
    personal: bool


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """The changes from one item to a later one (numbers as Decimal), by field; list elements are compared by position."""
    return sorted(_changes("", "", before, after), key=lambda change: change.field)


def _changes(field: str, pattern: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if pattern in NOISE or _same(before, after):
        return
    kind = shapes()[pattern]
    personal = pattern in all_fields() and all_fields()[pattern].personal
    hidden = personal or not (_fits(kind, before) and _fits(kind, after))
    if kind == "list":
        earlier, later = (value if isinstance(value, list) else [] for value in (before, after))
        for index in range(max(len(earlier), len(later))):
            pair = (value[index] if index < len(value) else _ABSENT for value in (earlier, later))
            yield from _changes(f"{field}[{index}]", f"{pattern}[]", *pair)
    elif kind == "object":
        was, is_now = (value if isinstance(value, Mapping) else {} for value in (before, after))
        for name in {**was, **is_now}:
            pair = (value.get(name, _ABSENT) for value in (was, is_now))
            child = f"{pattern}.{name}" if pattern else name
            if child in shapes():
                yield from _changes(f"{field}.{name}" if field else name, child, *pair)
            else:
                hidden = hidden or not _same(*pair)
    if hidden:
        yield FieldChange(field or OTHER, None, None, personal=True)
    elif (texts := (_text(before), _text(after)))[0] != texts[1]:
        yield FieldChange(field, *texts, personal=False)


def _fits(kind: Shape, value: Any) -> bool:
    """Whether a value has the shape that the form has there; null and absent values always fit."""
    if value is None or value is _ABSENT:
        return True
    shape = "object" if isinstance(value, Mapping) else "list" if isinstance(value, list) else "value"
    return shape == kind


def _text(value: Any) -> str | None:
    """JSON text of a value, without the contents of an object or list."""
    if value is _ABSENT:
        return None
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, list) else _encode(value).decode()


def _same(first: Any, second: Any) -> bool:
    """Equality of JSON values: true is not 1, and 4.0 is 4."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(_same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_same, first, second))
    return isinstance(first, bool) is isinstance(second, bool) and bool(first == second)

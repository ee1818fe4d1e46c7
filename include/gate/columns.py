"""A batch of records turned into columns, each distinct value of a field kept once.

Rules look at distinct values; `FieldValues` knows which need holds which, so that a verdict on a value becomes findings
on needs. Values of any JSON type may sit in any field: what is no string where a string belongs is kept as its JSON type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.domain.identifiers import normalise_text

ABSENT = -1


class JsonType(Enum):
    """The type of a JSON value, standing in for a value whose content no rule looks at."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    ARRAY = "array"
    OBJECT = "object"
    OTHER = "other"


_JSON_TYPES = {
    str: JsonType.STRING,
    bool: JsonType.BOOLEAN,
    int: JsonType.INTEGER,
    Decimal: JsonType.NUMBER,
    float: JsonType.NUMBER,
    dict: JsonType.OBJECT,
    list: JsonType.ARRAY,
}


def json_type(value: object) -> JsonType:
    """The JSON type of a parsed value other than null; a number that is not finite is no JSON at all."""
    if isinstance(value, float) and not math.isfinite(value):
        return JsonType.OTHER
    if isinstance(value, Decimal) and not value.is_finite():  # math.isfinite would take 1E+999 for infinite
        return JsonType.OTHER
    return _JSON_TYPES.get(type(value), JsonType.OTHER)


def is_blank(text: str) -> bool:
    """Whether a string counts as absent: normalise_text leaves nothing of it."""
    return not text[:1].isalnum() and normalise_text(text) == ""


@dataclass(eq=False, slots=True)
class FieldValues:
    """The values of one field over a batch: `distinct[codes[i]]` is held by need `needs[i]` (element `elements[i]`).

    A code of ABSENT: nothing there. `malformed` marks the distinct values that a format rule has found faulty.
    """

    path: str
    needs: NDArray[np.int64]
    codes: NDArray[np.int64]
    distinct: Sequence[Any]
    elements: NDArray[np.int64] | None = None
    source: FieldValues | None = None
    recoding: NDArray[np.int64] | None = None
    malformed: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.malformed = np.zeros(len(self.distinct), dtype=bool)

    @property
    def absent(self) -> NDArray[np.bool_]:
        """For each place of the field: whether nothing is there."""
        return np.equal(self.codes, ABSENT)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """For each place of the field: whether a value is there that no format rule found faulty."""
        faulty: NDArray[np.bool_] = _look_up(self.malformed, self.codes)
        return ~(self.absent | faulty)

    def fields_at(self, places: NDArray[np.int64]) -> Iterable[str]:
        """The concrete paths of these places, such as finance.methods[0].amount."""
        if self.elements is None:
            return [self.path] * len(places)
        before, after = self.path.split("[]")
        return [f"{before}[{element}]{after}" for element in self.elements[places].tolist()]

    def mark_malformed(self, faulty: NDArray[np.bool_]) -> None:
        """Note that a format rule found these distinct values faulty, here and where they were recoded from."""
        self.malformed |= faulty
        if self.source is not None and self.recoding is not None:
            self.source.mark_malformed(faulty[self.recoding])

    def recoded(self, function: Callable[[Any], Hashable]) -> FieldValues:
        """The same places with `function` of each distinct value, equal results made one."""
        table: dict[Hashable, int] = {}
        recoding = np.array([table.setdefault(function(value), len(table)) for value in self.distinct], dtype=np.int64)
        codes = np.where(self.absent, ABSENT, _look_up(recoding, self.codes))
        return FieldValues(self.path, self.needs, codes, list(table), self.elements, source=self, recoding=recoding)

    def joined(self, *others: FieldValues) -> FieldValues:
        """This field with fields that have one value a need: tuples of distinct values, where all of them are usable."""
        usable, codes = self.usable, self.codes
        for other in others:
            usable = usable & other.usable[self.needs]
            codes = codes * max(len(other.distinct), 1) + other.codes[self.needs]
        combined, inverse = np.unique(codes[usable], return_inverse=True)
        distinct = []
        for code in combined.tolist():
            values = []
            for other in reversed(others):
                code, at = divmod(code, max(len(other.distinct), 1))
                values.append(other.distinct[at])
            distinct.append((self.distinct[code], *reversed(values)))
        found = np.full(len(self.codes), ABSENT)
        found[usable] = inverse
        return FieldValues(self.path, self.needs, found, distinct, self.elements)


def text_values(path: str, values: Sequence[Any], needs: NDArray[np.int64] | None = None, **rest: Any) -> FieldValues:
    """A field that must hold strings: other values are kept as their JSON type only."""
    kept = values if _only_strings(values) else [_string_or_type(value) for value in values]
    table = dict.fromkeys(kept, ABSENT)
    table.pop(None, None)
    distinct = list(table)
    table.update(zip(distinct, range(len(distinct)), strict=True))
    table[None] = ABSENT
    return _without_blanks(path, list(map(table.__getitem__, kept)), distinct, needs, rest)


def number_values(path: str, values: Sequence[Any]) -> FieldValues:
    """A field that must hold numbers: they are kept, as int or Decimal; other values as their JSON type only."""
    table: dict[Any, int] = {}
    codes = []
    for value in values:
        if value is None or (type(value) is str and is_blank(value)):
            codes.append(ABSENT)
            continue
        kind = json_type(value)
        key = (kind, value) if kind in (JsonType.INTEGER, JsonType.NUMBER) else (kind, None)
        codes.append(table.setdefault(key, len(table)))
    distinct = [kind if value is None else _exact(value) for kind, value in table]
    return FieldValues(path, np.arange(len(codes)), np.array(codes, dtype=np.int64), distinct)


def flag_values(
    path: str, present: NDArray[np.bool_], evaluated: NDArray[np.bool_], like: FieldValues | None = None
) -> FieldValues:
    """A yes or no for each place, ABSENT where the question does not arise; places as in `like`, else one a need."""
    codes = np.where(evaluated, present.astype(np.int64), ABSENT)
    needs, elements = (like.needs, like.elements) if like else (np.arange(len(codes)), None)
    return FieldValues(path, needs, codes, [False, True], elements)


def listed_values(path: str, values: Sequence[Hashable]) -> FieldValues:
    """Values that need no check, one a need; None is absent."""
    table: dict[Hashable, int] = {}
    codes = [ABSENT if value is None else table.setdefault(value, len(table)) for value in values]
    return FieldValues(path, np.arange(len(codes)), np.array(codes, dtype=np.int64), list(table))


def _look_up(table: NDArray[Any], codes: NDArray[np.int64]) -> NDArray[Any]:
    """`table[codes]`, whatever where the code is ABSENT."""
    return table[codes] if len(table) else np.zeros(len(codes), dtype=table.dtype)


def _only_strings(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {str, type(None)}


def _string_or_type(value: Any) -> Any:
    return value if value is None or type(value) is str else json_type(value)


def _without_blanks(
    path: str, codes: list[int], distinct: list[Any], needs: NDArray[np.int64] | None, rest: Mapping[str, Any]
) -> FieldValues:
    coded = np.array(codes, dtype=np.int64)
    blank = np.array([type(value) is str and is_blank(value) for value in distinct], dtype=bool)
    if blank.any():
        renumbered = np.where(blank, ABSENT, np.cumsum(~blank) - 1)
        coded = np.where(coded == ABSENT, ABSENT, _look_up(renumbered, coded))
        distinct = [value for value, is_absent in zip(distinct, blank.tolist(), strict=True) if not is_absent]
    return FieldValues(path, np.arange(len(codes)) if needs is None else needs, coded, distinct, **rest)


def _exact(number: Any) -> int | Decimal:
    return Decimal(repr(number)) if isinstance(number, float) else number

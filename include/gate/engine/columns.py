"""A batch of records as columns, each distinct value of a field stored once.

Rules look at distinct values; `FieldValues` knows which needs hold which, so that a verdict on a value becomes findings
on needs. Any field may hold any JSON type: a value that is not a string where the form wants one is kept as its JSON
type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from itertools import compress
from operator import itemgetter
from types import NoneType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.domain.identifiers import normalise_text
from include.domain.numbers import whole_number

ABSENT = -1

_Made = TypeVar("_Made")
Scale = Callable[[Sequence[str]], NDArray[np.int64]]
"""Converts amounts to whole numbers; malformed ones become negative."""


class JsonType(Enum):
    """The type of a JSON value, in place of a value whose content no rule looks at."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    ARRAY = "array"
    OBJECT = "object"
    OTHER = "other"

    __hash__ = object.__hash__  # Enum's own __hash__ would hash the name again for each value of a column.


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
    """The JSON type of a parsed value other than null; a number that is not finite is not JSON.

    A whole number is an integer however it is written.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return JsonType.OTHER
    if isinstance(value, Decimal) and not value.is_finite():  # math.isfinite takes 1E+999 for infinite.
        return JsonType.OTHER
    kind = _JSON_TYPES.get(type(value), JsonType.OTHER)
    return JsonType.INTEGER if kind is JsonType.NUMBER and whole_number(value) is not None else kind


def is_blank(text: str) -> bool:
    """Whether a string counts as absent: normalise_text makes it empty."""
    return not text[:1].isalnum() and normalise_text(text) == ""


@dataclass(eq=False, slots=True)
class FieldValues:
    """The values of one field over a batch: need `needs[i]` (element `elements[i]`) holds `distinct[codes[i]]`.

    Code ABSENT: no value. `malformed` marks the distinct values that a format rule found faulty.
    """

    path: str
    needs: NDArray[np.int64]
    codes: NDArray[np.int64]
    distinct: Sequence[Any]
    elements: NDArray[np.int64] | None = None
    source: FieldValues | None = None
    recoding: NDArray[np.int64] | None = None
    malformed: NDArray[np.bool_] = field(init=False)
    _made: dict[Callable[[Sequence[Any]], Any], Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.malformed = np.zeros(len(self.distinct), dtype=bool)

    @property
    def absent(self) -> NDArray[np.bool_]:
        """For each place of the field: whether there is no value."""
        return np.equal(self.codes, ABSENT)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """For each place of the field: whether there is a value that no format rule found faulty."""
        faulty: NDArray[np.bool_] = _look_up(self.malformed, self.codes)
        return ~(self.absent | faulty)

    def fields_at(self, places: NDArray[np.int64]) -> Iterable[str]:
        """The concrete paths of these places, such as finance.methods[0].amount."""
        if self.elements is None:
            return [self.path] * len(places)
        before, after = self.path.split("[]")
        return [f"{before}[{element}]{after}" for element in self.elements[places].tolist()]

    def per_need(self, of_distinct: Sequence[Any]) -> list[Any]:
        """For a field with one value a need: the item that belongs to each need's distinct value, None if that is not
        usable."""
        table = np.full(len(of_distinct) + 1, None, dtype=object)
        table[:-1] = of_distinct
        held: list[Any] = table[np.where(self.usable, self.codes, len(of_distinct))].tolist()
        return held

    def mark_malformed(self, faulty: NDArray[np.bool_]) -> None:
        """Mark these distinct values as faulty, here and in the fields they were recoded from."""
        self.malformed |= faulty
        if self.source is not None and self.recoding is not None:
            self.source.mark_malformed(faulty[self.recoding])

    def of_distinct(self, function: Callable[[Sequence[Any]], _Made]) -> _Made:
        """`function` of all distinct values, computed once however many frames use it."""
        if function not in self._made:
            self._made[function] = function(self.distinct)
        made: _Made = self._made[function]
        return made

    def recoded(self, function: Callable[[Any], Hashable]) -> FieldValues:
        """The same places with `function` of each distinct value; equal results are merged."""
        return self.recoded_to([function(value) for value in self.distinct])

    def recoded_to(self, values: Sequence[Hashable] | NDArray[Any]) -> FieldValues:
        """The same places with these values, one for each distinct value; equal ones are merged."""
        distinct: Any
        if isinstance(values, np.ndarray):
            recoding, distinct = pd.factorize(values)
        else:
            recoding, distinct = _coded(values, dict.fromkeys(values, ABSENT), ())
        codes = np.where(self.absent, ABSENT, _look_up(recoding, self.codes))
        return FieldValues(self.path, self.needs, codes, distinct, self.elements, source=self, recoding=recoding)

    def all_as(self, value: Hashable) -> FieldValues:
        """The same places, all with this value."""
        codes = np.where(self.absent, ABSENT, 0)
        recoding = np.zeros(len(self.distinct), dtype=np.int64)
        return FieldValues(self.path, self.needs, codes, [value], self.elements, source=self, recoding=recoding)

    def usable_only(self) -> FieldValues:
        """The same places without unusable values."""
        codes = np.where(self.usable, self.codes, ABSENT)
        sound = ~self.malformed
        if sound.all():
            return FieldValues(self.path, self.needs, codes, self.distinct, self.elements)
        codes = np.where(codes == ABSENT, ABSENT, _look_up(np.cumsum(sound) - 1, codes))
        return FieldValues(self.path, self.needs, codes, list(compress(self.distinct, sound)), self.elements)

    def joined(self, *others: FieldValues) -> FieldValues:
        """This field joined with fields of one value a need: tuples of distinct values, where all are usable."""
        usable, codes = self.usable, self.codes
        for other in others:
            usable = usable & other.usable[self.needs]
            codes = codes * max(len(other.distinct), 1) + other.codes[self.needs]
        numbered, combined = pd.factorize(codes[usable])
        values = []
        for other in reversed(others):
            combined, at = np.divmod(combined, max(len(other.distinct), 1))
            values.append([other.distinct[code] for code in at.tolist()])
        values.append([self.distinct[code] for code in combined.tolist()])
        found = np.full(len(self.codes), ABSENT)
        found[usable] = numbered
        return FieldValues(self.path, self.needs, found, list(zip(*reversed(values), strict=True)), self.elements)


def members(objects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Sequence[Any]]:
    """The members of each object by these names, None if absent; one sequence a name."""
    try:
        if len(names) == 1:
            return [list(map(itemgetter(*names), objects))]
        return list(zip(*map(itemgetter(*names), objects), strict=True)) or [()] * len(names)
    except KeyError:
        return [[one.get(name) for one in objects] for name in names]


def as_texts(values: Sequence[Any]) -> Sequence[str]:
    """The strings among the values; other values count as empty strings."""
    if set(map(type, values)) == {str}:
        return values
    return [value if type(value) is str else "" for value in values]


def of_texts(function: Callable[[Sequence[str]], Sequence[str]], values: Sequence[Any]) -> Sequence[Any]:
    """`function` of the strings among the values, in their places; other values are left as they are."""
    texts = as_texts(values)
    found = function(texts)
    if texts is values:
        return found
    return [made if type(value) is str else value for value, made in zip(values, found, strict=True)]


def text_values(path: str, values: Sequence[Any], needs: NDArray[np.int64] | None = None, **rest: Any) -> FieldValues:
    """A field of strings: other values are reduced to their JSON type."""
    codes, distinct = _coded_texts(values)
    return FieldValues(path, np.arange(len(codes)) if needs is None else needs, codes, distinct, **rest)


def amount_values(
    path: str, values: Sequence[Any], scaled: Scale, needs: NDArray[np.int64] | None = None, **rest: Any
) -> FieldValues:
    """A field of amounts, scaled. Amounts rarely repeat, so they are not de-duplicated."""
    numbers: Any
    if set(map(type, values)) == {str}:
        numbers, codes = scaled(values), np.arange(len(values))
    else:
        given = np.fromiter((value is not None for value in values), dtype=bool, count=len(values))
        numbers = scaled([value if type(value) is str else "-" for value in compress(values, given)])
        codes = np.where(given, np.cumsum(given) - 1, ABSENT)
    malformed = np.flatnonzero(_look_up(numbers < 0, codes) & (codes != ABSENT))
    codes[[place for place in malformed.tolist() if type(values[place]) is str and is_blank(values[place])]] = ABSENT
    return FieldValues(path, np.arange(len(codes)) if needs is None else needs, codes, numbers, **rest)


def _coded_texts(values: Sequence[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    if values and type(values[0]) in (list, dict) and len(set(map(type, values))) == 1:
        return np.zeros(len(values), dtype=np.int64), [json_type(values[0])]
    table = _distinct_texts(values)
    if table is None:
        values = [value if value is None or type(value) is str else json_type(value) for value in values]
        table = dict.fromkeys(values, ABSENT)
    blanks = [text for text in table if type(text) is str and not text[:1].isalnum() and is_blank(text)]
    return _coded(values, table, (None, *blanks))


def _distinct_texts(values: Sequence[Any]) -> dict[Any, int] | None:
    """Each value once; None if some are neither strings nor None."""
    try:
        table = dict.fromkeys(values, ABSENT)
    except TypeError:  # Objects and lists cannot be keys.
        return None
    return table if set(map(type, table)) <= {str, NoneType} else None


def number_values(path: str, values: Sequence[Any]) -> FieldValues:
    """A field of numbers, whole ones as int, others as Decimal; other values are reduced to their JSON type."""
    if set(map(type, values)) <= {int, NoneType}:
        return listed_values(path, values)
    return listed_values(path, list(map(_number_or_type, values)))


def _number_or_type(value: Any) -> Any:
    if value is None or (type(value) is str and is_blank(value)):
        return None
    kind = json_type(value)
    if kind not in (JsonType.INTEGER, JsonType.NUMBER):
        return kind
    if kind is JsonType.INTEGER:
        return whole_number(value)
    return Decimal(repr(value)) if isinstance(value, float) else value


def _coded(
    values: Sequence[Any], table: dict[Any, int], absent: Collection[Any] = (None,)
) -> tuple[NDArray[np.int64], list[Any]]:
    """The code of each value, ABSENT for those mapped to it, and each other value once; the keys of `table` are the values."""
    for value in absent:
        table.pop(value, None)
    distinct = list(table)
    if len(distinct) == len(values):
        return np.arange(len(values)), distinct
    table.update(zip(distinct, range(len(distinct)), strict=True))
    table |= dict.fromkeys(absent, ABSENT)
    return np.fromiter(map(table.__getitem__, values), dtype=np.int64, count=len(values)), distinct


def flag_values(
    path: str, present: NDArray[np.bool_], evaluated: NDArray[np.bool_], like: FieldValues | None = None
) -> FieldValues:
    """A boolean for each place, ABSENT if undefined; places as in `like`, else one a need."""
    codes = np.where(evaluated, present.astype(np.int64), ABSENT)
    needs, elements = (like.needs, like.elements) if like else (np.arange(len(codes)), None)
    return FieldValues(path, needs, codes, [False, True], elements)


def listed_values(path: str, values: Sequence[Hashable]) -> FieldValues:
    """Values that need no check, one a need; None is absent."""
    codes, distinct = _coded(values, dict.fromkeys(values, ABSENT))
    return FieldValues(path, np.arange(len(codes)), codes, distinct)


def _look_up(table: NDArray[Any], codes: NDArray[np.int64]) -> NDArray[Any]:
    """`table[codes]`; arbitrary where the code is ABSENT."""
    return table[codes] if len(table) else np.zeros(len(codes), dtype=table.dtype)

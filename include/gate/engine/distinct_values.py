"""Frames of distinct cases: one row for each distinct value (or combination of values) of each field.

A value that a thousand needs share is judged once; a `DistinctFrame` maps its rows back to needs and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.gate.engine.columns import FieldValues

_OfField = Callable[[FieldValues], Sequence[Any] | NDArray[Any]]
"""A function from a field to one output per distinct value."""

Column = Callable[[Sequence[FieldValues]], Any]
"""A function that makes a column of a frame: one value for each distinct value of each of these fields."""


@dataclass(frozen=True, slots=True)
class DistinctFrame:
    """A frame of distinct cases; the rows of `origins[i]` start at `starts[i]`."""

    frame: pd.DataFrame
    origins: Sequence[FieldValues]
    starts: Sequence[int]

    def held_by(self, rows: Sequence[int]) -> Iterator[tuple[FieldValues, NDArray[np.bool_], NDArray[np.int64]]]:
        """For each field in these rows: which of its distinct values they are, and the places that hold them."""
        chosen = np.zeros(len(self.frame), dtype=bool)
        chosen[np.asarray(rows, dtype=np.int64)] = True
        for field, start in zip(self.origins, self.starts, strict=True):
            distinct = chosen[start : start + len(field.distinct)]
            if distinct.any():
                yield field, distinct, np.flatnonzero(~field.absent & distinct[field.codes])


def distinct_frame(origins: Sequence[FieldValues], columns: Mapping[str, Column]) -> DistinctFrame:
    """The frame of the distinct values of `origins`."""
    starts, rows = [], 0
    for field in origins:
        starts.append(rows)
        rows += len(field.distinct)
    made = {name: column(origins) for name, column in columns.items()}
    return DistinctFrame(pd.DataFrame(made, index=range(rows), copy=False), origins, starts)


def of_field(told: Callable[[str], str]) -> Column:
    """A function of the path of a row's field, as a column."""

    def made(origins: Sequence[FieldValues]) -> pd.Categorical:
        codes, distinct = pd.factorize(np.array([told(field.path) for field in origins], dtype=object))
        return categorical(np.repeat(codes, _sizes(origins)), distinct)

    return made


def texts(told: _OfField, *paths: str) -> Column:
    """Texts (or other objects), None if missing; missing for all fields other than `paths`, if given."""

    def made(origins: Sequence[FieldValues]) -> pd.Series:
        column = np.full(sum(_sizes(origins)), None, dtype=object)
        for field, rows in _rows_of(origins, paths):
            column[rows] = told(field)
        return pd.Series(column, dtype=object)

    return made


def numbers(told: _OfField, *paths: str) -> Column:
    """Whole numbers, None if missing; missing for all fields other than `paths`, if given."""

    def made(origins: Sequence[FieldValues]) -> pd.arrays.IntegerArray:
        column = np.zeros(sum(_sizes(origins)), dtype=np.int64)
        missing = np.ones(len(column), dtype=bool)
        for field, rows in _rows_of(origins, paths):
            values = told(field)
            if isinstance(values, np.ndarray):
                column[rows], missing[rows] = values, False
            else:
                column[rows], missing[rows] = [value or 0 for value in values], [value is None for value in values]
        return pd.arrays.IntegerArray(column, missing)

    return made


def measures(told: _OfField) -> Column:
    """Numbers with a fraction, None if missing."""
    return lambda origins: np.concatenate([np.array(told(field), dtype=np.float64) for field in origins])


def flags(told: _OfField) -> Column:
    """Booleans."""
    return lambda origins: np.concatenate([np.array(told(field), dtype=bool) for field in origins])


def _rows_of(origins: Sequence[FieldValues], paths: Sequence[str]) -> Iterator[tuple[FieldValues, slice]]:
    """The fields at `paths` (none given: all) with their rows."""
    start = 0
    for field in origins:
        end = start + len(field.distinct)
        if not paths or field.path in paths:
            yield field, slice(start, end)
        start = end


def _sizes(origins: Sequence[FieldValues]) -> list[int]:
    return [len(field.distinct) for field in origins]


def categorical(codes: NDArray[np.int64], categories: Sequence[str] | NDArray[Any]) -> pd.Categorical:
    """Texts with few distinct values, by their codes; ABSENT is missing."""
    dtype: pd.CategoricalDtype[object] = pd.CategoricalDtype(list(categories))
    return pd.Categorical.from_codes(codes, dtype=dtype)


def frame_safe(texts: Sequence[Any]) -> Sequence[str | None]:
    """The strings without lone surrogates, which no frame can hash; None for other values (DQ13 judges those).

    No value with a lone surrogate passes any rule about its form.
    """
    try:
        "".join(texts).encode()
    except (TypeError, UnicodeEncodeError):
        return [text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else None for text in texts]
    return texts

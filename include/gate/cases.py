"""Frames of cases: one row for each distinct value (or combination of values) of each field.

A value that a thousand needs share is looked at once; a `CaseFrame` leads from its rows back to the needs and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.gate.columns import FieldValues

Column = tuple[str, Callable[[FieldValues], Sequence[Any]]]
"""Type of a column and what makes its values from a field, one for each distinct value."""


@dataclass(frozen=True, slots=True)
class CaseFrame:
    """A frame of distinct cases; the rows of `origins[i]` start at `starts[i]`."""

    frame: pd.DataFrame
    origins: Sequence[FieldValues]
    starts: Sequence[int]

    def held_by(self, rows: Sequence[int]) -> Iterator[tuple[FieldValues, NDArray[np.bool_], NDArray[np.int64]]]:
        """For each field that these rows come from: which of its distinct values they are, and the places with them."""
        chosen = np.zeros(len(self.frame), dtype=bool)
        chosen[np.asarray(rows, dtype=np.int64)] = True
        for field, start in zip(self.origins, self.starts, strict=True):
            distinct = chosen[start : start + len(field.distinct)]
            if distinct.any():
                yield field, distinct, np.flatnonzero(~field.absent & distinct[field.codes])


def case_frame(origins: Sequence[FieldValues], columns: Mapping[str, Column]) -> CaseFrame:
    """The frame of the distinct values of `origins`; None is a missing value."""
    starts, rows = [], 0
    for field in origins:
        starts.append(rows)
        rows += len(field.distinct)
    frame = pd.DataFrame(
        {
            name: pd.Series([value for field in origins for value in values_of(field)], dtype=dtype)
            for name, (dtype, values_of) in columns.items()
        }
    )
    return CaseFrame(frame, origins, starts)


def field_column() -> Column:
    """The path of the field that a row comes from."""
    return "str", lambda field: [field.path] * len(field.distinct)


def column(dtype: str, function: Callable[[Any], Any], *paths: str) -> Column:
    """`function` of each distinct value; missing for fields other than `paths` (none given: all of them)."""

    def values_of(field: FieldValues) -> Sequence[Any]:
        if paths and field.path not in paths:
            return [None] * len(field.distinct)
        return [function(value) for value in field.distinct]

    return dtype, values_of


def frame_safe(text: str) -> str:
    """The text without lone surrogates, which no frame can hash; no value with one passes any rule about its form."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def text_or_none(value: Any) -> str | None:
    """The string as sent; None for what is no string, which DQ13 is about."""
    return frame_safe(value) if isinstance(value, str) else None

"""Columns of the frames by which the rule book judges feedback: exact numbers, booleans and texts, each of which may be
missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "answer", "text"]

SCALE = 10_000
_DTYPES: Mapping[Kind, Any] = {"number": np.int64, "answer": np.bool_, "text": object}


def scaled(value: Decimal | None) -> int | None:
    """A decimal of up to four places in ten-thousandths, for exact comparison."""
    return None if value is None else int(value * SCALE)


def whole_numbers(values: Sequence[int | None]) -> pd.Series[int]:
    """Whole numbers; None is missing."""
    return _column("number", *_filled("number", values))


def answers(values: Sequence[bool | None]) -> pd.Series[bool]:
    """Booleans; None is missing."""
    return _column("answer", *_filled("answer", values))


class Cells:
    """A sparse frame, filled cell by cell."""

    def __init__(self, columns: Mapping[str, Kind]) -> None:
        self._columns = columns
        self._rows: dict[str, list[int]] = {name: [] for name in columns}
        self._values: dict[str, list[Any]] = {name: [] for name in columns}

    def put(self, row: int, column: str, value: Any) -> None:
        """Fill a cell; None leaves it missing."""
        if value is not None:
            self._rows[column].append(row)
            self._values[column].append(value)

    def frame(self, length: int) -> pd.DataFrame:
        """The frame, `length` rows long."""
        import pandas as pd

        return pd.DataFrame({name: self._column(name, kind, length) for name, kind in self._columns.items()})

    def _column(self, name: str, kind: Kind, length: int) -> pd.Series[Any]:
        values = np.full(length, None if kind == "text" else 0, dtype=_DTYPES[kind])
        missing = np.ones(length, dtype=bool)
        values[self._rows[name]] = self._values[name]
        missing[self._rows[name]] = False
        return _column(kind, values, missing)


def _filled(kind: Kind, values: Sequence[Any]) -> tuple[Any, Any]:
    """The values, and which of them are missing."""
    if None not in values:
        return np.array(values, dtype=_DTYPES[kind]), np.zeros(len(values), dtype=bool)
    missing = np.array([value is None for value in values], dtype=bool)
    return np.array([0 if value is None else value for value in values], dtype=_DTYPES[kind]), missing


def _column(kind: Kind, values: Any, missing: Any) -> pd.Series[Any]:
    import pandas as pd

    if kind == "text":
        return pd.Series(values, dtype="str")
    masked = pd.arrays.IntegerArray if kind == "number" else pd.arrays.BooleanArray
    return pd.Series(masked(values, missing))

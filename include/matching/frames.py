"""Columns of the frames that the rule book judges feedback by: exact numbers, answers and texts, each of which may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_SCALE = 10_000


def scaled(value: Decimal | None) -> int | None:
    """A decimal of up to four places in ten-thousandths, so that it is compared exactly."""
    return None if value is None else int(value * _SCALE)


def whole_numbers(values: Sequence[int | None]) -> pd.Series[int]:
    """Whole numbers; None is missing."""
    import pandas as pd

    return pd.Series(pd.arrays.IntegerArray(*_filled(values, np.dtype("int64"))))


def answers(values: Sequence[bool | None]) -> pd.Series[bool]:
    """Yes or no; None is missing."""
    import pandas as pd

    return pd.Series(pd.arrays.BooleanArray(*_filled(values, np.dtype("bool"))))


def texts(values: Sequence[str | None]) -> pd.Series[str]:
    """Texts; None is missing."""
    import pandas as pd

    return pd.Series(list(values), dtype="str")


def _filled(values: Sequence[Any], dtype: np.dtype[Any]) -> tuple[Any, Any]:
    missing = np.array([value is None for value in values], dtype=bool)
    return np.array([0 if value is None else value for value in values], dtype=dtype), missing

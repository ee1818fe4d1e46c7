"""Expectations about a department's quarter as a whole."""

from __future__ import annotations

from fractions import Fraction

import pandas as pd

from expectations.custom.base import RowExpectation, Text, row_condition


class ExpectShareNotAbove(RowExpectation):
    """A part is no larger than a share of the whole, where the whole is at least so many (B08, G15); equality passes."""

    maximum: Text | int
    from_rows: Text | int
    map_metric = "multicolumn_values.share_not_above"
    success_keys = ("mostly", "maximum", "from_rows")


@row_condition("share_not_above", "maximum", "from_rows")
def share_not_above(columns: pd.DataFrame, maximum: str, from_rows: int) -> pd.Series:
    """`columns`: part, whole; counts."""
    share = Fraction(maximum)
    part, whole = (columns.iloc[:, at].astype("int64") for at in range(2))
    return (whole < int(from_rows)) | (part * share.denominator <= whole * share.numerator)


class ExpectNoGreatDrop(RowExpectation):
    """A count is at least half of the one before, where that was at least so many (B05)."""

    from_rows: Text | int
    map_metric = "multicolumn_values.no_great_drop"
    success_keys = ("mostly", "from_rows")


@row_condition("no_great_drop", "from_rows")
def no_great_drop(columns: pd.DataFrame, from_rows: int) -> pd.Series:
    """`columns`: count of this quarter, count of the quarter before."""
    count, previous = (columns.iloc[:, at].astype("int64") for at in range(2))
    return (previous < int(from_rows)) | (2 * count >= previous)

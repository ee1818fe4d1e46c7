"""Expectations about what institutions report."""

from __future__ import annotations

from fractions import Fraction

import pandas as pd

from expectations.custom.base import RowExpectation, Text, row_condition
from expectations.custom.quantities import SCALE


class ExpectEventAmountInUnit(RowExpectation):
    """An amount is neither below a minimum in 万元 nor above a multiple of the total investment (E11); equality passes."""

    minimum: Text | int
    factor: Text | int
    map_metric = "multicolumn_values.event_amount_in_unit"
    success_keys = ("mostly", "minimum", "factor")


@row_condition("event_amount_in_unit", "minimum", "factor")
def event_amount_in_unit(columns: pd.DataFrame, minimum: str, factor: str) -> pd.Series:
    """`columns`: amount, total investment; scaled."""
    amount, total = (columns.iloc[:, at].astype("int64") for at in range(2))
    least, times = Fraction(minimum) * SCALE, Fraction(factor)
    return (amount * least.denominator >= least.numerator) & (amount * times.denominator <= total * times.numerator)

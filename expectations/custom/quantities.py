"""Expectations about amounts, ratios, percentages and days; exact, without rounding.

Amounts and benefits are whole ten-thousandths; a ratio a/b is compared with k as a with k x b.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.custom.base import (
    Mask,
    RowExpectation,
    Text,
    ValueExpectation,
    each_distinct,
    row_condition,
    value_condition,
)

SCALE = 10_000
_LARGEST = 2**63 - 1

Bound = Text | None
Whole = NDArray[Any]
Comparison = Callable[[Whole, Whole], Any]


class ExpectAmountToFitTheForm(RowExpectation):
    """An amount or benefit is well written, below the bound under finance, and above zero where it must be (DQ06)."""

    upper_bound: Text
    positive: list[str]
    map_metric = "multicolumn_values.amount"
    success_keys = ("mostly", "upper_bound", "positive")


@row_condition("amount", "upper_bound", "positive")
def amount(columns: pd.DataFrame, upper_bound: str, positive: list[str]) -> pd.Series:
    """`columns`: path of the field, scaled amount (negative: not well written)."""
    field, scaled = columns.iloc[:, 0], columns.iloc[:, 1]
    bounded = each_distinct(lambda path: path.startswith("finance."), field)
    below = ~bounded | (scaled < math.ceil(Fraction(upper_bound) * SCALE))
    return (scaled >= 0) & below & (~field.isin(positive) | (scaled > 0))


class ExpectNumberWithin(ValueExpectation):
    """A percentage lies within bounds; `above` is exclusive, the others inclusive (DQ59, DQ60, DQ61)."""

    above: Bound = None
    minimum: Bound = None
    maximum: Bound = None
    map_metric = "column_values.number_within"
    success_keys = ("mostly", "above", "minimum", "maximum")


@value_condition("number_within", "above", "minimum", "maximum")
def number_within(numbers: pd.Series, above: Bound, minimum: Bound, maximum: Bound) -> pd.Series:
    """`numbers`: Decimal or int."""
    within = pd.Series(True, index=numbers.index)
    for bound, holds in ((above, operator.gt), (minimum, operator.ge), (maximum, operator.le)):
        if bound is not None:
            limit = Decimal(bound)  # type: ignore[arg-type]
            within &= pd.Series([holds(number, limit) for number in numbers], index=numbers.index, dtype=bool)
    return within


class ExpectAmountWithin(ValueExpectation):
    """An amount lies within bounds given in its unit; equality passes (DQ37, DQ64)."""

    minimum: Bound = None
    maximum: Bound = None
    map_metric = "column_values.amount_within"
    success_keys = ("mostly", "minimum", "maximum")


@value_condition("amount_within", "minimum", "maximum")
def amount_within(amounts: pd.Series, minimum: Bound, maximum: Bound) -> pd.Series:
    """`amounts`: scaled."""
    within = pd.Series(True, index=amounts.index)
    if minimum is not None:
        within &= amounts >= math.ceil(Fraction(minimum) * SCALE)  # type: ignore[arg-type]
    if maximum is not None:
        within &= amounts <= math.floor(Fraction(maximum) * SCALE)  # type: ignore[arg-type]
    return within


class ExpectRatioWithin(RowExpectation):
    """The ratio of two quantities lies within bounds; equality passes, except at a `below`.

    Ratios under `unless_below` or over `unless_above` belong to another rule.
    """

    minimum: Bound = None
    maximum: Bound = None
    below: Bound = None
    unless_below: Bound = None
    unless_above: Bound = None
    map_metric = "multicolumn_values.ratio_within"
    success_keys = ("mostly", "minimum", "maximum", "below", "unless_below", "unless_above")


@row_condition("ratio_within", "minimum", "maximum", "below", "unless_below", "unless_above")
def ratio_within(columns: pd.DataFrame, *bounds: Bound) -> pd.Series:
    """`columns`: dividend, divisor."""
    minimum, maximum, below, unless_below, unless_above = bounds
    dividend, divisor = (columns.iloc[:, at].to_numpy("int64") for at in range(2))
    within = np.ones(len(columns), dtype=bool)
    for bound, comparison in ((minimum, operator.ge), (maximum, operator.le), (below, operator.lt)):
        if bound is not None:
            within &= _compared(dividend, divisor, comparison, bound)
    for bound, comparison in ((unless_below, operator.lt), (unless_above, operator.gt)):
        if bound is not None:
            within |= _compared(dividend, divisor, comparison, bound)
    return pd.Series(within, index=columns.index)


def _compared(dividend: Whole, divisor: Whole, comparison: Comparison, bound: Bound) -> Mask:
    """Compares dividend with bound x divisor in whole numbers; in Python's own if 64 bits could be too few."""
    limit = Fraction(bound)  # type: ignore[arg-type]
    largest = max(int(np.abs(dividend).max()) * limit.denominator, int(np.abs(divisor).max()) * abs(limit.numerator))
    if largest > _LARGEST:
        dividend, divisor = dividend.astype(object), divisor.astype(object)
    held: Mask = comparison(dividend * limit.denominator, divisor * limit.numerator)
    return held


class ExpectWithinPeriod(RowExpectation):
    """A day or moment is not before the begin and not after the end of its period (DQ51, DQ52)."""

    end_included: bool
    map_metric = "multicolumn_values.within_period"
    success_keys = ("mostly", "end_included")


@row_condition("within_period", "end_included")
def within_period(columns: pd.DataFrame, end_included: bool) -> pd.Series:
    """`columns`: day or moment, begin, end."""
    when, begin, end = (columns.iloc[:, at].astype("int64") for at in range(3))
    return (when >= begin) & ((when <= end) if end_included else (when < end))


class ExpectEndWithinYears(RowExpectation):
    """The end is not later than so many years after the start, days written 20260930 (DQ50)."""

    years: Text | int
    map_metric = "multicolumn_values.end_within_years"
    success_keys = ("mostly", "years")


@row_condition("end_within_years", "years")
def end_within_years(columns: pd.DataFrame, years: int) -> pd.Series:
    """`columns`: start, end. 29 February becomes 28; this is exact, because no day lies between the two in years
    without a 29th."""
    start, end = (columns.iloc[:, at].astype("int64") for at in range(2))
    return end <= start + int(years) * 10_000


class ExpectNewInvestment(RowExpectation):
    """The project is not completed, nor its end past on the day of the recommendation (DQ26)."""

    map_metric = "multicolumn_values.new_investment"


@row_condition("new_investment")
def new_investment(columns: pd.DataFrame) -> pd.Series:
    """`columns`: construction status, end, day of the recommendation; a row holds either the first or the other two."""
    status, end, judged_on = (columns.iloc[:, at] for at in range(3))
    past = (end < judged_on).fillna(False).astype(bool)
    return ~(past | (status == "completed").fillna(False).astype(bool))

"""Expectations about what institutions report."""

from __future__ import annotations

import re
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


_CATALOGUE_CODE = re.compile(r"[1-9](?:[.][1-9][0-9]?){2}")


class ExpectCatalogueOfTheNeed(RowExpectation):
    """The institution's code is an entry of the catalogue, under the level-1 heading that was filed (G04)."""

    map_metric = "multicolumn_values.catalogue_of_the_need"
    success_keys = ("mostly",)


@row_condition("catalogue_of_the_need")
def catalogue_of_the_need(columns: pd.DataFrame) -> pd.Series:
    """`columns`: code as reported, code as filed; the latter empty if it is not usable."""
    reported, filed = columns.iloc[:, 0], columns.iloc[:, 1]
    well_formed = pd.Series([_CATALOGUE_CODE.fullmatch(code) is not None for code in reported], index=columns.index)
    return well_formed & ((filed == "") | (reported.str[0] == filed.str[0]))

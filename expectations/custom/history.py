"""Expectations about what a need has in common with others and with its earlier revision."""

from __future__ import annotations

import pandas as pd

from expectations.custom.base import RowExpectation, Text, ValueExpectation, row_condition, value_condition
from expectations.custom.quantities import ratio_within


class ExpectLikenessBelow(ValueExpectation):
    """The likeness to another project of the enterprise, 0 … 1, is below the limit (DQ42)."""

    limit: Text | int
    map_metric = "column_values.likeness_below"
    success_keys = ("mostly", "limit")


@value_condition("likeness_below", "limit")
def likeness_below(likeness: pd.Series, limit: str) -> pd.Series:
    """`likeness`: computed by difflib, so that the limit is the same floating-point number."""
    return likeness < float(limit)


class ExpectFewEnterprisesSharing(RowExpectation):
    """Fewer than so many enterprises share a content, a benefit or a contact (G13); each row holds one of the three."""

    fewer_than: Text | int
    map_metric = "multicolumn_values.few_enterprises_sharing"
    success_keys = ("mostly", "fewer_than")


@row_condition("few_enterprises_sharing", "fewer_than")
def few_enterprises_sharing(columns: pd.DataFrame, fewer_than: int) -> pd.Series:
    """`columns`: how many enterprises share the content, the benefit, the mobile."""
    return columns.max(axis=1) < int(fewer_than)


class ExpectBenefitsNotToRise(RowExpectation):
    """A benefit exceeds that of the revision before by no more than a factor; each row holds one benefit (G12)."""

    maximum: Text
    map_metric = "multicolumn_values.benefits_not_rising"
    success_keys = ("mostly", "maximum")


@row_condition("benefits_not_rising", "maximum")
def benefits_not_rising(columns: pd.DataFrame, maximum: str) -> pd.Series:
    """`columns`: saving new and before, carbon new and before."""
    new, before = (columns.iloc[:, at].fillna(columns.iloc[:, at + 2]) for at in range(2))
    return ratio_within(pd.DataFrame({"new": new, "before": before}), None, maximum, None, None, None)

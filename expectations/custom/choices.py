"""Expectations about choices: the options of the form, and benefits that fit the direction chosen."""

from __future__ import annotations

import pandas as pd

from expectations.custom.base import RowExpectation, each_distinct, row_condition
from expectations.custom.texts import holding_any
from include.reference import word_list
from include.reference.form import choices, direction_metrics


class ExpectChoiceToBeOffered(RowExpectation):
    """The value is exactly one of those that the form offers for its field (DQ05)."""

    map_metric = "multicolumn_values.offered"


@row_condition("offered")
def offered(columns: pd.DataFrame) -> pd.Series:
    """`columns`: path of the field, value."""
    return each_distinct(lambda path, value: value in choices(path), columns.iloc[:, 0], columns.iloc[:, 1])


class ExpectBenefitOfTheDirection(RowExpectation):
    """At least one benefit that belongs to the direction of the retrofit is claimed (DQ65; metric_map of section 4)."""

    map_metric = "multicolumn_values.benefit_of_direction"


@row_condition("benefit_of_direction")
def benefit_of_direction(columns: pd.DataFrame) -> pd.Series:
    """`columns`: direction, names of the claimed metrics between semicolons."""

    def claims(direction: str, claimed: str) -> bool:
        return not direction_metrics()[direction].isdisjoint(claimed.split(";"))

    return each_distinct(claims, columns.iloc[:, 0], columns.iloc[:, 1])


class ExpectCarbonNameToBeBacked(RowExpectation):
    """A project whose name promises to save energy or carbon claims such a saving (G07)."""

    map_metric = "multicolumn_values.carbon_name_backed"


@row_condition("carbon_name_backed")
def carbon_name_backed(columns: pd.DataFrame) -> pd.Series:
    """`columns`: normalised name of the project, names of the claimed metrics between semicolons."""
    words = word_list("carbon_words")
    speaks = holding_any(columns.iloc[:, 0], words)
    backed = each_distinct(
        lambda claimed: ";energy_saving_tce;" in claimed or ";carbon_reduction_tco2;" in claimed, columns.iloc[:, 1]
    )
    return backed | ~speaks

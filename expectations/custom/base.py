"""Shared by the expectation classes of the rule book.

Conditions work on whole columns, never row by row. Rows in which a named column is missing are left out: a rule is
evaluated only if every value that it names is usable (handbook, section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from types import new_class
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (
    MulticolumnMapMetricProvider,
)

Text = str | dict[str, str]
"""A text, or {"$PARAMETER": key} for the policy value of that key."""

Texts = list[str] | dict[str, str]

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_Condition = TypeVar("_Condition", bound=Callable[..., Any])

_ROW_DOMAIN = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")


class RowExpectation(MulticolumnMapExpectation):
    """An expectation about some columns of each row; rows in which one of them is missing are left out."""

    ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "any_value_is_missing"


class ValueExpectation(ColumnMapExpectation):
    """An expectation about the values of one column; missing values are left out."""


def row_condition(name: str, *arguments: str) -> Callable[[_Condition], _Condition]:
    """Make `function(columns, *arguments)`, true where a row is as expected, the metric `multicolumn_values.<name>`."""

    def register(function: _Condition) -> _Condition:
        def condition(cls: type, column_list: pd.DataFrame, **kwargs: Any) -> pd.Series:
            return _held(function, column_list, kwargs, arguments)

        members = {
            "condition_metric_name": f"multicolumn_values.{name}",
            "condition_domain_keys": _ROW_DOMAIN,
            "condition_value_keys": arguments,
            "_pandas": multicolumn_condition_partial(engine=PandasExecutionEngine)(condition),
        }
        new_class(name, (MulticolumnMapMetricProvider,), exec_body=lambda body: body.update(members))
        return function

    return register


def value_condition(name: str, *arguments: str) -> Callable[[_Condition], _Condition]:
    """Make `function(column, *arguments)`, true where a value is as expected, the metric `column_values.<name>`."""

    def register(function: _Condition) -> _Condition:
        def condition(cls: type, column: pd.Series, **kwargs: Any) -> pd.Series:
            return _held(function, column, kwargs, arguments)

        members = {
            "condition_metric_name": f"column_values.{name}",
            "condition_value_keys": arguments,
            "_pandas": column_condition_partial(engine=PandasExecutionEngine)(condition),
        }
        new_class(name, (ColumnMapMetricProvider,), exec_body=lambda body: body.update(members))
        return function

    return register


def _held(
    function: Callable[..., pd.Series], domain: Any, kwargs: dict[str, Any], arguments: tuple[str, ...]
) -> pd.Series:
    if domain.empty:  # No row in which every value is usable.
        return pd.Series([], index=domain.index, dtype=bool)
    return function(domain, *(kwargs[argument] for argument in arguments))


def each_distinct(condition: Callable[..., bool], *columns: pd.Series) -> pd.Series:
    """`condition` of the values in each row, evaluated once for each combination that occurs."""
    codes, distinct = pd.factorize(columns[0])
    combinations: list[tuple[Any, ...]] = [(value,) for value in distinct]
    for column in columns[1:]:
        further, values = pd.factorize(column)
        codes, occurring = pd.factorize(codes * len(values) + further)
        at = (divmod(code, len(values)) for code in occurring.tolist())
        combinations = [(*combinations[before], values[last]) for before, last in at]
    held = np.fromiter((condition(*values) for values in combinations), dtype=bool, count=len(combinations))
    return pd.Series(held[codes], index=columns[0].index)


def all_distinct(condition: Callable[[list[Any]], Mask], column: pd.Series) -> pd.Series:
    """`condition` of the list of all distinct values of a column, for conditions that process many values at once."""
    codes, distinct = pd.factorize(column)
    return pd.Series(condition(distinct.tolist())[codes], index=column.index)

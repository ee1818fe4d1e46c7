"""A suite compiled into the few metrics of Great Expectations that the gate needs: the rows in which each rule is
broken.

`Batch.validate` builds the graph of metrics anew for each batch, computes counts, values, queries and result objects
that nobody reads, and filters the whole frame for each of them. Here the metrics of a suite are found once, for the
given parameters; each batch then computes `unexpected_index_list` of each expectation and its dependencies, with the
library's own metric providers and metrics calculator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.row_conditions import PassThroughCondition, deserialize_row_condition
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.metrics_calculator import MetricsCalculator
from great_expectations.validator.validation_graph import MetricEdge, ValidationGraph

# No values in results: personal data cannot leak from what was never collected, and the gate needs rows only.
_RUNTIME = {"result_format": {"result_format": "COMPLETE", "exclude_unexpected_values": True}}
_BATCH = "frame"
_ABOUT_MISSING_VALUES = frozenset({"column_values.nonnull", "column_values.null"})

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The rows in which a rule is broken; None if it could not be evaluated."""

    rule_id: str
    rows: Sequence[int] | None


class FrameEngine(PandasExecutionEngine):
    """Runs metrics on one frame: applies each row condition once, and returns only the rows and columns of a domain.

    If a domain leaves out rows with missing values, the rest becomes plain columns: Great Expectations compares numpy's
    columns as a whole, but pandas' nullable types value by value.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__()
        self._frame = frame
        self._named = dict(frame.items())
        self._chosen: dict[str, Mask] = {}
        self._missing: dict[str, Mask] = {}
        self._plain: dict[str, Any] = {}
        self._records: dict[str, pd.DataFrame] = {}
        self.load_batch_data(_BATCH, frame)

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pd.DataFrame:
        """The rows and columns of a domain; of a whole-table domain only the columns matter, so no rows are filtered."""
        columns = list(dict.fromkeys(_columns(domain_kwargs)))
        if not columns:
            return self._frame
        key = repr(sorted(domain_kwargs.items()))
        if key not in self._records:
            self._records[key] = self._domain(columns, domain_kwargs)
        return self._records[key]

    def _domain(self, columns: list[str], domain_kwargs: Mapping[str, Any]) -> pd.DataFrame:
        condition = domain_kwargs.get("row_condition")
        kept = self._rows_where(condition) if condition else np.ones(len(self._frame), dtype=bool)
        missing = [self._missing_in(name) for name in columns]
        match _left_out(domain_kwargs):
            case "any":
                for one in missing:
                    kept = kept & ~one
                values = {name: self._plain_values(name) for name in columns}
            case "all":
                kept = kept & ~np.logical_and.reduce(missing)
                values = {name: self._named[name].array for name in columns}
            case _:
                values = {name: self._named[name].array for name in columns}
        rows = np.flatnonzero(kept)
        if len(rows) < len(kept):
            values = {name: array.take(rows) for name, array in values.items()}
        # From an array alone pandas would infer the type again.
        series = {name: pd.Series(array, index=rows, dtype=array.dtype, copy=False) for name, array in values.items()}
        return pd.DataFrame(series, copy=False)

    def _rows_where(self, condition: Any) -> Mask:
        stated: Any = deserialize_row_condition(condition) if isinstance(condition, dict) else condition
        text = (
            stated.pass_through_filter
            if isinstance(stated, PassThroughCondition)
            else self.condition_to_filter_clause(stated)
        )
        if text not in self._chosen:
            # DataFrame.eval would clean the names of all columns again for each condition.
            held = pd.Series(pd.eval(text, resolvers=[self._named])).fillna(False)
            self._chosen[text] = np.asarray(held, dtype=bool)
        return self._chosen[text]

    def _missing_in(self, name: str) -> Mask:
        if name not in self._missing:
            self._missing[name] = self._named[name].isna().to_numpy()
        return self._missing[name]

    def _plain_values(self, name: str) -> Any:
        """The column without pandas' masks; missing values become arbitrary ones."""
        if name not in self._plain:
            array = self._named[name].array
            self._plain[name] = array.to_numpy(array.dtype.numpy_dtype, na_value=0) if _is_masked(array) else array
        return self._plain[name]


def _is_masked(array: Any) -> bool:
    return isinstance(array, pd.arrays.IntegerArray | pd.arrays.FloatingArray | pd.arrays.BooleanArray)


def _columns(domain_kwargs: Mapping[str, Any]) -> list[str]:
    if "column" in domain_kwargs:
        return [domain_kwargs["column"]]
    if "column_A" in domain_kwargs:
        return [domain_kwargs["column_A"], domain_kwargs["column_B"]]
    return list(domain_kwargs.get("column_list", ()))


_IGNORED = {
    "both_values_are_missing": "all",
    "all_values_are_missing": "all",
    "either_value_is_missing": "any",
    "any_value_is_missing": "any",
    "neither": "none",
    "never": "none",
}


def _left_out(domain_kwargs: Mapping[str, Any]) -> str:
    """The rows that a domain leaves out: those in which any, all or none of its values are missing."""
    return "any" if "column" in domain_kwargs else _IGNORED[domain_kwargs["ignore_row_if"]]


@dataclass(frozen=True, slots=True)
class CompiledSuite:
    """The metrics of a suite under certain parameters, as the edges of their graph; `asked` are those of its rules."""

    edges: Sequence[MetricEdge]
    asked: Sequence[tuple[str, MetricConfiguration]]

    @classmethod
    def of(cls, expectations: Sequence[Any], parameters: Mapping[str, Any]) -> CompiledSuite:
        """Compile expectations that Great Expectations has loaded; each has its rule in its meta.

        Raises ValueError for a rule about missing values, which no domain of a column holds: such a rule needs a column
        that says whether a value is given.
        """
        engine = FrameEngine(pd.DataFrame())
        graph = ValidationGraph(execution_engine=engine)
        asked = []
        for expectation in expectations:
            configuration: ExpectationConfiguration = expectation.configuration
            configuration.process_suite_parameters(suite_parameters=dict(parameters))
            configuration.kwargs["batch_id"] = _BATCH
            stated: Any = configuration.to_domain_obj()
            if stated.map_metric in _ABOUT_MISSING_VALUES:
                raise ValueError(f"rule {configuration.meta['rule']} looks for missing values, which are left out")
            needed = stated.get_validation_dependencies(execution_engine=engine, runtime_configuration=_RUNTIME)
            metric = needed.metric_configurations[f"{stated.map_metric}.unexpected_index_list"]
            graph.build_metric_dependency_graph(metric_configuration=metric, runtime_configuration=_RUNTIME)
            asked.append((configuration.meta["rule"], metric))
        return cls(graph.edges, asked)

    def run(self, frame: pd.DataFrame) -> list[RuleResult]:
        """The findings of each rule in the frame."""
        engine = FrameEngine(frame)
        resolved, _ = MetricsCalculator(engine, show_progress_bars=False).resolve_validation_graph(
            ValidationGraph(execution_engine=engine, edges=list(self.edges)), runtime_configuration=_RUNTIME
        )
        return [RuleResult(rule_id, _row_numbers(resolved.get(metric.id))) for rule_id, metric in self.asked]


def _row_numbers(found: Any) -> Sequence[int] | None:
    return found if isinstance(found, list) else None

"""A suite compiled into the metrics of Great Expectations that the gate needs: the rows in which each rule is broken.

`Batch.validate` builds the graph of metrics anew for each batch, asks for counts, values, queries and result objects that
nobody here reads, and filters the whole frame again for each of them. Here the expectations of a suite say once, for the
parameters given, which metrics they rest on; each batch then computes `unexpected_index_list` of each expectation and what
that depends on, with the library's own metric providers and metrics calculator.
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

# No values in results: personal data cannot leak from what was never collected, and rows are all the gate needs.
_RUNTIME = {"result_format": {"result_format": "COMPLETE", "exclude_unexpected_values": True}}
_BATCH = "frame"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The rows in which a rule is broken; None where it could not be evaluated."""

    rule_id: str
    rows: Sequence[int] | None


class FrameEngine(PandasExecutionEngine):
    """Runs metrics on one frame: applies each row condition once, and hands out the columns of a domain only."""

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__()
        self._frame = frame
        self._chosen: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
        self._records: dict[str, pd.DataFrame] = {}
        self.load_batch_data(_BATCH, frame)

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pd.DataFrame:
        """The rows and columns of a domain; of a table as a whole only its columns are asked, in whatever rows."""
        columns = _columns(domain_kwargs)
        if not columns:
            return self._frame
        key = repr(sorted(domain_kwargs.items()))
        if key not in self._records:
            narrow = self._frame[list(dict.fromkeys(columns))]
            condition = domain_kwargs.get("row_condition")
            if condition:
                narrow = narrow.take(self._rows(condition))
            self._records[key] = narrow.dropna(how=how, subset=columns) if (how := _how(domain_kwargs)) else narrow
        return self._records[key]

    def _rows(self, condition: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
        stated: Any = deserialize_row_condition(condition) if isinstance(condition, dict) else condition
        text = (
            stated.pass_through_filter
            if isinstance(stated, PassThroughCondition)
            else self.condition_to_filter_clause(stated)
        )
        if text not in self._chosen:
            held = pd.Series(self._frame.eval(text)).fillna(False)
            self._chosen[text] = np.flatnonzero(np.asarray(held, dtype=bool))
        return self._chosen[text]


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
    "neither": None,
    "never": None,
}


def _how(domain_kwargs: Mapping[str, Any]) -> Any:
    """Which rows of a domain of several columns are left out."""
    return None if "column" in domain_kwargs else _IGNORED[domain_kwargs["ignore_row_if"]]


@dataclass(frozen=True, slots=True)
class CompiledSuite:
    """The metrics of a suite under certain parameters, as the edges of their graph; `asked` are those for its rules."""

    edges: Sequence[MetricEdge]
    asked: Sequence[tuple[str, MetricConfiguration]]

    @classmethod
    def of(cls, expectations: Sequence[Any], parameters: Mapping[str, Any]) -> CompiledSuite:
        """Compile expectations that were taken in by Great Expectations; each carries its rule in its meta."""
        engine = FrameEngine(pd.DataFrame())
        graph = ValidationGraph(execution_engine=engine)
        asked = []
        for expectation in expectations:
            configuration: ExpectationConfiguration = expectation.configuration
            configuration.process_suite_parameters(suite_parameters=dict(parameters))
            configuration.kwargs["batch_id"] = _BATCH
            stated = configuration.to_domain_obj()
            needed = stated.get_validation_dependencies(execution_engine=engine, runtime_configuration=_RUNTIME)
            metric = needed.metric_configurations[f"{stated.map_metric}.unexpected_index_list"]  # type: ignore[attr-defined]
            graph.build_metric_dependency_graph(metric_configuration=metric, runtime_configuration=_RUNTIME)
            asked.append((configuration.meta["rule"], metric))
        return cls(graph.edges, asked)

    def run(self, frame: pd.DataFrame) -> list[RuleResult]:
        """What each rule finds in the frame."""
        engine = FrameEngine(frame)
        resolved, _ = MetricsCalculator(engine, show_progress_bars=False).resolve_validation_graph(
            ValidationGraph(execution_engine=engine, edges=list(self.edges)), runtime_configuration=_RUNTIME
        )
        return [RuleResult(rule_id, _row_numbers(resolved.get(metric.id))) for rule_id, metric in self.asked]


def _row_numbers(found: Any) -> Sequence[int] | None:
    return found if isinstance(found, list) else None

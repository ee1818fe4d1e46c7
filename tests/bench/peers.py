"""Rules that any validator of tables can express, and how its peers state them.

Each is a comparison of two columns (`>=`, `>`, `==`) or of a column with a set of values (`in`, `not in`); rows in which a
value is missing are left out.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

PLAIN_RULES: dict[str, tuple[str, str, Any]] = {
    "DQ20": ("total", ">=", "need"),
    "DQ23": ("methods_total", "==", "need"),
    "DQ25": ("end_date", ">", "start_date"),
    "DQ31": ("baseline", ">=", "saving"),
    "DQ36": ("latest_start", ">=", "start_date"),
    "DQ38": ("remaining", ">=", "need"),
    "DQ57": ("factory_level", "in", ["national"]),
    "DQ63": ("basis", "not in", ["self_estimate"]),
    "DQ67": ("total", ">=", "invested"),
}


def columns() -> list[str]:
    """The columns that the plain rules look at."""
    named = [rule[0] for rule in PLAIN_RULES.values()]
    named += [rule[2] for rule in PLAIN_RULES.values() if isinstance(rule[2], str)]
    return sorted(set(named))


def as_polars(frame: pd.DataFrame) -> Any:
    """The same columns for polars, which reads pandas only by way of pyarrow."""
    import polars as pl

    columns_of = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame}
    return pl.DataFrame(columns_of, infer_schema_length=None)


def pandera(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Rows found by pandera (lazy, all failures)."""
    import pandera.pandas as pa

    def check(rule: tuple[str, str, Any]) -> Any:
        left, operator, right = rule

        def holds(table: pd.DataFrame) -> pd.Series:
            value = table[left]
            match operator:
                case ">=":
                    held = value >= table[right]
                case ">":
                    held = value > table[right]
                case "==":
                    held = value == table[right]
                case "in":
                    held = value.isin(right) | value.isna()
                case _:
                    held = ~value.isin(right)
            return held.fillna(True).astype(bool)

        return holds

    schema = pa.DataFrameSchema(checks=[pa.Check(check(rule), name=name) for name, rule in PLAIN_RULES.items()])
    found: dict[str, list[int]] = {}
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as broken:
        cases = broken.failure_cases
        found = {name: sorted(set(rows)) for name, rows in cases.groupby("check")["index"].apply(list).items()}
    return found


def pointblank(table: Any) -> dict[str, int]:
    """How many rows each rule found, by pointblank on a polars frame; the rows are kept in its extracts."""
    import pointblank as pb

    steps = {">=": "col_vals_ge", ">": "col_vals_gt", "==": "col_vals_eq"}
    plan = pb.Validate(data=table)
    for left, operator, right in PLAIN_RULES.values():
        if operator in steps:
            plan = getattr(plan, steps[operator])(columns=left, value=pb.col(right), na_pass=True)
        elif operator == "in":
            plan = plan.col_vals_in_set(columns=left, set=[*right, None])
        else:
            plan = plan.col_vals_not_in_set(columns=left, set=right)
    done = plan.interrogate()
    return {name: int(done.n_failed(i=at, scalar=True)) for at, name in enumerate(PLAIN_RULES, 1)}


def polars(table: Any) -> dict[str, list[int]]:
    """Rows found by bare polars expressions: what any validator is measured against."""
    import polars as pl

    found = {}
    for name, (left, operator, right) in PLAIN_RULES.items():
        value = pl.col(left)
        match operator:
            case ">=":
                broken = value < pl.col(right)
            case ">":
                broken = value <= pl.col(right)
            case "==":
                broken = value != pl.col(right)
            case "in":
                broken = ~value.is_in(right)
            case _:
                broken = value.is_in(right)
        found[name] = table.select(broken.fill_null(False).arg_true()).to_series().to_list()
    return found

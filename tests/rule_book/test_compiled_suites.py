"""A suite compiled into metrics leaves missing values out, and takes no rule that looks for them."""

from __future__ import annotations

import great_expectations as gx
import pandas as pd
import pytest

from include.rule_book.metrics import CompiledSuite


def _compiled(kind: str, **kwargs: object) -> CompiledSuite:
    stated = {"type": kind, "kwargs": kwargs, "meta": {"rule": "X"}}
    return CompiledSuite.of(gx.ExpectationSuite(name="one", expectations=[stated]).expectations, {})


def test_rows_with_missing_values_are_left_out_and_the_others_keep_their_numbers() -> None:
    frame = pd.DataFrame(
        {
            "amount": pd.array([1, None, 3, 5], dtype="Int64"),
            "kind": pd.Categorical(["a", "a", None, "a"]),
        }
    )
    between = _compiled("expect_column_values_to_be_between", column="amount", max_value=2)
    assert between.run(frame)[0].rows == [2, 3]
    of_a_kind = _compiled(
        "expect_column_values_to_be_between",
        column="amount",
        max_value=2,
        row_condition='kind == "a"',
        condition_parser="pandas",
    )
    assert of_a_kind.run(frame)[0].rows == [3]


@pytest.mark.parametrize("kind", ["expect_column_values_to_not_be_null", "expect_column_values_to_be_null"])
def test_a_rule_about_missing_values_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="missing values"):
        _compiled(kind, column="amount")

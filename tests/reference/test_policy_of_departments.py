from __future__ import annotations

from decimal import Decimal

import pytest

from include.base.errors import ConfigurationError
from include.reference import Policy, own_policy_values, policy
from include.rule_book.suites import ruleset_version

VALUES = policy().values
ROW = {"department_code": "330000", "key": "blocked_share", "value": "0.50", "unit": "ratio", "provenance": "ours"}


def test_a_department_has_its_own_value_and_the_others_the_general_one() -> None:
    rules = Policy(VALUES, own_policy_values([ROW], VALUES))
    assert rules.of_department("330000").decimal("blocked_share") == Decimal("0.50")
    assert rules.of_department("330000").integer("blocked_share_min_rows") == policy().integer("blocked_share_min_rows")
    assert rules.of_department("110000").decimal("blocked_share") == policy().decimal("blocked_share")


def test_an_own_value_changes_the_version_of_the_departments_rules_alone() -> None:
    rules = Policy(VALUES, own_policy_values([ROW], VALUES))
    assert ruleset_version(rules.of_department("330000")) != ruleset_version(policy())
    assert ruleset_version(rules.of_department("110000")) == ruleset_version(policy())


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([ROW | {"department_code": "330100"}], "主管部门代码“330100”不存在"),
        ([ROW | {"key": "blocked_shares"}], "参数“blocked_shares”不存在"),
        ([ROW | {"key": "idle_working_days", "value": "5"}], "参数“idle_working_days”全国统一，不能按地区设置"),
        ([ROW | {"value": "30%"}], "参数“blocked_share”的值“30%”不可用"),
        ([ROW | {"key": "unit_suspect_min", "value": "6000000"}], "“unit_suspect_min”（6000000）大于"),
        ([ROW, ROW | {"value": "0.40"}], "主管部门 330000 的参数“blocked_share”重复"),
    ],
)
def test_a_row_that_means_nothing_is_refused_with_what_to_do(rows: list[dict[str, str]], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        own_policy_values(rows, VALUES)
    assert "请" in refused.value.next_step

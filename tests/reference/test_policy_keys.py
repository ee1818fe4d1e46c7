"""Each key of policy.csv is read by code, and each value means something."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.base.errors import ConfigurationError
from include.reference import Policy, policy_values, rows
from include.reference.policy_keys import KINDS
from include.rule_book.suites import suites

ROWS = [dict(row) for row in rows("policy")]
READERS = {"text", "integer", "decimal", "flag", "listed", "closing_time"}
LISTS_OF_KEYS = {"include/rule_book/documents.py", "include/reference/policy_keys.py"}


def _read_by_python(repository: Path) -> Iterator[str]:
    """What stands in code as a text of its own, as a pattern; of f-strings those that are given to a reader of the policy."""
    for folder in ("include", "plugins", "dags"):
        for path in (repository / folder).rglob("*.py"):
            name = str(path.relative_to(repository))
            if name in LISTS_OF_KEYS or "migrations" in name:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield re.escape(node.value)
                elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in READERS:
                    for given in node.args:
                        if isinstance(given, ast.JoinedStr):
                            yield "".join(
                                re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z0-9_]+"
                                for part in given.values
                            )


def _read_by_suites() -> Iterator[str]:
    for suite in suites().values():
        yield from re.findall(r'"\$PARAMETER": "([^"]+)"', json.dumps(suite["expectations"]))


def test_each_key_is_read_by_code(repository: Path) -> None:
    patterns = {*_read_by_python(repository), *_read_by_suites()}
    literal = {pattern for pattern in patterns if re.fullmatch("[a-z0-9_]+", pattern)}
    computed = [pattern for pattern in patterns - literal if "[a-z0-9_]+" in pattern and pattern != "[a-z0-9_]+"]
    unread = {
        row["key"]
        for row in ROWS
        if row["key"] not in literal and not any(re.fullmatch(pattern, row["key"]) for pattern in computed)
    }
    assert unread == set()


def test_the_file_has_the_keys_that_are_known_each_once_with_a_meaning() -> None:
    assert sorted(row["key"] for row in ROWS) == sorted(KINDS)
    assert all(row["meaning"] and row["provenance"] for row in ROWS)


def _with(**changes: str) -> list[dict[str, str]]:
    return [{**row, "value": changes.get(row["key"], row["value"])} for row in ROWS]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ([*ROWS, {**ROWS[0], "key": "push_two_persons", "value": "true"}], "参数“push_two_persons”不存在"),
        ([*ROWS, ROWS[0]], "参数“ruleset_version”重复"),
        ([row for row in ROWS if row["key"] != "small_cell_min"], "缺少参数 small_cell_min"),
        (_with(push_approval="three"), "参数“push_approval”的值“three”不可用"),
        (_with(push_batch_size="1000"), "参数“push_batch_size”的值“1000”不可用"),
        (_with(push_batch_size="-1"), "参数“push_batch_size”的值“-1”不可用"),
        (_with(push_batch_size="１００"), "参数“push_batch_size”的值“１００”不可用"),
        (_with(blocked_share="30%"), "参数“blocked_share”的值“30%”不可用"),
        (_with(blocked_share="NaN"), "参数“blocked_share”的值“NaN”不可用"),
        (_with(cutoff_inclusive="yes"), "参数“cutoff_inclusive”的值“yes”不可用"),
        (_with(office_hours_end="25:00"), "参数“office_hours_end”的值“25:00”不可用"),
        (_with(timezone="Europe/Berlin"), "参数“timezone”的值“Europe/Berlin”不可用"),
        (_with(reminder_working_days="10;5;5"), "参数“reminder_working_days”的值“10;5;5”不可用"),
        (_with(release_two_persons="g*"), "参数“release_two_persons”的值“g\\*”不可用"),
        (_with(audit_retention_days="90"), "参数“audit_retention_days”的值“90”不可用"),
        (_with(min_term_months="240"), "参数“min_term_months”（240）大于“max_term_months”（120）"),
        (_with(working_hours_start="18:00"), "参数“working_hours_start”（18:00）不早于“working_hours_end”（18:00）"),
        (_with(working_hours_start="24:00"), "参数“working_hours_start”的值“24:00”不可用"),
        (_with(unit_suspect_min=""), "参数“unit_suspect_min”的值“”不可用"),
    ],
)
def test_what_means_nothing_is_refused_with_what_to_do(table: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        policy_values(table)
    assert "policy.csv" in refused.value.what and "请" in refused.value.next_step


def test_what_the_file_says_today_is_accepted() -> None:
    assert Policy(policy_values(ROWS)).text("push_approval") == "none"

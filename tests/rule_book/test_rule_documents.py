from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from include.reference import rows, rules
from include.rule_book import documents
from include.rule_book.suites import SCOPES, suites


def _entries() -> dict[str, tuple[str, dict[str, str]]]:
    """Rule → the title of its section, and what is told of it by name."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for part in documents.render().split("\n## ")[1:]:
        title, *entries = part.split("\n### ")
        rule_ids = [entry.split("\n", 1)[0] for entry in entries]
        assert rule_ids == sorted(rule_ids)
        for entry in entries:
            rule_id, told = entry.split("\n", 1)
            assert rule_id not in found
            lines = " ".join(told.split()).split("- **")[1:]
            found[rule_id] = title, dict(line.strip().split("**: ", 1) for line in lines)
    return found


def test_the_document_has_a_heading_for_each_rule_in_one_section() -> None:
    found = _entries()
    assert sorted(found) == sorted(rule.rule_id for rule in rules().values() if rule.scope in SCOPES)
    conditions = {row["rule_id"]: row["condition_en"] for row in rows("rules")}
    for rule_id, (_, told) in found.items():
        rule = rules()[rule_id]
        assert told["Fires when"] == " ".join(conditions[rule_id].split())
        assert (told["提示"], told["怎么改"], told["Source"]) == (rule.message, rule.how_to_fix, rule.provenance)
    assert found["DQ17"][1]["Severity"] == "hold 待核实; block 退回 when catalogue_complete = true"
    for rule_id, words in {
        "DQ02": "填写",
        "DQ21": "需求内容",
        "G07": "洗绿",
        "DQ40": "against the register",
        "G13": "历史",
        "B08": "批次",
        "E03": "反馈",
        "G17": "案件",
        "G18": "跟踪",
        "T05": "快照",
    }.items():
        assert words in found[rule_id][0].splitlines()[0], rule_id


def test_each_threshold_stands_with_its_key_its_present_value_and_where_it_comes_from() -> None:
    told = {rule_id: entry for rule_id, (_, entry) in _entries().items()}
    assert told["DQ22"]["Threshold"] == "`min_own_capital_ratio` = 0.20 ratio (general practice)"
    assert told["DQ52"]["Threshold"] == "`cutoff_inclusive` = true (notice)"
    assert "Threshold" not in told["DQ20"]
    assert "| `return_respond_working_days` | 10 | working days | ours |" in documents.render()
    values = {row["key"]: row["value"] for row in rows("policy")}
    for suite in suites().values():
        for expectation in suite["expectations"]:
            for key in re.findall(r'"\$PARAMETER": "([^"]+)"', json.dumps(expectation)):
                assert f"`{key}` = {values[key]}" in told[expectation["meta"]["rule"]]["Threshold"], key


def test_a_stale_document_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(documents, "DOCUMENT", tmp_path / "rules.md")
    assert documents.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert documents.main([]) == 0
    assert documents.main(["--check"]) == 0


def test_the_document_in_the_repository_is_fresh() -> None:
    assert documents.main(["--check"]) == 0

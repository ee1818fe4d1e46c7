from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from include.reference import rows, rules
from include.rule_book import documents
from include.rule_book.suites import SCOPES, suites


def _tables() -> dict[str, list[list[str]]]:
    """Title of each section → the cells of its table, headings left out."""
    found = {}
    for part in documents.render().split("\n## ")[1:]:
        title, *lines = part.splitlines()
        table = [line for line in lines if line.startswith("| ")]
        found[title] = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in table[2:]]
    return found


def test_the_document_has_a_row_for_each_rule_in_one_section() -> None:
    found: dict[str, str] = {}
    for title, lines in _tables().items():
        listed = [line for line in lines if line[0] in rules()]
        assert [line[0] for line in listed] == sorted(line[0] for line in listed), title
        for line in listed:
            rule = rules()[line[0]]
            assert line[5:8] == [rule.message, rule.how_to_fix, rule.provenance]
            assert line[0] not in found
            found[line[0]] = title
    assert sorted(found) == sorted(rule.rule_id for rule in rules().values() if rule.scope in SCOPES)
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
        assert words in found[rule_id], rule_id


def test_each_threshold_stands_with_its_key_its_present_value_and_where_it_comes_from() -> None:
    lines = {line[0]: line for table in _tables().values() for line in table}
    assert lines["DQ22"][4] == "`min_own_capital_ratio` = 0.20 ratio (general practice)"
    assert lines["DQ52"][4] == "`cutoff_inclusive` = true (notice)"
    assert lines["DQ20"][4] == ""
    assert lines["`return_respond_working_days`"][1:4] == ["10", "working days", "ours"]
    values = {row["key"]: row["value"] for row in rows("policy")}
    for suite in suites().values():
        for expectation in suite["expectations"]:
            for key in re.findall(r'"\$PARAMETER": "([^"]+)"', json.dumps(expectation)):
                assert f"`{key}` = {values[key]}" in lines[expectation["meta"]["rule"]][4], key


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

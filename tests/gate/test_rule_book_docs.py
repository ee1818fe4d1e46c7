from __future__ import annotations

from pathlib import Path

import pytest

from include.gate import rule_book_docs
from include.reference import rules


def test_the_document_has_a_row_for_each_rule() -> None:
    table = [line for line in rule_book_docs.render().splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table[2:]] == sorted(
        rule.rule_id for rule in rules().values() if rule.scope == "record"
    )
    for line in table[2:]:
        rule = rules()[line.split(" | ")[0].removeprefix("| ")]
        assert rule.message in line and rule.how_to_fix in line and rule.provenance in line


def test_a_stale_document_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rule_book_docs, "DOCUMENT", tmp_path / "rules.md")
    assert rule_book_docs.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert rule_book_docs.main([]) == 0
    assert rule_book_docs.main(["--check"]) == 0


def test_the_document_in_the_repository_is_fresh() -> None:
    assert rule_book_docs.main(["--check"]) == 0

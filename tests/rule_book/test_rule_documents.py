from __future__ import annotations

from pathlib import Path

import pytest

from include.reference import rules
from include.rule_book import documents
from include.rule_book.suites import SCOPES


def test_the_document_has_a_row_for_each_rule() -> None:
    table = [line for line in documents.render().splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table[2:]] == sorted(
        rule.rule_id for rule in rules().values() if rule.scope in SCOPES
    )
    for line in table[2:]:
        rule = rules()[line.split(" | ")[0].removeprefix("| ")]
        assert rule.message in line and rule.how_to_fix in line and rule.provenance in line


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

from __future__ import annotations

from pathlib import Path

import pytest

from include.reference import rules
from include.rule_book import documents
from include.rule_book.suites import SCOPES


def test_the_document_has_a_row_for_each_rule_under_its_part_of_the_loop() -> None:
    found: dict[str, str] = {}
    for part in documents.render().split("\n## ")[1:]:
        title, *lines = part.splitlines()
        table = [line for line in lines if line.startswith("| ")]
        ids = [line.split(" | ")[0].removeprefix("| ") for line in table[2:]]
        assert ids == sorted(ids), title
        for rule_id, line in zip(ids, table[2:], strict=True):
            rule = rules()[rule_id]
            assert rule.message in line and rule.how_to_fix in line and rule.provenance in line
            found[rule_id] = title
    assert sorted(found) == sorted(rule.rule_id for rule in rules().values() if rule.scope in SCOPES)
    assert "Needs" in found["DQ02"] and "Feedback" in found["E03"] and "register" in found["T05"]


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

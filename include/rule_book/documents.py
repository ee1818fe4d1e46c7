"""docs/rules.md, generated from the suites: `python -m include.rule_book.documents [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.reference import rows
from include.rule_book.suites import suites

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rules.md"

_SEVERITIES = {"block": "block 退回", "hold": "hold 挂起", "warn": "warn 提示"}
_INTRODUCTION = """# Rule book of the gate

Generated from `expectations/suites/*.json` by `python -m include.rule_book.documents`; do not edit.

Each rule is one expectation of Great Expectations. `block` returns the need to the factory with every reason at once,
`hold` keeps it for a person, `warn` is noted. A rule is evaluated only where every value that it names is usable. Rules
of provenance other than `notice` are the project's proposals, not law. Figures named in a condition are keys of
`include/reference/policy.csv`.
"""
_COLUMNS = ("Rule", "Severity", "Scope", "Field", "Fires when", "提示", "怎么改", "Provenance", "Suite: expectation")


def render() -> str:
    """The document: one table row for each rule, in the order of the rule ids."""
    conditions = {row["rule_id"]: row for row in rows("rules")}
    lines = [
        (
            meta["rule"],
            _severity(meta),
            conditions[meta["rule"]]["scope"],
            meta["field"],
            conditions[meta["rule"]]["condition_en"],
            meta["message"],
            meta["how_to_fix"],
            meta["provenance"],
            f"{name}: {expectation['type']}",
        )
        for name, suite in suites().items()
        for expectation in suite["expectations"]
        for meta in (expectation["meta"],)
    ]
    table = [_COLUMNS, ("---",) * len(_COLUMNS), *sorted(lines)]
    return _INTRODUCTION + "\n" + "\n".join(map(_table_row, table)) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the document; with --check only compare, and return 1 if it is out of date."""
    wanted = render()
    if "--check" not in arguments:
        DOCUMENT.write_text(wanted, encoding="utf-8")
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == wanted:
        return 0
    print("docs/rules.md is out of date: run python -m include.rule_book.documents", file=sys.stderr)
    return 1


def _severity(meta: dict[str, Any]) -> str:
    text = _SEVERITIES[meta["severity"]]
    switch = meta.get("severity_if")
    if switch is None:
        return text
    return f"{text}; {_SEVERITIES[switch['severity']]} when {switch['policy']} = {switch['is']}"


def _table_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""docs/rules.md, generated from the suites: `python -m include.rule_book.documents [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from include.reference import Rule, rows, rules
from include.rule_book.suites import suites

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rules.md"

_SEVERITIES = {"block": "block 退回", "hold": "hold 挂起", "warn": "warn 提示"}
_INTRODUCTION = """# Rule book

Generated from `expectations/suites/*.json` by `python -m include.rule_book.documents`; do not edit.

Each rule is one expectation of Great Expectations, and is evaluated only where every value that it names is usable. Rules of
provenance other than `notice` are the project's proposals, not law. Figures named in a condition are keys of
`include/reference/policy.csv`.
"""
_SECTIONS = (
    (
        ("record", "register", "history"),
        "Needs, in the gate (审核)",
        "`block` returns the need to the factory with every reason at once, `hold` keeps it for a person, `warn` is noted.",
    ),
    (
        ("department", "batch"),
        "A department's quarter (批次)",
        "`block` keeps the quarter of the department open and has it read again; what passed goes on all the same. With `hold` an"
        " operator looks; B08 stops the department's pushes until a person decides. `warn` is noted in the quarter's pages.",
    ),
    (
        ("event",),
        "Feedback of institutions (反馈)",
        "Findings are kept beside the event; folding goes on as the case path says.",
    ),
    (
        ("case", "need"),
        "Cases and needs after feedback (对接案件)",
        "A `hold` or `warn` here opens an alert (警示) with a life of its own; feedback goes on.",
    ),
    (
        ("register_row", "register_snapshot"),
        "The register of green factories (绿色工厂名单)",
        "A row that breaks T01 or T02 is not used; a snapshot that has shrunk (T05) is not taken into use before a person accepts it.",
    ),
)
_COLUMNS = ("Rule", "Severity", "Scope", "Field", "Fires when", "提示", "怎么改", "Provenance", "Suite: expectation")


def render() -> str:
    """The document: a table for each part of the loop, in the order of the rule ids."""
    known = rules()
    parts = [_INTRODUCTION]
    for scopes, title, introduction in _SECTIONS:
        lines = sorted(
            _line(name, expectation, known)
            for name, suite in suites().items()
            for expectation in suite["expectations"]
            if known[expectation["meta"]["rule"]].scope in scopes
        )
        if lines:
            table = [_COLUMNS, ("---",) * len(_COLUMNS), *lines]
            parts.append(f"## {title}\n\n{introduction}\n\n" + "\n".join(map(_table_row, table)) + "\n")
    return "\n".join(parts)


def _line(suite: str, expectation: Mapping[str, Any], known: Mapping[str, Rule]) -> tuple[str, ...]:
    meta = expectation["meta"]
    return (
        meta["rule"],
        _severity(meta),
        known[meta["rule"]].scope,
        meta["field"],
        _conditions()[meta["rule"]],
        meta["message"],
        meta["how_to_fix"],
        meta["provenance"],
        f"{suite}: {expectation['type']}",
    )


@cache
def _conditions() -> Mapping[str, str]:
    return {row["rule_id"]: row["condition_en"] for row in rows("rules")}


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

"""docs/rules.md, generated from the suites: `python -m include.rule_book.documents [--check]`."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from include.domain.states import Severity
from include.reference import rows, rules
from include.rule_book.suites import suites
from include.words.states import word

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rules.md"

_INTRODUCTION = """# Rule book (规则手册)

Generated from `include/reference/rules.csv` and `expectations/suites/*.json` by `python -m include.rule_book.documents`; do not edit.

Each rule is one expectation of Great Expectations. It is evaluated only where every value that it names is **usable**: there, of
the right JSON type, and without a finding about its form. A rule that is not evaluated finds nothing; no finding ends the others.

**Thresholds** are policy: each stands with its key and present value in `include/reference/policy.csv`, and code reads the key.
A department may have values of its own (`policy_departments.csv`). Any change of rules, policy, word lists or tables changes the
version of the ruleset, which every verdict carries.

**Provenance** says where a rule or a figure comes from. `notice`: said by the notice itself (工信厅联函〔2025〕490号).
`sister form`: taken from a neighbouring scheme of the same authorities. `general practice`: standards, regulations, banks'
practice. `ours`: this project's proposal. Nothing but `notice` may be shown to anybody as law.
"""
_AFTER_THE_VERDICT = (
    "After the verdict (审核之后)",
    "Any `block` returns the need, else any `hold` keeps it, else it is pushed; without a usable need_id or revision it is held,"
    " since no return could be addressed. These figures rule what happens then.",
    (
        *("return_respond_working_days", "hold_decision_working_days", "release_two_persons", "push_approval"),
        *("register_max_age_days", "need_validity_quarters"),
    ),
)
_FORM_SUITES = frozenset(
    {
        *("head", "required", "types", "choices", "amounts", "numbers", "regions", "identifiers", "contacts", "texts"),
        *("institutions", "review"),
    }
)
_KEYS_IN_OTHER_WORDS = {"deadline(": "cutoff_inclusive", "may be recommended": "cutoff_inclusive"}
_THRESHOLD_COLUMNS = ("Policy key", "Value", "Unit", "Provenance", "Meaning")


@dataclass(frozen=True, slots=True)
class _Booked:
    """A rule with the suite that holds it."""

    rule_id: str
    suite: str
    expectation: Mapping[str, Any]

    @property
    def scope(self) -> str:
        return rules()[self.rule_id].scope


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the rule book as its readers look for it; a rule stands in the first section that it belongs to."""

    title: str
    introduction: str
    holds: Callable[[_Booked], bool]


def _of_scope(*scopes: str) -> Callable[[_Booked], bool]:
    return lambda rule: rule.scope in scopes


_SECTIONS = (
    _Section(
        "A need by itself: is the form filled in properly? (需求表填写)",
        "What a factory or its department mistyped, left out or wrote in the wrong unit. What fails here is not usable, so that"
        " no other rule builds on it: one mistake, one reason. DQ01 is about the head that the platform writes, and is held.",
        lambda rule: rule.scope == "record" and rule.suite in _FORM_SUITES,
    ),
    _Section(
        "A need by itself: suspicion of greenwashing (防范“洗绿”“漂绿”)",
        "What the need's own figures and words say about an invented project, a small green part dressing up the whole, or money"
        " spent on something else. Most are held: a person asks for the grounds, and two persons are needed to release.",
        lambda rule: rule.scope == "record" and rule.rule_id.startswith("G"),
    ),
    _Section(
        "A need by itself: do its statements agree? (需求内容)",
        "Amounts against each other, dates, places against the department, project type against level and benefit.",
        _of_scope("record"),
    ),
    _Section(
        "A need against the register of green factories (绿色工厂名单)",
        "Asked as of the day of the recommendation, renamed and removed rows included. A need that is pushed already is watched"
        " by G08c, and asked once more at the push (G08a, part of the delivery).",
        _of_scope("register"),
    ),
    _Section(
        "A need against other needs and its own earlier revisions (历史比对)",
        "The same project twice, texts and figures copied between enterprises, benefits raised from one revision to the next. Of"
        " two needs that clash only the later one is held, in whatever order they are judged.",
        _of_scope("history"),
    ),
    _Section(
        "A department's quarter and its listing (批次)",
        "`block` keeps the quarter of the department open and has it read again; what passed goes on all the same. With `hold` an"
        " operator looks; B08 stops the department's pushes until a person decides. `warn` is noted in the quarter's pages.",
        _of_scope("department", "batch"),
    ),
    _Section(
        "Feedback of institutions (反馈)",
        "Each event as it comes in. Findings are kept beside the event; folding goes on as the case path says.",
        _of_scope("event"),
    ),
    _Section(
        "A case: one need at one institution (对接案件)",
        "Looked at with every event that applies. A `hold` or `warn` here opens an alert (警示); feedback goes on, but the money"
        " of the case stays out of the circular until a named person clears or confirms the alert.",
        _of_scope("case"),
    ),
    _Section(
        "A need over all its cases (需求跟踪)",
        "Looked at every day, over all institutions together; opens alerts as above.",
        _of_scope("need"),
    ),
    _Section(
        "The snapshot of the register itself (名单快照)",
        "A row that breaks T01 or T02 is not used; a snapshot that has shrunk (T05) is not taken into use before a person accepts it.",
        _of_scope("register_row", "register_snapshot"),
    ),
)


def render() -> str:
    """The document: a chapter for each section, in it a heading for each rule, in the order of their ids."""
    left = [
        _Booked(expectation["meta"]["rule"], name, expectation)
        for name, suite in suites().items()
        for expectation in suite["expectations"]
    ]
    parts = [_INTRODUCTION]
    for section in _SECTIONS:
        held = sorted((rule for rule in left if section.holds(rule)), key=lambda rule: rule.rule_id)
        left = [rule for rule in left if rule not in held]
        parts.append(_part(section.title, section.introduction, *map(_entry, held)))
    title, introduction, keys = _AFTER_THE_VERDICT
    thresholds = [
        (f"`{key}`", *(_policy()[key][name] for name in ("value", "unit", "provenance", "meaning"))) for key in keys
    ]
    table = (_THRESHOLD_COLUMNS, ["---"] * len(_THRESHOLD_COLUMNS), *thresholds)
    parts.append(_part(title, introduction, "\n".join(map(_row, table))))
    return "\n".join(parts)


def _part(title: str, introduction: str, *blocks: str) -> str:
    return "\n\n".join((f"## {title}", _wrapped(introduction), *blocks)) + "\n"


def _entry(booked: _Booked) -> str:
    """A rule under a heading of its own."""
    rule, condition = rules()[booked.rule_id], _conditions()[booked.rule_id]
    fields = ", ".join(f"`{field}`" for field in rule.field.split(";"))
    facts = {
        "Severity": _severity(booked),
        "Field": fields,
        "Fires when": condition,
        "Threshold": _thresholds(condition),
        "提示": rule.message,
        "怎么改": rule.how_to_fix,
        "Source": rule.provenance,
        "Suite": f"`{booked.suite}`, `{booked.expectation['type']}`",
    }
    lines = (_wrapped(f"- **{name}**: {text}", "  ") for name, text in facts.items() if text)
    return "\n".join((f"### {booked.rule_id}", "", *lines))


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _thresholds(condition: str) -> str:
    """The policy values that a rule's condition names: key, present value, unit, provenance."""
    named = dict.fromkeys(word for word in re.findall("[a-z0-9_]+", condition) if word in _policy())
    named |= {key: None for words, key in _KEYS_IN_OTHER_WORDS.items() if words in condition}
    return "; ".join(
        f"`{key}` = {' '.join(filter(None, (one['value'], one['unit'])))} ({one['provenance']})"
        for key, one in ((key, _policy()[key]) for key in named)
    )


@cache
def _conditions() -> Mapping[str, str]:
    return {row["rule_id"]: row["condition_en"] for row in rows("rules")}


@cache
def _policy() -> Mapping[str, Mapping[str, str]]:
    return {row["key"]: row for row in rows("policy")}


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


def _severity_name(severity: str) -> str:
    return f"{severity} {word(Severity, severity)}"


def _severity(booked: _Booked) -> str:
    meta = booked.expectation["meta"]
    text = _severity_name(meta["severity"])
    switch = meta.get("severity_if")
    if switch is None:
        return text
    return f"{text}; {_severity_name(switch['severity'])} when {switch['policy']} = {switch['is']}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

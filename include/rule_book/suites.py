"""The suites of the rule book, run on frames.

A rule that Great Expectations would drop in silence (its class unknown) or that cannot be evaluated (its metric raises)
stops its stage: a record must never pass because a rule did not run.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from include.reference import REFERENCE_DIR, Policy, rules

if TYPE_CHECKING:
    import pandas as pd

    from include.rule_book.metrics import CompiledSuite, RuleResult

SUITES_DIR = Path(__file__).resolve().parents[2] / "expectations" / "suites"
SCOPES = frozenset(
    {
        "record",
        "register",
        "history",
        "department",
        "batch",
        "register_row",
        "register_snapshot",
        "event",
        "case",
        "need",
    }
)
"""Scopes of rules.csv that the suites cover."""

_ONE_AT_A_TIME = Lock()
"""Great Expectations keeps state for each process."""
_PARAMETER = re.compile(r'"\$PARAMETER": "([^"]+)"')
_LISTS = frozenset({"county_less_cities", "push_factory_levels", "supported_form_versions"})


class RuleBookError(Exception):
    """The rule book is incomplete or could not be evaluated: a defect of the program, not of the data."""


@dataclass(frozen=True, slots=True)
class BookedRule:
    """A rule of rules.csv, with the switch of the policy on which its severity depends, if any."""

    rule_id: str
    severity: str
    field: str
    severity_if: Mapping[str, str] | None

    def severity_under(self, policy: Policy) -> str:
        """The severity; a few rules switch it by a policy value."""
        switch = self.severity_if
        return switch["severity"] if switch and policy.text(switch["policy"]) == switch["is"] else self.severity


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule and the rows of the frame that break it."""

    rule: BookedRule
    rows: Sequence[int]


class RuleBook:
    """The suites under a policy, ready to run on frames; of several threads, one runs at a time."""

    def __init__(self, policy: Policy) -> None:
        with _ONE_AT_A_TIME:
            suites()
        self._parameters = _parameters(policy)

    def compile(self) -> None:
        """Compile all suites now, instead of each when it is first run."""
        for suite in suites():
            _loaded(suite).compiled(self._parameters)

    def breaches(self, suite: str, frame: pd.DataFrame) -> list[Breach]:
        """Run a suite on its frame; the broken rules, each with the row numbers. Raises RuleBookError."""
        if frame.empty:
            return []
        with _ONE_AT_A_TIME:
            return evaluate(suites()[suite], _loaded(suite).compiled(self._parameters).run(frame))


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite loaded into Great Expectations, and compiled for the values of its parameters."""

    expectations: Sequence[Any]
    named: frozenset[str]
    known: dict[tuple[tuple[str, str], ...], CompiledSuite]

    def compiled(self, parameters: Mapping[str, Any]) -> CompiledSuite:
        from include.rule_book.metrics import CompiledSuite

        key = tuple((name, repr(parameters.get(name))) for name in sorted(self.named))
        if key not in self.known:
            self.known[key] = CompiledSuite.of(self.expectations, parameters)
        return self.known[key]


def evaluate(suite: Mapping[str, Any], results: Sequence[RuleResult]) -> list[Breach]:
    """The breaches in the results of a suite. Raises RuleBookError if a rule was not evaluated."""
    _refuse_dropped_rules(suite, [result.rule_id for result in results])
    booked = {expectation["meta"]["rule"]: expectation["meta"] for expectation in suite["expectations"]}
    found = []
    for result in results:
        if result.rows is None:
            raise RuleBookError(f"rule {result.rule_id} could not be evaluated")
        if result.rows:
            meta = booked[result.rule_id]
            rule = BookedRule(result.rule_id, meta["severity"], meta["field"], meta.get("severity_if"))
            found.append(Breach(rule, result.rows))
    return found


@cache
def suites(folder: Path = SUITES_DIR) -> Mapping[str, Mapping[str, Any]]:
    """The suites by name, each expectation with the severity and the field of its rule; together they hold each rule of SCOPES
    exactly once. Raises RuleBookError."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    held = sorted(expectation["meta"]["rule"] for suite in found.values() for expectation in suite["expectations"])
    wanted = sorted(rule.rule_id for rule in rules().values() if rule.scope in SCOPES)
    if held != wanted:
        raise RuleBookError(f"the suites hold {held}, the rule book asks for {wanted}")
    for suite in found.values():
        for expectation in suite["expectations"]:
            rule = rules()[expectation["meta"]["rule"]]
            expectation["meta"] |= {"severity": rule.severity, "field": rule.field}
    return found


def ruleset_version(policy: Policy, suites_dir: Path = SUITES_DIR, reference_dir: Path = REFERENCE_DIR) -> str:
    """Version of everything a verdict depends on: rules, policy values, word lists and reference tables."""
    digest = hashlib.sha256(_tables_digest(suites_dir, reference_dir))
    digest.update(json.dumps(dict(sorted(policy.values.items())), ensure_ascii=False).encode())
    return f"{policy.text('ruleset_version')}+{digest.hexdigest()[:12]}"


@cache
def _tables_digest(suites_dir: Path, reference_dir: Path) -> bytes:
    digest = hashlib.sha256()
    # The policy's values, a department's own among them, are hashed as they are in force.
    tables = [path for path in reference_dir.glob("*.csv") if not path.name.startswith("policy")]
    for path in sorted([*suites_dir.glob("*.json"), *tables], key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.digest()


@cache
def _context() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    import expectations.custom  # noqa: F401 - registers the classes before any suite is loaded

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    # The library's 300,000 objects live as long as the process: exempt them from garbage collection.
    gc.collect()
    gc.freeze()
    return context


@cache
def _loaded(name: str) -> LoadedSuite:
    return load(suites()[name])


def load(suite: Mapping[str, Any]) -> LoadedSuite:
    """Load a suite into Great Expectations. Raises RuleBookError if a rule was dropped."""
    import great_expectations as gx

    context = _context()
    stated = [{**one, "meta": {"rule": one["meta"]["rule"]}} for one in suite["expectations"]]
    taken_in = context.suites.add(gx.ExpectationSuite(name=suite["name"], expectations=stated))
    _refuse_dropped_rules(suite, [(expectation.meta or {})["rule"] for expectation in taken_in.expectations])
    return LoadedSuite(taken_in.expectations, frozenset(_PARAMETER.findall(json.dumps(stated))), {})


def _parameters(policy: Policy) -> dict[str, Any]:
    """The policy values as expectations take them: lists, whole numbers, else the text as written."""
    return {
        key: policy.listed(key) if key in _LISTS else int(value) if value.isascii() and value.isdigit() else value
        for key, value in policy.values.items()
    }


def _refuse_dropped_rules(suite: Mapping[str, Any], present: Sequence[str]) -> None:
    wanted = sorted(expectation["meta"]["rule"] for expectation in suite["expectations"])
    if sorted(present) != wanted:
        raise RuleBookError(f"suite {suite['name']}: of the rules {wanted} only {sorted(present)} were taken in")

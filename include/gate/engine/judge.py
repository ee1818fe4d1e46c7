"""Records in, verdicts out: the gate's judgement as a function of its arguments (handbook, section 4).

Every record gets its verdict, whatever is in it; all rules are always evaluated, and the verdict on a record does not
depend on the others or on their order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from include.base.privacy import PersonalDataCipher
from include.domain.identity import item_hash
from include.gate.engine.gc_pause import gc_paused
from include.reference import Policy, rules
from include.rule_book.suites import BookedRule, RuleBook, ruleset_version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from include.gate.engine.columns import FieldValues
    from include.gate.engine.distinct_values import DistinctFrame
    from include.gate.engine.fingerprints import Fingerprints, HashItem, KeyedHash
    from include.gate.engine.history import History
    from include.register.in_use import Register

__all__ = [
    "Finding",
    "Severity",
    "Surroundings",
    "Verdict",
    "VerdictName",
    "fingerprints",
    "judge",
    "reasons",
    "ruleset_version",
]

Severity = Literal["block", "hold", "warn"]
VerdictName = Literal["passed", "returned", "held"]

_ORDER = {"block": 0, "hold": 1, "warn": 2}
_UNADDRESSABLE = frozenset({("DQ01", "need_id"), ("DQ01", "revision")})


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a field of a record breaks; `field` is the concrete path. It never carries the value."""

    rule_id: str
    field: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on a record, with every finding: blocks, then holds, then warnings, each by rule and field."""

    verdict: VerdictName
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Inputs of a verdict besides record and policy: the register, other needs, and keyed hashes.

    `keyed_hash`: of contacts and contents; `hash_item`: the item_hash of a record, as `history.first_stored` has it.
    """

    register: Register
    history: History
    keyed_hash: KeyedHash
    hash_item: HashItem

    @classmethod
    def of(cls, register: Register, history: History, cipher: PersonalDataCipher) -> Surroundings:
        """With the hashes that `cipher` keys."""
        return cls(register, history, cipher.fingerprint, partial(item_hash, cipher=cipher))


def judge(
    items: Sequence[Mapping[str, Any]], *, checked_at: datetime, policy: Policy, surroundings: Surroundings
) -> list[Verdict]:
    """Judge need records (parsed with parse_float=Decimal) as of `checked_at` (aware); one verdict each, in order.

    The history must include the needs of the batch itself if they are to be compared with each other.
    """
    if not items:
        return []
    found: defaultdict[int, set[Finding]] = defaultdict(set)
    with gc_paused():
        for need, finding in _findings(items, checked_at, policy, surroundings):
            found[need].add(finding)
    passed = _verdict(set())
    return [_verdict(found[need]) if need in found else passed for need in range(len(items))]


def fingerprints(
    items: Sequence[Mapping[str, Any]], *, checked_at: datetime, policy: Policy, keyed_hash: KeyedHash
) -> Fingerprints:
    """What each of these items (one at least) is compared by with other needs; only usable values count, as `judge` would find them."""
    from include.gate.engine.fingerprints import COMPARED_FIELDS, read_fingerprints
    from include.gate.engine.form_reader import read_filing
    from include.gate.engine.frames import format_frames
    from include.gate.engine.record_head import read_heads

    with gc_paused():
        heads, filing = read_heads(items, checked_at, policy), read_filing(items, COMPARED_FIELDS)
        for _ in _breaches(RuleBook(policy), format_frames(filing)):
            pass
        return read_fingerprints(items, filing, heads, keyed_hash)


def reasons(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Findings, in order, as the reasons of a return (退回补正): rule, field and its two fixed texts."""
    return [
        {
            "rule_id": finding.rule_id,
            "field": finding.field,
            "message": rules()[finding.rule_id].message,
            "how_to_fix": rules()[finding.rule_id].how_to_fix,
        }
        for finding in findings
    ]


def _findings(
    items: Sequence[Mapping[str, Any]], checked_at: datetime, policy: Policy, surroundings: Surroundings
) -> Iterator[tuple[int, Finding]]:
    # These import pandas: loading the gate stays cheap until it judges.
    from include.gate.engine.enrichment import answer_until, history_frame, register_frame
    from include.gate.engine.fingerprints import read_fingerprints
    from include.gate.engine.form_reader import read_filing
    from include.gate.engine.frames import format_frames, presence_frames, value_frames
    from include.gate.engine.needs_frame import needs_frame
    from include.gate.engine.record_head import read_heads

    heads = read_heads(items, checked_at, policy)
    filing = read_filing(items)
    book = RuleBook(policy)
    # Values with a finding of the first pass are not usable in the second.
    yield from _case_findings(book, presence_frames(filing, heads) | format_frames(filing), policy)
    yield from _case_findings(book, value_frames(filing, heads), policy)
    register, history = surroundings.register, surroundings.history
    yield from _case_findings(book, register_frame(filing, heads, register, history, policy), policy)
    known = read_fingerprints(items, filing, heads, surroundings.keyed_hash)
    yield from _case_findings(book, history_frame(items, known, history, surroundings.hash_item, policy), policy)
    frame = needs_frame(filing, heads, answer_until(known, history), policy.flag("cutoff_inclusive"))
    for breach in book.breaches("needs", frame):
        one = Finding(breach.rule.rule_id, breach.rule.field, cast(Severity, breach.rule.severity_under(policy)))
        for need in breach.rows:
            yield need, one


def _case_findings(
    book: RuleBook, frames: Mapping[str, DistinctFrame], policy: Policy
) -> Iterator[tuple[int, Finding]]:
    """The findings of suites on their frames."""
    for rule, values, places in _breaches(book, frames):
        severity = cast(Severity, rule.severity_under(policy))
        for need, field in zip(values.needs[places].tolist(), values.fields_at(places), strict=True):
            yield need, Finding(rule.rule_id, field, severity)


def _breaches(
    book: RuleBook, frames: Mapping[str, DistinctFrame]
) -> Iterator[tuple[BookedRule, FieldValues, NDArray[np.int64]]]:
    """The broken rules, each with the places of a field; the faulty values are marked as such on the way."""
    for suite, cases in frames.items():
        for breach in book.breaches(suite, cases.frame):
            for values, distinct, places in cases.held_by(breach.rows):
                values.mark_malformed(distinct)
                yield breach.rule, values, places


def _verdict(found: set[Finding]) -> Verdict:
    findings = tuple(sorted(found, key=lambda one: (_ORDER[one.severity], one.rule_id, one.field)))
    severities = {one.severity for one in findings}
    verdict: VerdictName = "passed"
    if any((one.rule_id, one.field) in _UNADDRESSABLE for one in findings):
        verdict = "held"
    elif "block" in severities:
        verdict = "returned"
    elif "hold" in severities:
        verdict = "held"
    return Verdict(verdict, findings)

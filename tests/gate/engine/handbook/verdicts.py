"""From findings to a verdict, as the handbook's section 4 has it: severities, order, and what decides."""

from __future__ import annotations

from collections.abc import Collection

from include.reference import Policy, rows
from tests.gate.engine.handbook.need import Finding

SEVERITIES = {row["rule_id"]: row["severity"] for row in rows("rules")}


def severity_of(rule_id: str, policy: Policy) -> str:
    """As in the rule book's table; DQ17 blocks where the catalogue is complete."""
    if rule_id == "DQ17" and policy.flag("catalogue_complete"):
        return "block"
    return SEVERITIES[rule_id]


def in_order(findings: Collection[Finding], policy: Policy) -> list[Finding]:
    """Block, hold, warn, then rule_id, then field."""
    return sorted(findings, key=lambda one: (("block", "hold", "warn").index(severity_of(one[0], policy)), *one))


def verdict_on(findings: Collection[Finding], policy: Policy) -> str:
    """held where no return can be addressed; else any block: returned; else any hold: held; else passed."""
    severities = {severity_of(rule_id, policy) for rule_id, _ in findings}
    if ("DQ01", "need_id") in findings or ("DQ01", "revision") in findings:
        return "held"
    if "block" in severities:
        return "returned"
    return "held" if "hold" in severities else "passed"

"""The key and the gate were written apart from each other: where they agree on every finding, both are right."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pytest

from include.gate.judge import judge
from include.reference import policy, rules
from include.sandbox.scenario import make_scenario


@pytest.mark.parametrize(
    ("seed", "quarter", "checked_at"),
    [(490, "2026Q3", "2026-10-01T00:10:00+08:00"), (6, "2018Q4", "2018-12-30T08:00:00+08:00")],
)
def test_the_gate_finds_exactly_what_was_planted(seed: int, quarter: str, checked_at: str) -> None:
    scenario = make_scenario(seed=seed, quarter=quarter)
    needs = [json.loads(json.dumps(need), parse_float=Decimal) for need in scenario.needs]
    verdicts = judge(needs, checked_at=datetime.fromisoformat(checked_at), policy=policy())
    record_rules = {rule.rule_id for rule in rules().values() if rule.scope == "record"}
    differing = {}
    for need, verdict in zip(scenario.needs, verdicts, strict=True):
        found = {(finding.rule_id, finding.field) for finding in verdict.findings if finding.rule_id in record_rules}
        expected = scenario.answer_key[need["need_id"]]
        if found != expected:
            differing[need["need_id"]] = (sorted(found - expected), sorted(expected - found))
    assert differing == {}

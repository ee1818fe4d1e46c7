"""Each rule of scope record: its cases get exactly their findings."""

from __future__ import annotations

import pytest

from include.gate.engine.judge import Verdict
from include.reference import policy, rules
from tests.gate.engine.handbook.verdicts import severity_of
from tests.support.clean_need import CHECKED_AT, clean_need, judge
from tests.support.rule_cases.record import CASES


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """All cases in one batch: what one record holds never touches another."""
    return judge([clean_need(spoilt) for _, spoilt, _ in CASES], checked_at=CHECKED_AT, policy=policy())


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{CASES[number][0]}-{number}")
def test_a_record_gets_exactly_the_findings_of_its_defects(number: int, verdicts: list[Verdict]) -> None:
    _, _, expected = CASES[number]
    found = [f"{finding.rule_id} {finding.field}" for finding in verdicts[number].findings]
    assert sorted(found) == sorted(filter(None, expected.split("|")))
    for finding in verdicts[number].findings:
        assert finding.severity == severity_of(finding.rule_id, policy())


def test_every_rule_of_scope_record_has_a_case_that_fires_it() -> None:
    fired = {rule.partition(" ")[0] for _, _, expected in CASES for rule in expected.split("|")}
    # DQ18 is for a catalogue of which the table has a part only.
    assert {rule.rule_id for rule in rules().values() if rule.scope == "record"} - {"DQ18"} <= fired


def test_a_clean_need_has_no_finding() -> None:
    assert judge([clean_need()], checked_at=CHECKED_AT, policy=policy()) == [Verdict("passed", ())]

"""The gate against the rule book written down a second time, need by need and pair by pair, from the handbook alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import date

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from include.gate.engine.fingerprints import Fingerprint
from include.gate.engine.history import History
from include.gate.engine.judge import Verdict, fingerprints
from include.reference import Policy, policy, rules
from include.register.in_use import Register
from tests.gate.engine.handbook.families import FACTORIES, family, registered_needs, some_register
from tests.gate.engine.handbook.history_rules import history_findings
from tests.gate.engine.handbook.need import Finding, Need
from tests.gate.engine.handbook.needs import SpoiltNeed, spoilt_need
from tests.gate.engine.handbook.record_rules import record_findings
from tests.gate.engine.handbook.register_rules import register_findings
from tests.gate.engine.handbook.verdicts import in_order, severity_of, verdict_on
from tests.support.clean_need import CHECKED_AT, judge, keyed_hash
from tests.support.rule_cases.record import CASES

POLICIES = [
    Policy({**policy().values, **changes})
    for changes in (
        {},
        {"catalogue_complete": "false", "industries_complete": "false", "cutoff_inclusive": "false"},
        {"push_factory_levels": "national;provincial", "county_less_cities": "620200", "lookback_years": "2"},
    )
]
LIES = {FACTORIES[0]: (date(2026, 9, 28), date(2020, 1, 1)), FACTORIES[1]: (date(2023, 9, 28), date(2026, 9, 29))}
"""Days on which needs of these factories were withdrawn for false information."""
AFTER_THE_QUARTER = CHECKED_AT.replace(month=10, day=20)
RESPOND_BY = (date(2026, 10, 14), date(2026, 9, 28))
"""Until when returns asked for an answer."""

# What a failure needs is told by `told`; hypothesis could only try other seeds.
quick = settings(
    max_examples=max(settings().max_examples // 12, 1), deadline=None, phases=(Phase.reuse, Phase.generate)
)
chances = st.randoms(use_true_random=True)
policies = st.sampled_from(POLICIES)


def of_scope(verdict: Verdict, scope: str) -> set[Finding]:
    return {(one.rule_id, one.field) for one in verdict.findings if rules()[one.rule_id].scope == scope}


def by_gate(needs: Sequence[SpoiltNeed], in_force: Policy) -> list[Verdict]:
    return judge([need.item() for need in needs], checked_at=CHECKED_AT, policy=in_force)


def by_handbook(need: SpoiltNeed, in_force: Policy) -> set[Finding]:
    return record_findings(Need(need.item(), CHECKED_AT, in_force))


def told(need: SpoiltNeed, in_force: Policy) -> str:
    """The difference of the two judgements of a need, with as little of the need spoilt as still makes them differ."""

    def both(one: SpoiltNeed) -> tuple[set[Finding], set[Finding]]:
        return of_scope(by_gate([one], in_force)[0], "record"), by_handbook(one, in_force)

    def differs(one: SpoiltNeed) -> bool:
        gate, handbook = both(one)
        return gate != handbook

    while (smaller := next(filter(differs, need.smaller()), None)) is not None:
        need = smaller
    gate, handbook = both(need)
    return f"{need}: only the gate {gate - handbook}, only the handbook {handbook - gate}"


@given(chance=chances, in_force=policies)
@quick
def test_a_record_has_the_findings_of_the_handbook_and_no_others(chance: random.Random, in_force: Policy) -> None:
    needs = [spoilt_need(chance) for _ in range(100)]
    for need, verdict in zip(needs, by_gate(needs, in_force), strict=True):
        expected = by_handbook(need, in_force)
        if of_scope(verdict, "record") != expected:
            pytest.fail(told(need, in_force))


@given(chance=chances, in_force=policies)
@quick
def test_findings_stand_in_their_order_and_the_gravest_decides(chance: random.Random, in_force: Policy) -> None:
    needs = [spoilt_need(chance) for _ in range(60)]
    for verdict in by_gate(needs, in_force):
        findings = {(one.rule_id, one.field) for one in verdict.findings}
        assert [(one.rule_id, one.field) for one in verdict.findings] == in_order(findings, in_force)
        assert all(one.severity == severity_of(one.rule_id, in_force) for one in verdict.findings)
        assert verdict.verdict == verdict_on(findings, in_force)


@given(chance=chances)
@quick
def test_a_verdict_depends_neither_on_its_neighbours_nor_on_their_order(chance: random.Random) -> None:
    needs = [spoilt_need(chance) for _ in range(80)]
    whole = by_gate(needs, policy())
    order = chance.sample(range(len(needs)), len(needs))
    cut = chance.randrange(1, len(needs))
    for part in (order[:cut], order[cut:]):
        assert by_gate([needs[at] for at in part], policy()) == [whole[at] for at in part]


@given(chance=chances, in_force=policies)
@quick
def test_the_register_is_asked_as_the_handbook_says(chance: random.Random, in_force: Policy) -> None:
    rows, items = some_register(chance), registered_needs(chance, 40)
    verdicts = judge(
        items,
        checked_at=CHECKED_AT,
        policy=in_force,
        register=Register.of(rows),
        history=History(false_information=LIES),
    )
    for item, verdict in zip(items, verdicts, strict=True):
        expected = set(register_findings(Need(item, CHECKED_AT, in_force), rows, LIES))
        assert of_scope(verdict, "register") == expected, (item, rows)


@given(chance=chances)
@quick
def test_other_needs_are_asked_as_the_handbook_says(chance: random.Random) -> None:
    needs = family(chance, 30)
    items = [need.item() for need in needs]
    compared = fingerprints(items, checked_at=AFTER_THE_QUARTER, policy=policy(), keyed_hash=keyed_hash)
    known = [one for one in compared if one.need_id is not None and one.revision is not None]
    newest = _newest(known)
    returns = {
        (one.need_id, one.revision): chance.choice(RESPOND_BY)
        for one in known
        if one.need_id and one.revision and chance.random() < 0.6
    }
    history = History(open_needs=newest, window=newest, revisions=known, respond_by=returns)
    stored = [Need(item, AFTER_THE_QUARTER, policy()) for item in items]
    verdicts = judge(items, checked_at=AFTER_THE_QUARTER, policy=policy(), history=history)
    for need, here, verdict in zip(needs, stored, verdicts, strict=True):
        assert of_scope(verdict, "history") == set(history_findings(here, stored, returns)), (need, needs)


def test_what_is_compared_breaks_every_rule_and_keeps_it() -> None:
    """A comparison of needs on which a rule never fires proves nothing about it."""
    chance = random.Random(490)
    fired = {
        rule for number in range(1200) for rule, _ in by_handbook(spoilt_need(chance), POLICIES[number % len(POLICIES)])
    }
    assert fired == {rule.rule_id for rule in rules().values() if rule.scope == "record"}


def test_the_cases_of_each_rule_are_those_of_the_handbook_too() -> None:
    for rule, spoils, expected in CASES:
        findings = {tuple(one.split(" ")) for one in expected.split("|") if one}
        here = Need(SpoiltNeed({}, spoils).item(), CHECKED_AT, policy())
        assert record_findings(here) | set(history_findings(here, [here], {})) == findings, (rule, spoils)


def _newest(known: Iterable[Fingerprint]) -> list[Fingerprint]:
    """Each need at its newest revision."""
    in_turn = sorted(known, key=lambda one: one.revision or 0)
    return list({one.need_id: one for one in in_turn}.values())

"""The gate against the sandbox's answer key at the demo's size: recall and false alarms, rule by rule.

Run alone: `python -m tests.bench.answer_key`; `print_answer_key` is part of `make bench`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from include.gate.engine.judge import judge
from include.reference import policy
from include.sandbox.scenario.stage import make_scenario
from tests.support.scenario_surroundings import found, records_of, surroundings_of


@dataclass(frozen=True, slots=True)
class RuleScore:
    """How often a rule was planted, found where it was planted, and found where it was not."""

    rule_id: str
    planted: int
    hit: int
    false_alarms: int


def score(needs: int = 1600, seed: int = 490) -> list[RuleScore]:
    """Judge the whole scenario; a score for each rule that was planted or found, by rule id."""
    scenario = make_scenario(seed=seed, needs=needs)
    surroundings = surroundings_of(scenario, scenario.cut_off)
    verdicts = judge(
        records_of(scenario.needs), checked_at=scenario.cut_off, policy=policy(), surroundings=surroundings
    )
    planted, hit, false_alarms = Counter[str](), Counter[str](), Counter[str]()
    for need, verdict in zip(scenario.needs, verdicts, strict=True):
        expected = scenario.answer_key[need["need_id"]]
        planted.update(rule for rule, _ in expected)
        hit.update(rule for rule, _ in expected & found(verdict))
        false_alarms.update(rule for rule, _ in found(verdict) - expected)
    return [RuleScore(rule, planted[rule], hit[rule], false_alarms[rule]) for rule in sorted(planted | false_alarms)]


def print_answer_key(needs: int = 1600) -> bool:
    """Print recall and false alarms, first of all rules together, then of each; whether both are perfect."""
    scores = score(needs)
    total = RuleScore(
        "all",
        sum(one.planted for one in scores),
        sum(one.hit for one in scores),
        sum(one.false_alarms for one in scores),
    )
    print(f"answer key: {needs} needs, {len(scores)} rules")
    print(f"{'rule':6}{'planted':>9}{'recall':>9}{'false alarms':>14}")
    for one in (total, *scores):
        recall = f"{one.hit / one.planted:.1%}" if one.planted else "-"
        print(f"{one.rule_id:6}{one.planted:9}{recall:>9}{one.false_alarms:14}")
    return total.hit == total.planted and not total.false_alarms


if __name__ == "__main__":
    print_answer_key()

"""The scenario: the same for the same seed, true to the handbook's mix, and its key complete."""

from __future__ import annotations

import random
import time
from collections import Counter
from decimal import Decimal
from statistics import median

import pytest

from include.domain.identifiers import normalise_id, normalise_mobile, skeleton, uscc_is_valid
from include.reference import departments, policy, rules
from include.reference.calendar import china_calendar
from include.reference.places import loc_status
from include.register.rules import judge_rows, read_entry
from include.sandbox.scenario.defects import BLOCK, HOLD, WARN, several
from include.sandbox.scenario.planning import TooFewNeeds
from include.sandbox.scenario.stage import Scenario, make_scenario
from tests.gate.engine.handbook.verdicts import severity_of


@pytest.fixture(scope="module")
def whole() -> Scenario:
    return make_scenario()


def test_the_same_seed_gives_the_same_scenario_and_another_seed_another(scenario: Scenario) -> None:
    assert make_scenario(seed=3, needs=90, factories=1200) == scenario
    assert make_scenario(seed=4, needs=90, factories=1200).answer_key != scenario.answer_key


def test_a_whole_quarter_is_made_quickly() -> None:
    started = time.perf_counter()
    make_scenario(seed=1)
    assert time.perf_counter() - started < 5


def test_the_mix_is_that_of_the_handbook(whole: Scenario) -> None:
    shares = {name: count / 1600 for name, count in Counter(whole.severities.values()).items()}
    assert shares == pytest.approx({"clean": 0.70, "block": 0.12, "hold": 0.08, "warn": 0.10}, abs=0.005)
    assert len(whole.factories) >= 8000
    assert sum(report.zero_return for report in whole.reports) == 5
    assert len(whole.reports) == 36


def test_every_rule_of_the_gate_is_planted_and_every_key_names_a_rule(whole: Scenario) -> None:
    planted = {rule for findings in whole.answer_key.values() for rule, _ in findings}
    # DQ18 is for a catalogue of which the table has a part only.
    wanted = {rule.rule_id for rule in rules().values() if rule.scope in ("record", "register", "history")} - {"DQ18"}
    assert policy().flag("catalogue_complete") and planted == wanted


def test_a_defects_severity_is_that_of_its_rule() -> None:
    for defect in (*BLOCK, *HOLD, *WARN):
        assert severity_of(defect.rule, policy()) == defect.severity, defect.name


def test_several_defects_mix_rules_of_the_record_and_of_the_register() -> None:
    chance = random.Random(1)
    drawn = [several(chance) for _ in range(300)]
    assert {len(defects) for defects in drawn} <= {2, 3, 4, 5}
    assert all(any(defect.severity == "block" for defect in defects) for defects in drawn)
    scopes = [{rules()[defect.rule].scope for defect in defects} for defects in drawn]
    assert sum(found == {"record", "register"} for found in scopes) > 50


def test_needs_with_several_defects_and_with_none_are_there(whole: Scenario) -> None:
    sizes = Counter(len(findings) for findings in whole.answer_key.values())
    assert sizes[0] == 1120
    assert sum(count for size, count in sizes.items() if size >= 2) > 25
    assert max(sizes) >= 4


def _stopped(scenario: Scenario) -> set[str]:
    """The departments that rule B08 stops."""
    listed: Counter[str] = Counter()
    blocked: Counter[str] = Counter()
    for filed in scenario.filed:
        if filed.need_id in scenario.severities:
            listed[filed.department_code] += 1
            blocked[filed.department_code] += scenario.severities[filed.need_id] == "block"
    assert len(listed) == 31
    return {code for code in listed if listed[code] >= 5 and 10 * blocked[code] > 3 * listed[code]}


def test_no_department_is_stopped_by_the_breaker_but_one_that_is_asked_for(whole: Scenario) -> None:
    assert _stopped(whole) == set()
    for seed, code in ((490, "340000"), (2, "460000")):  # a large one, and one that often has a zero return
        stopped = make_scenario(seed=seed, stopped_department=code)
        assert _stopped(stopped) == {code}
        assert Counter(stopped.severities.values()) == Counter(whole.severities.values())
    with pytest.raises(TooFewNeeds):
        make_scenario(needs=40, factories=400, stopped_department="460000")


def test_every_factory_of_the_register_has_a_valid_code_and_no_row_twice(whole: Scenario) -> None:
    rows = [(row["uscc"], row["name"], row["listed_on"]) for row in whole.factories]
    assert len(set(rows)) == len(rows)
    codes = [str(row["uscc"]) for row in whole.factories]
    assert 0 < len(codes) - len(set(codes)) < 60
    assert all(uscc_is_valid(code) for code in codes)
    assert all(row["removed_on"] is None or row["listed_on"] < row["removed_on"] for row in whole.factories)
    assert {row["department_code"] for row in whole.factories} == set(departments())
    assert Counter(row["removed_on"] for row in whole.factories)["2026-03-11"] > 100


def test_the_register_itself_is_in_order(whole: Scenario) -> None:
    assert judge_rows([read_entry(row) for row in whole.factories], policy()) == []


def test_sound_needs_are_of_factories_listed_on_the_day_and_of_places_that_exist(whole: Scenario) -> None:
    for need in whole.needs:
        if whole.severities[need["need_id"]] != "clean":
            continue
        enterprise, day = need["enterprise"], need["review"]["recommended_at"][:10]
        rows = [
            (row["level"], row["department_code"])
            for row in whole.factories
            if row["uscc"] == normalise_id(enterprise["uscc"])
            and row["listed_on"] <= day < (row["removed_on"] or "9999-12-31")
        ]
        assert (enterprise["factory_level"], need["department_code"]) in rows
        assert loc_status(need["project"]["site_county_code"], 2026) == "current"


def test_nothing_is_shared_by_so_many_sound_needs_that_it_would_look_like_farming(whole: Scenario) -> None:
    sound = [need for need in whole.needs if whole.severities[need["need_id"]] == "clean"]
    for value, at_most in (
        (lambda n: skeleton(n["project"]["content"]), 2),
        (lambda n: normalise_mobile(n["enterprise"]["contact"]["mobile"]), 2),
        (lambda n: normalise_id(n["project"]["project_code"] or n["need_id"]), 1),
    ):
        enterprises: dict[str, set[str]] = {}
        for need in sound:
            enterprises.setdefault(value(need), set()).add(normalise_id(need["enterprise"]["uscc"]))
        assert max(map(len, enterprises.values())) == at_most


def test_what_was_listed_before_is_an_older_content_of_a_need(whole: Scenario) -> None:
    newest = {need["need_id"]: need for need in whole.needs}
    steps = Counter(newest[before.need_id]["revision"] - before.revision for before in whole.seen_before)
    assert min(steps[0], steps[1]) > 1
    assert set(steps) == {0, 1}
    assert all(before.item["updated_at"] < newest[before.need_id]["updated_at"] for before in whole.seen_before)


def test_amounts_are_like_those_of_real_schemes(whole: Scenario) -> None:
    sound = [need["finance"] for need in whole.needs if whole.severities[need["need_id"]] == "clean"]
    totals = [Decimal(finance["total_investment"]) for finance in sound]
    assert 2000 < median(totals) < 12000
    shares = [Decimal(f["financing_need"]) / Decimal(f["total_investment"]) for f in sound]
    assert Decimal("0.44") < sum(shares) / len(shares) < Decimal("0.70")


def test_sound_needs_are_recommended_in_the_quarter_before_the_cut_off(whole: Scenario) -> None:
    assert whole.cut_off.isoformat() == "2026-10-01T00:00:00+08:00"
    for need in whole.needs:
        if whole.severities[need["need_id"]] == "clean":
            assert "2026-07-01" <= need["review"]["recommended_at"] < whole.cut_off.isoformat()


@pytest.mark.parametrize("quarter", ["2018Q4", "2023Q3", "2026Q1"])
def test_other_quarters_end_on_their_own_last_working_day(quarter: str) -> None:
    made = make_scenario(seed=5, quarter=quarter, needs=40, factories=400)
    last = made.cut_off.date()
    assert max(report.reported_at.date() for report in made.reports) < last
    assert all(china_calendar().is_working_day(report.reported_at.date()) for report in made.reports)
    for need in made.needs:
        if made.severities[need["need_id"]] == "clean":
            uscc, day = normalise_id(need["enterprise"]["uscc"]), need["review"]["recommended_at"][:10]
            assert any(row["uscc"] == uscc and row["listed_on"] <= day for row in made.factories)


def test_items_that_are_no_objects_are_listed_but_have_no_key(scenario: Scenario) -> None:
    unreadable = [filed for filed in scenario.filed if not isinstance(filed.item, dict)]
    assert len(unreadable) == 2
    assert len({filed.department_code for filed in unreadable}) == 1
    assert len(scenario.needs) == len(scenario.answer_key) == 90

"""The scenario: the same for the same seed, true to the handbook's mix, and its key complete."""

from __future__ import annotations

import time
from collections import Counter
from decimal import Decimal
from statistics import median

import pytest

from include.domain.identifiers import loc_status, normalise_id, uscc_is_valid
from include.reference import departments, rules
from include.reference.calendar import china_calendar
from include.sandbox.defects import BLOCK, HOLD, WARN
from include.sandbox.scenario import Scenario, make_scenario


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


def test_every_record_rule_is_planted_and_every_key_names_a_rule(whole: Scenario) -> None:
    planted = {rule for findings in whole.answer_key.values() for rule, _ in findings}
    assert planted == {rule.rule_id for rule in rules().values() if rule.scope == "record"}


def test_a_defects_severity_is_that_of_its_rule() -> None:
    for defect in (*BLOCK, *HOLD, *WARN):
        assert rules()[defect.name.split()[0]].severity == defect.severity, defect.name


def test_needs_with_several_defects_and_with_none_are_there(whole: Scenario) -> None:
    sizes = Counter(len(findings) for findings in whole.answer_key.values())
    assert sizes[0] == 1120
    assert sum(count for size, count in sizes.items() if size >= 2) > 25
    assert max(sizes) >= 4


def test_no_department_is_stopped_by_the_breaker(whole: Scenario) -> None:
    listed: Counter[str] = Counter()
    blocked: Counter[str] = Counter()
    for filed in whole.filed:
        if filed.need_id in whole.severities:
            listed[filed.department_code] += 1
            blocked[filed.department_code] += whole.severities[filed.need_id] == "block"
    assert len(listed) == 31
    assert all(blocked[code] <= 0.30 * listed[code] for code in listed if listed[code] >= 5)


def test_every_factory_of_the_register_has_a_valid_code_of_its_own(whole: Scenario) -> None:
    codes = [str(row["uscc"]) for row in whole.factories]
    assert len(set(codes)) == len(codes)
    assert all(uscc_is_valid(code) for code in codes)
    assert {row["department_code"] for row in whole.factories} == set(departments())
    assert Counter(row["removed_on"] for row in whole.factories)["2026-03-11"] > 100


def test_sound_needs_are_of_listed_factories_and_of_places_that_exist(whole: Scenario) -> None:
    register = {row["uscc"]: row for row in whole.factories}
    for need in whole.needs:
        if whole.severities[need["need_id"]] != "clean":
            continue
        row = register[normalise_id(need["enterprise"]["uscc"])]
        assert row["removed_on"] is None
        assert row["department_code"] == need["department_code"]
        assert (row["level"], row["batch"]) == (
            need["enterprise"]["factory_level"],
            need["enterprise"]["factory_batch"],
        )
        assert loc_status(need["project"]["site_county_code"], 2026) == "current"


def test_nothing_is_shared_that_would_look_like_farming_or_a_duplicate(whole: Scenario) -> None:
    sound = [need for need in whole.needs if whole.severities[need["need_id"]] == "clean"]
    for value in (
        lambda n: n["project"]["content"],
        lambda n: normalise_id(n["project"]["project_code"]),
        lambda n: n["enterprise"]["contact"]["mobile"][-8:],
        lambda n: normalise_id(n["enterprise"]["uscc"]),
    ):
        assert len({value(need) for need in sound}) == len(sound)


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
    listed = {row["uscc"]: row["listed_on"] for row in made.factories}
    for need in made.needs:
        if made.severities[need["need_id"]] == "clean":
            assert listed[normalise_id(need["enterprise"]["uscc"])] < need["review"]["recommended_at"][:10]


def test_items_that_are_no_objects_are_listed_but_have_no_key(scenario: Scenario) -> None:
    unreadable = [filed for filed in scenario.filed if not isinstance(filed.item, dict)]
    assert len(unreadable) == 2
    assert len({filed.department_code for filed in unreadable}) == 1
    assert len(scenario.needs) == len(scenario.answer_key) == 90

from __future__ import annotations

import json
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.gate.engine.judge import Finding, reasons, ruleset_version
from include.reference import REFERENCE_DIR, Policy, policy, rules
from include.reference.form import form_fields
from include.rule_book import suites as rule_book
from include.rule_book.suites import RuleBookError, evaluate, load, suites
from tests.support.clean_need import CHECKED_AT, MISSING, clean_need, judge, put
from tests.support.rule_cases.record import CASES

POLICY = policy()


def under(**changes: str) -> Policy:
    return Policy({**POLICY.values, **changes})


def found(record: dict[str, Any], rules_in_force: Policy = POLICY) -> list[tuple[str, str, str]]:
    verdict = judge([record], checked_at=CHECKED_AT, policy=rules_in_force)[0]
    return [(finding.rule_id, finding.field, finding.severity) for finding in verdict.findings]


def test_every_defect_of_a_record_is_found_in_order() -> None:
    record = clean_need(
        {
            "enterprise.uscc": "91330100MA2TE5T014",
            "enterprise.factory_level": "municipal",
            "project.permits.safety": "missing",
            "project.permits.land": "missing",
            "finance.methods[1].amount": "abc",
            "finance.own_capital": "1600",
            "benefit.basis": "self_estimate",
            "review.compliance_ok": False,
        }
    )
    verdict = judge([record], checked_at=CHECKED_AT, policy=POLICY)[0]
    assert verdict.verdict == "returned"
    assert [f"{finding.severity} {finding.rule_id} {finding.field}" for finding in verdict.findings] == [
        "block DQ02 enterprise.uscc",
        "block DQ06 finance.methods[1].amount",
        "block DQ19 review.compliance_ok",
        "block DQ35 project.permits.land",
        "block DQ35 project.permits.safety",
        "hold DQ57 enterprise.factory_level",
        "warn DQ39 finance.financing_need",
        "warn DQ63 benefit.basis",
    ]


@pytest.mark.parametrize(
    ("overrides", "verdict"),
    [
        ({}, "passed"),
        ({"benefit.basis": "self_estimate"}, "passed"),
        ({"enterprise.factory_level": "municipal"}, "held"),
        ({"enterprise.factory_level": "municipal", "finance.term_months": 3}, "returned"),
        ({"is_major": "no"}, "held"),
        ({"is_major": "no", "finance.term_months": 3}, "returned"),
        ({"need_id": 7, "finance.term_months": 3}, "held"),
        ({"revision": None, "finance.term_months": 3}, "held"),
    ],
)
def test_the_gravest_finding_decides_unless_no_return_can_be_addressed(overrides: dict[str, Any], verdict: str) -> None:
    assert judge([clean_need(overrides)], checked_at=CHECKED_AT, policy=POLICY)[0].verdict == verdict


def test_a_return_carries_the_fixed_texts_of_its_findings() -> None:
    findings = (
        Finding("DQ02", "enterprise.uscc", "block"),
        Finding("DQ35", "project.permits.land", "block"),
        Finding("DQ57", "enterprise.factory_level", "hold"),
    )
    assert reasons(findings) == [
        {
            "rule_id": rule_id,
            "field": field,
            "message": rules()[rule_id].message,
            "how_to_fix": rules()[rule_id].how_to_fix,
        }
        for rule_id, field in (
            ("DQ02", "enterprise.uscc"),
            ("DQ35", "project.permits.land"),
            ("DQ57", "enterprise.factory_level"),
        )
    ]


def test_nothing_to_judge_is_no_error() -> None:
    assert judge([], checked_at=CHECKED_AT, policy=POLICY) == []


def test_a_verdict_depends_neither_on_the_batch_nor_on_its_order() -> None:
    records = [clean_need(spoilt) for _, spoilt, _ in CASES[::5]] + [{}, clean_need()]
    order = list(range(len(records)))
    together = judge(records, checked_at=CHECKED_AT, policy=POLICY)
    random.Random(490).shuffle(order)
    shuffled = judge([records[at] for at in order], checked_at=CHECKED_AT, policy=POLICY)
    assert [shuffled[order.index(at)] for at in range(len(records))] == together
    for at in (0, 7, len(records) - 2):
        assert judge([records[at]], checked_at=CHECKED_AT, policy=POLICY) == [together[at]]


def test_an_empty_record_gets_a_verdict_with_one_finding_for_each_object() -> None:
    verdict = judge([{}], checked_at=CHECKED_AT, policy=POLICY)[0]
    fields = {finding.field for finding in verdict.findings}
    assert verdict.verdict == "held"
    assert {"need_id", "revision", "enterprise", "project", "finance", "benefit", "review"} <= fields
    assert not any(field.startswith(("enterprise.", "project.", "finance.", "benefit.")) for field in fields)


PATHS = sorted(
    {
        *(path.replace("[]", "[0]") for path in form_fields() if path != "finance.intended_institutions[]"),
        *(
            "need_id",
            "revision",
            "quarter",
            "submitted_at",
            "updated_at",
            "is_major",
            "department_code",
            "form_version",
        ),
        *("review.compliance_ok", "review.recommended_at", "review.recommended_by"),
        *("enterprise", "enterprise.contact", "project", "project.permits", "finance", "benefit", "review"),
        *("finance.methods", "finance.methods[0]", "finance.existing_financing", "finance.existing_financing[0]"),
        *("finance.collateral", "finance.intended_institutions", "attachments"),
    }
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**30, 10**60)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.sampled_from(
        [
            *(
                "\x00",
                "\ud800",
                "\ud83d\x00\udc00",
                "x" * 10_000,
                "无" * 10_000,
                "\u3000",
                "１",
                "9" * 400,
                "NaN",
                "-0",
            ),
            *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60-23:59", "2026-13-01", "330100", "1.1.17", "loan"),
            *(Decimal("1E+999999"), Decimal("-1E-999999"), 10**3000),
        ]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


@given(st.lists(st.dictionaries(st.sampled_from(PATHS), VALUES, max_size=5), min_size=1, max_size=6))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_json_in_any_field_gets_a_verdict_and_leaves_the_others_alone(spoils: list[dict[str, Any]]) -> None:
    records = []
    for spoil in spoils:
        record = clean_need()
        for path in sorted(spoil, key=len, reverse=True):  # children before the objects that hold them
            put(record, path, spoil[path])
        records.append(record)
    verdicts = judge([*records, clean_need()], checked_at=CHECKED_AT, policy=POLICY)
    assert len(verdicts) == len(records) + 1
    assert verdicts[-1].verdict == "passed" and not verdicts[-1].findings
    for verdict in verdicts:
        assert len({(finding.rule_id, finding.field) for finding in verdict.findings}) == len(verdict.findings)


def test_deep_and_huge_values_do_not_stop_the_batch() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    records = [
        clean_need({path: value})
        for path in (
            "enterprise.name",
            "finance.methods",
            "finance.term_months",
            "project.permits",
            "revision",
            "quarter",
        )
        for value in (deep, "字" * 100_000, 10**4000, {"a": deep})
    ]
    verdicts = judge([*records, clean_need()], checked_at=CHECKED_AT, policy=POLICY)
    passed = [at for at, verdict in enumerate(verdicts) if verdict.verdict == "passed"]
    huge_term = [at for at, record in enumerate(records) if record["finance"]["term_months"] == 10**4000]
    assert passed == [*huge_term, len(records)]


def test_long_lists_are_judged_element_by_element() -> None:
    methods = [{"method": "loan", "amount": "1.00"} for _ in range(2_500)]
    assert found(clean_need({"finance.methods": methods})) == []
    methods[1_234] = {"method": "loan", "amount": "1,00"}
    assert found(clean_need({"finance.methods": methods})) == [("DQ06", "finance.methods[1234].amount", "block")]


@pytest.mark.parametrize(
    ("changes", "overrides", "expected"),
    [
        ({"supported_form_versions": "2025.1;2026.1"}, {"form_version": "2026.1"}, []),
        ({"clock_skew_seconds": "0"}, {"updated_at": "2026-09-30T18:00:01+08:00"}, [("DQ01", "updated_at", "hold")]),
        ({"industries_complete": "false"}, {"enterprise.industry_code": "1380"}, []),
        (
            {"catalogue_complete": "true"},
            {"project.catalogue_code": "1.1.99"},
            [("DQ17", "project.catalogue_code", "block")],
        ),
        ({"catalogue_complete": "true"}, {}, []),
        (
            {"catalogue_complete": "false"},
            {"project.catalogue_code": "1.99.1"},
            [("DQ17", "project.catalogue_code", "hold")],
        ),
        (
            {"catalogue_complete": "false"},
            {"project.catalogue_code": "1.1.99"},
            [("DQ18", "project.catalogue_code", "hold")],
        ),
        ({"catalogue_complete": "false"}, {}, []),
        (
            {"county_less_cities": ""},
            {"project.site_county_code": "441900"},
            [("DQ03", "project.site_county_code", "block")],
        ),
        ({"amount_upper_bound": "5000.00"}, {}, [("DQ06", "finance.total_investment", "block")]),
        ({"amount_upper_bound": "5000.01"}, {}, []),
        ({"max_intended_institutions": "1"}, {}, [("DQ11", "finance.intended_institutions", "block")]),
        ({"sources_tolerance": "0.95999"}, {}, [("DQ21", "finance.financing_need", "block")]),
        ({"sources_tolerance": "0.96"}, {}, []),
        ({"min_own_capital_ratio": "0.400000000000000001"}, {}, [("DQ22", "finance.own_capital", "warn")]),
        ({"min_own_capital_ratio": "0.400000000000000000"}, {}, []),
        ({"min_term_months": "61"}, {}, [("DQ24", "finance.term_months", "block")]),
        ({"max_term_months": "59"}, {}, [("DQ49", "finance.term_months", "warn")]),
        ({"unit_suspect_min": "5000.01"}, {}, [("DQ37", "finance.total_investment", "hold")]),
        ({"unit_suspect_max": "4999.99"}, {}, [("DQ37", "finance.total_investment", "hold")]),
        ({"funding_gap_ratio": "0.97"}, {}, [("DQ39", "finance.financing_need", "warn")]),
        ({"max_project_years": "1"}, {}, [("DQ50", "project.end_date", "block")]),
        ({"push_factory_levels": "national;provincial"}, {"enterprise.factory_level": "provincial"}, []),
        ({"debt_ratio_note": "44.9"}, {}, [("DQ60", "enterprise.debt_ratio", "warn")]),
        ({"major_min_total_investment": "5000"}, {"is_major": True}, []),
        ({"carbon_per_investment_warn": "1.5599"}, {}, [("G06a", "benefit.carbon_reduction_tco2", "warn")]),
        ({"saving_share_hold": "0.15"}, {}, [("G06c", "benefit.energy_saving_tce", "hold")]),
        ({"invested_share_hold": "0.1"}, {}, [("G10", "finance.invested_amount", "hold")]),
        ({"wrapping_min_carbon": "1.57"}, {}, [("G11", "benefit.carbon_reduction_tco2", "hold")]),
        ({"ratio_warn_min": "2.6"}, {}, [("DQ30", "benefit.carbon_reduction_tco2", "warn")]),
    ],
)
def test_the_policy_decides_not_the_code(
    changes: dict[str, str], overrides: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert found(clean_need(overrides), under(**changes)) == expected


@pytest.mark.parametrize(
    ("cutoff_inclusive", "recommended_at", "held"),
    [
        ("true", "2026-09-30T17:59:59+08:00", False),
        ("false", "2026-09-30T00:00:00+08:00", True),
        ("false", "2026-09-29T23:59:59.999+08:00", False),
    ],
)
def test_the_cut_off_follows_the_reading_of_the_notice(cutoff_inclusive: str, recommended_at: str, held: bool) -> None:
    findings = found(clean_need({"review.recommended_at": recommended_at}), under(cutoff_inclusive=cutoff_inclusive))
    assert findings == ([("DQ52", "review.recommended_at", "hold")] if held else [])


def test_the_cut_off_is_that_of_chinas_calendar() -> None:
    """2023Q3 ended on Thursday 28 September: what was recommended on Friday the 29th came too late."""
    record = clean_need({"quarter": "2023Q3", "submitted_at": "2023-09-01T08:00:00+08:00",
                         "updated_at": "2023-09-01T08:00:00+08:00", "project.start_date": "2024-01-01",
                         "finance.needed_by": "2024-01-01"})  # fmt: skip
    assert found(record | {"review": record["review"] | {"recommended_at": "2023-09-28T23:59:59+08:00"}}) == []
    late = record | {"review": record["review"] | {"recommended_at": "2023-09-29T00:00:00+08:00"}}
    assert found(late) == [("DQ52", "review.recommended_at", "hold")]
    assert found(late | {"is_major": True}) == [("DQ64", "is_major", "warn")]


def test_rules_look_at_the_day_of_the_recommendation_not_at_today() -> None:
    record = clean_need({"project.start_date": "2024-01-01", "project.end_date": "2026-09-28",
                         "finance.needed_by": "2026-09-20"})  # fmt: skip
    later = CHECKED_AT.replace(year=2031)
    assert judge([record], checked_at=later, policy=POLICY) == judge([record], checked_at=CHECKED_AT, policy=POLICY)
    unrecommended = record | {"review": record["review"] | {"recommended_at": None}}
    assert ("DQ26", "project.end_date", "block") in found(unrecommended)


def test_the_version_changes_with_rules_policy_and_tables(tmp_path: Path) -> None:
    version = ruleset_version(POLICY)
    assert version.startswith("2026.2+") and version == ruleset_version(policy())
    assert ruleset_version(under(sources_tolerance="1.03")) != version
    folder = tmp_path / "unchanged"
    folder.mkdir()
    for original in (rule_book.SUITES_DIR, REFERENCE_DIR):
        for file in original.iterdir():
            if file.suffix in (".json", ".csv"):
                (folder / file.name).write_bytes(file.read_bytes())
    assert ruleset_version(POLICY, folder, folder) == version
    for name in ("needs.json", "word_lists.csv", "industries.csv"):
        folder = folder.rename(tmp_path / f"{name} changed")
        (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
        changed = ruleset_version(POLICY, folder, folder)
        assert changed != version
        version = changed


def test_a_rule_missing_from_the_suites_is_noticed(tmp_path: Path) -> None:
    for file in rule_book.SUITES_DIR.glob("*.json"):
        if file.name != "permits.json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(RuleBookError, match="DQ35"):
        suites(tmp_path)


def test_a_rule_dropped_by_great_expectations_is_noticed() -> None:
    permits = suites()["permits"]
    unknown = {**permits["expectations"][0], "type": "expect_what_nobody_wrote"}
    with pytest.raises(RuleBookError, match="DQ35"):
        load({"name": "broken", "expectations": [unknown, permits["expectations"][1]]})


def test_a_rule_that_cannot_be_evaluated_stops_the_gate() -> None:
    with pytest.raises(RuleBookError, match="DQ21"):
        judge([clean_need()], checked_at=CHECKED_AT, policy=under(sources_tolerance="viel"))


def test_a_result_left_out_is_noticed() -> None:
    with pytest.raises(RuleBookError, match="DQ35"):
        evaluate(suites()["permits"], [])


def test_no_contact_value_appears_in_any_validation_result(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    original = rule_book.evaluate

    def recording(suite: Any, results: Any) -> Any:
        seen.append(repr(results))
        return original(suite, results)

    monkeypatch.setattr(rule_book, "evaluate", recording)
    contacts = {
        "enterprise.contact.name": "金丝雀",
        "enterprise.contact.mobile": "13912345678",
        "enterprise.contact.email": "canary@canary.cn",
    }
    spoilt = {
        "enterprise.contact.name": "丝" * 51,
        "enterprise.contact.mobile": "12912345678",
        "enterprise.contact.email": "canary-canary.cn",
    }
    verdicts = judge([clean_need(contacts), clean_need(spoilt)], checked_at=CHECKED_AT, policy=POLICY)
    assert len(verdicts[1].findings) == 3 and len(seen) > 10
    for told in (*seen, repr(verdicts)):
        for canary in ("金丝雀", "丝丝", "12345678", "canary"):
            assert canary not in told


def test_the_suites_carry_parameters_only_what_a_rule_says_stands_in_the_rule_book() -> None:
    for path in rule_book.SUITES_DIR.glob("*.json"):
        for expectation in json.loads(path.read_text(encoding="utf-8"))["expectations"]:
            assert expectation.keys() == {"type", "kwargs", "meta"} and expectation["meta"].keys() <= {
                "rule",
                "severity_if",
            }


def test_loading_the_gate_is_cheap() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, include.gate, include.gate.engine.judge; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"pandas", "numpy", "great_expectations"} & set(loaded)


def test_missing_keys_and_nulls_are_the_same() -> None:
    paths = ("enterprise.debt_ratio", "finance.existing_financing", "project.catalogue_code", "finance.term_months")
    without = [clean_need({path: MISSING}) for path in paths]
    with_null = [clean_need({path: None}) for path in paths]
    verdicts = judge([*without, *with_null], checked_at=CHECKED_AT, policy=POLICY)
    assert verdicts[: len(paths)] == verdicts[len(paths) :]

"""Rules that ask other needs and earlier revisions."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from include.domain.identifiers import make_uscc
from include.domain.identity import item_sha256
from include.gate.engine.history import History, name_similarity
from include.gate.engine.judge import Verdict, fingerprints
from include.reference import Policy, policy
from tests.support.clean_need import CHECKED_AT, clean_need, judge, keyed_hash

OTHER, THIRD = make_uscc("91330100", "MA2TE5T1"), make_uscc("91330100", "MA2TE5T2")
ALL_DIFFERENT: dict[str, Any] = {
    "enterprise.uscc": OTHER,
    "enterprise.contact.mobile": "13900000001",
    "project.name": "空压站群智能控制改造项目",
    "project.content": "更换六台高效空压机，建设空压站群智能控制系统，配套余热回收装置和储气设施。",
    "project.project_code": "2106-330100-04-02-999999",
    "benefit.baseline_energy_tce": "54321",
}


def earlier(overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """A need filed a day before the clean one, like it in nothing but what `overrides` sets back."""
    head = {"need_id": "FN202603000000", "submitted_at": "2026-09-09T09:30:00+08:00"}
    return clean_need(ALL_DIFFERENT | head | (overrides or {}))


def same(*paths: str) -> dict[str, Any]:
    """The clean need's own values of these fields."""
    values = {}
    for path in paths:
        node: Any = clean_need()
        for step in path.split("."):
            node = node[step]
        values[path] = node
    return values


def together(records: list[dict[str, Any]], rules: Policy | None = None) -> list[Verdict]:
    known = fingerprints(records, checked_at=CHECKED_AT, policy=policy(), keyed_hash=keyed_hash)
    history = History(open_needs=known, window=known, revisions=known)
    return judge(records, checked_at=CHECKED_AT, policy=rules or policy(), history=history)


def found(*others: dict[str, Any], overrides: dict[str, Any] | None = None) -> list[str]:
    verdict = together([clean_need(overrides), *others])[0]
    return [f"{finding.rule_id} {finding.field}" for finding in verdict.findings]


SAME_FACTORY = same("enterprise.uscc")
NAME = "余热锅炉及配套发电机组改造项目"


@pytest.mark.parametrize(
    ("other", "overrides", "expected"),
    [
        ({}, {}, []),
        (SAME_FACTORY, {}, []),
        (SAME_FACTORY | same("project.project_code"), {}, ["DQ42 project.name"]),
        (SAME_FACTORY | {"project.project_code": "2106 330100 04 02 123456"}, {}, ["DQ42 project.name"]),
        (SAME_FACTORY | {"project.name": NAME}, {}, []),
        (SAME_FACTORY | {"project.name": NAME, "project.project_code": "2106"}, {}, ["DQ42 project.name"]),
        (SAME_FACTORY | {"project.name": f"{NAME}（二期）", "project.project_code": "2106"}, {}, ["DQ42 project.name"]),
        (SAME_FACTORY | {"project.name": "余热锅炉改造", "project.project_code": "2106"}, {}, []),
        (SAME_FACTORY | same("project.project_code") | {"submitted_at": "2026-09-11T09:30:00+08:00"}, {}, []),
        (SAME_FACTORY | same("project.project_code") | same("submitted_at"), {}, ["DQ42 project.name"]),
        (
            SAME_FACTORY | same("project.project_code") | same("submitted_at") | {"need_id": "FN202603000002"},
            {},
            [],
        ),
        (SAME_FACTORY | same("project.project_code") | {"quarter": "2026Q1"}, {}, ["DQ42 project.name"]),
        (same("project.project_code"), {}, ["G01 project.project_code"]),
        (same("project.project_code") | {"enterprise.uscc": "91330100MA2TE5T014"}, {}, []),
    ],
)
def test_the_same_project_twice_is_found_at_the_later_need(
    other: dict[str, Any], overrides: dict[str, Any], expected: list[str]
) -> None:
    assert found(earlier(other), overrides=overrides) == expected


def test_names_are_alike_from_the_limit_on() -> None:
    assert name_similarity("甲" * 9 + "乙", "甲" * 9 + "丙") == 0.9
    assert name_similarity("b" + "ab", "ab" + "b") == name_similarity("ab" + "b", "b" + "ab")
    assert name_similarity("", "甲") == name_similarity(None, "甲") == 0
    alike = SAME_FACTORY | {"project.name": "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申甲", "project.project_code": "1"}
    for ending, expected in (("酉", ["DQ42 project.name"]), ("酉戌亥", [])):
        name = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未" + ending
        assert found(earlier(alike), overrides={"project.name": name})[:1] == expected


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("project.content", "project.content"),
        ("enterprise.contact.mobile", "enterprise.contact.mobile"),
        ("benefit.baseline_energy_tce", "benefit"),
    ],
)
def test_three_enterprises_that_file_alike_are_found_two_are_not(path: str, field: str) -> None:
    first = earlier(same(path))
    second = earlier(same(path) | {"need_id": "FN202603000009", "enterprise.uscc": THIRD})
    again = earlier(same(path) | {"need_id": "FN202603000008"})
    assert found(first, again) == []
    assert found(first, second) == [f"G13 {field}"]
    long_ago = second | {"quarter": "2025Q2"}
    assert found(first, long_ago) == []
    assert found(first, second | {"quarter": "2025Q3"}) == [f"G13 {field}"]


def test_a_benefit_may_rise_by_a_fifth_unless_a_new_report_backs_more() -> None:
    before = clean_need({"benefit.energy_saving_tce": "1000", "benefit.carbon_reduction_tco2": "2600"})
    baseline = {"revision": 2, "benefit.carbon_reduction_tco2": "2600", "benefit.baseline_energy_tce": "9000"}

    def after(saving: str, **more: Any) -> list[str]:
        return found(before, overrides=baseline | {"benefit.energy_saving_tce": saving} | more)

    risen = ["G12 benefit.energy_saving_tce"]
    report = {"kind": "third_party_report", "sha256": "a" * 64, "size": 10}
    assert after("1200") == []
    assert after("1200.0001") == risen
    assert after("1300", **{"benefit.basis": "third_party"}) == risen
    assert after("1300", **{"benefit.basis": "third_party", "attachments": [report]}) == []
    assert after("1300", **{"benefit.basis": "feasibility_study", "attachments": [report]}) == risen
    assert after("1300", **{"benefit.basis": ["third_party"]})[:1] == ["DQ05 benefit.basis"]
    before["attachments"] = [report]
    assert after("1300", **{"benefit.basis": "third_party", "attachments": [report]}) == risen


@pytest.mark.parametrize(
    ("respond_by", "recommended_at", "late"),
    [
        ({1: date(2026, 10, 20)}, "2026-10-20T23:59:59.999+08:00", False),
        ({1: date(2026, 10, 20)}, "2026-10-21T00:00:00+08:00", True),
        ({1: date(2026, 10, 20)}, "2026-06-30T12:00:00+08:00", False),
        ({}, "2026-10-08T10:00:00+08:00", True),
        ({2: date(2026, 10, 20)}, "2026-10-08T10:00:00+08:00", True),
    ],
)
def test_a_correction_within_the_term_of_its_return_is_not_late(
    respond_by: dict[int, date], recommended_at: str, late: bool
) -> None:
    first = clean_need({"submitted_at": "2026-06-10T09:30:00+08:00"})
    second = clean_need(
        {"revision": 2, "submitted_at": "2026-06-10T09:30:00+08:00", "review.recommended_at": recommended_at}
    )
    checked_at = CHECKED_AT.replace(month=10, day=22)
    known = fingerprints([first, second], checked_at=checked_at, policy=policy(), keyed_hash=keyed_hash)
    returned = {("FN202603000001", revision): day for revision, day in respond_by.items()}
    history = History(revisions=known, respond_by=returned)
    verdict = judge([second], checked_at=checked_at, policy=policy(), history=history)[0]
    assert ("DQ52" in {finding.rule_id for finding in verdict.findings}) is late


def test_a_revision_with_another_content_than_the_one_stored_first_is_held() -> None:
    record = clean_need()
    first = item_sha256(record)
    history = History(first_stored={("FN202603000001", 1): first})

    def rules_of(changes: dict[str, Any]) -> list[str]:
        verdict = judge([clean_need(changes)], checked_at=CHECKED_AT, policy=policy(), history=history)[0]
        return [f"{finding.rule_id} {finding.field}" for finding in verdict.findings]

    assert rules_of({}) == []
    assert rules_of({"updated_at": "2026-09-13T10:00:00+08:00"}) == []
    assert rules_of({"enterprise.debt_ratio": 46}) == ["DQ43 revision"]


def test_verdicts_on_each_other_do_not_depend_on_order_or_batches() -> None:
    records = [
        clean_need(),
        earlier(SAME_FACTORY | same("project.project_code")),
        earlier(same("project.content") | {"need_id": "FN202603000009", "enterprise.uscc": THIRD}),
        earlier(same("project.content") | {"need_id": "FN202603000008"}),
        clean_need({"revision": 2, "benefit.energy_saving_tce": "2"}),
    ]
    known = fingerprints(records, checked_at=CHECKED_AT, policy=policy(), keyed_hash=keyed_hash)
    history = History(open_needs=known, window=known, revisions=known)
    at_once = judge(records, checked_at=CHECKED_AT, policy=policy(), history=history)
    assert any(verdict.findings for verdict in at_once)
    order = list(range(len(records)))
    random.Random(1).shuffle(order)
    shuffled = History(
        open_needs=[known[at] for at in order],
        window=[known[at] for at in order],
        revisions=[known[at] for at in order],
    )
    for at in order:
        assert judge([records[at]], checked_at=CHECKED_AT, policy=policy(), history=shuffled) == [at_once[at]]

"""The evidence of each rule of the gate that holds: the value filed, what it was compared with, and the limit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.quarantine.evidence import Evidence, Facts, OtherNeed, evidence, has_evidence
from include.reference import policy, rules
from include.reference.form import field_name
from include.register.in_use import RegisterRow
from tests.support.clean_need import clean_need
from tests.support.rows import moment

USCC = str(clean_need()["enterprise"]["uscc"])
OTHER_USCC = "91330200MA2AAAAA0X"
ROW = RegisterRow(
    uscc=USCC,
    name="杭州老名纺织有限公司",
    aliases=("杭州旧名纺织厂",),
    level="provincial",
    batch="2022年度",
    department_code="320000",
    listed_on=date(2023, 1, 1),
    removed_on=None,
)
GONE = RegisterRow(
    uscc=USCC,
    name="杭州老名纺织有限公司",
    aliases=(),
    level="national",
    batch="2019年度",
    department_code="330000",
    listed_on=date(2019, 1, 1),
    removed_on=date(2025, 3, 1),
)


def other(number: int, shares: str, *, uscc: str = OTHER_USCC, quarter: str = "2026Q3", **more: Any) -> OtherNeed:
    return OtherNeed(
        need_id=f"FN2026030009{number:02}",
        revision=1,
        quarter=quarter,
        department_code="320000",
        uscc=uscc,
        document=clean_need({"enterprise.name": f"苏州第{number}纺织有限公司", **more.pop("filed", {})}),
        submitted="2026-08-01",
        shares=frozenset(shares.split()),
        **more,
    )


def facts(changed: Mapping[str, object], **more: Any) -> Facts:
    record = clean_need(dict(changed))
    standing = {
        "need_id": "FN202603000001",
        "revision": 1,
        "quarter": "2026Q3",
        "department_code": "330000",
        "uscc": USCC,
        "document": record,
        "policy": policy(),
        "reader": "operator",
        "judged_on": date(2026, 9, 20),
        "opens_at": moment("2026-07-01 00:00"),
        "deadline": moment("2026-10-01 00:00"),
        "register": (ROW,),
        "register_as_of": date(2026, 9, 30),
    }
    return Facts(**{**standing, **more})


def texts(found: tuple[Evidence, ...]) -> str:
    return " | ".join(f"{one.label}: {one.filed} / {one.compared} / {one.limit}" for one in found)


TOTAL, CARBON, SAVING = "finance.total_investment", "benefit.carbon_reduction_tco2", "benefit.energy_saving_tce"

CASES: list[tuple[str, str, dict[str, object], dict[str, Any], list[str]]] = [
    ("DQ01", "quarter", {"quarter": "2026-3"}, {}, ["2026-3", "例如 2026Q3"]),
    ("DQ14", "enterprise.city_code", {"enterprise.city_code": "330199"}, {}, ["330199", "杭州市（330100）"]),
    (
        "DQ17",
        "project.catalogue_code",
        {"project.catalogue_code": "1.9.1"},
        {},
        ["1 节能降碳产业", "1.9 （目录中没有）"],
    ),
    (
        "DQ18",
        "project.catalogue_code",
        {"project.catalogue_code": "1.1.99"},
        {},
        ["1.1 高效节能装备制造", "1.1.99 （目录中没有）"],
    ),
    (
        "DQ37",
        TOTAL,
        {TOTAL: "415324500.00"},
        {},
        [
            "415,324,500 万元（41,532.45 亿元）",
            "如误以“元”填报，实为 41,532.45 万元（4.15 亿元）",
            "100 万元 至 5,000,000 万元（500.00 亿元）",
        ],
    ),
    ("DQ37", TOTAL, {TOTAL: "4.15"}, {}, ["4.15 万元", "如误以“亿元”填报，实为 41,500 万元（4.15 亿元）"]),
    ("DQ41", "enterprise.name", {}, {}, ["杭州老名纺织有限公司", "曾用名：杭州旧名纺织厂", "2026-09-30 的名单"]),
    (
        "DQ43",
        "revision",
        {},
        {"contents": (("ab12cd34", moment("2026-10-01 00:05")), ("ef56ab78", moment("2026-10-09 09:30")))},
        ["先存 ab12cd34（2026-10-01 00:05 接收）", "另有 ef56ab78（2026-10-09 09:30 接收）"],
    ),
    (
        "DQ52",
        "review.recommended_at",
        {"review.recommended_at": "2026-10-08T14:21:00+08:00"},
        {"respond_by": date(2026, 9, 24), "judged_on": date(2026, 10, 8)},
        ["2026-10-08 14:21", "补正期限 2026-09-24", "迟于截止日 8 天", "2026-07-01 00:00 至 2026-10-01 00:00（不含）"],
    ),
    (
        "DQ53",
        "project.permits.land",
        {"project.permits.land": "in_progress", "project.construction_status": "under_construction"},
        {},
        ["办理中", "建设状态：在建"],
    ),
    ("DQ55", "department_code", {}, {}, ["浙江省经济和信息化厅", "名单：江苏"]),
    (
        "DQ57",
        "enterprise.factory_level",
        {"enterprise.factory_level": "provincial"},
        {},
        ["省级", "名单：省级（2022年度）", "上推：国家级"],
    ),
    (
        "DQ58",
        "finance.use_of_funds",
        {"finance.use_of_funds": "用于偿还旧贷款和归还借款"},
        {},
        ["含“偿还”、“归还借款”"],
    ),
    ("G05", "project.catalogue_code", {"project.catalogue_code": "5.2.1"}, {}, ["5.2.1", "5 "]),
    (
        "G06b",
        CARBON,
        {CARBON: 40000, TOTAL: "1000.00"},
        {},
        ["40,000 吨二氧化碳/年", "每万元投资减碳 40 吨", "不超过 30 吨二氧化碳/万元"],
    ),
    (
        "G06c",
        SAVING,
        {SAVING: 700, "benefit.baseline_energy_tce": 1000},
        {},
        ["700 吨标准煤/年", "节能量占 70%", "不超过 60%"],
    ),
    ("G06d", CARBON, {CARBON: 70, SAVING: 10}, {}, ["每吨标准煤减碳 7 吨", "0.5 至 6"]),
    (
        "G10",
        "finance.invested_amount",
        {"finance.invested_amount": "9600.00", TOTAL: "10000.00"},
        {},
        ["9,600 万元", "已完成 96%", "低于 95%"],
    ),
    (
        "G11",
        CARBON,
        {CARBON: Decimal("4.5"), TOTAL: "1000.00"},
        {},
        ["每万元投资减碳 0.0045 吨", "不低于 0.05 吨二氧化碳/万元"],
    ),
    (
        "G12",
        SAVING,
        {SAVING: 130},
        {"revision": 2, "previous": other(1, "", uscc=USCC, filed={SAVING: 100})},
        ["第2版 130 吨标准煤/年", "第1版 100 吨标准煤/年；为其 1.3 倍", "不超过 1.2 倍"],
    ),
    (
        "G13",
        "enterprise.contact.mobile",
        {},
        {"others": (other(1, "mobile"), other(2, "mobile", uscc="91330200MA2BBBBB0X"))},
        ["号码不显示", "连同本企业共 3 家相同", "苏州第1纺织有限公司", "少于 3 家"],
    ),
    ("G14", "enterprise.uscc", {}, {"register": (ROW, GONE)}, ["2025-03-01 移出", "近 3 年"]),
    (
        "G14",
        "enterprise.uscc",
        {},
        {"false_information": (("FN202503000007", date(2025, 5, 6)),)},
        ["FN202503000007 于 2025-05-06 因虚假信息撤回"],
    ),
]


@pytest.mark.parametrize(
    ("rule_id", "field", "changed", "stored", "told"), CASES, ids=[f"{case[0]}-{at}" for at, case in enumerate(CASES)]
)
def test_a_finding_shows_what_was_filed_what_it_was_compared_with_and_the_limit(
    rule_id: str, field: str, changed: dict[str, object], stored: dict[str, Any], told: list[str]
) -> None:
    text = texts(evidence(rule_id, field, facts(changed, **stored)))
    assert all(one in text for one in told), text


def test_every_rule_of_the_gate_that_holds_has_evidence() -> None:
    holding = {
        rule.rule_id
        for rule in rules().values()
        if rule.severity == "hold" and rule.scope in ("record", "register", "history")
    }
    assert {rule_id for rule_id in holding if not has_evidence(rule_id)} == set()


def test_a_duplicate_is_compared_side_by_side_with_what_is_equal_marked() -> None:
    ours = {"project.name": "印染车间余热回收节能改造项目", "project.project_code": None}
    theirs = {"project.name": "印染车间余热回收节能改造工程", "project.project_code": None}
    found = other(7, "uscc", uscc=USCC, alike=0.93, filed=theirs, standing="withdrawn")
    (told,) = evidence("DQ42", "project.name", facts(ours, others=(found,)))
    (compared,) = told.comparisons
    assert "相似度 0.93" in told.compared and "0.90" in told.limit
    assert [link.key for link in told.links] == [found.need_id]
    assert "此后已撤回" in compared.note
    pairs = {pair.label: pair for pair in compared.pairs}
    name = pairs[field_name("project.name")]
    assert [(piece.text, piece.equal) for piece in name.ours] == [("印染车间余热回收节能改造", True), ("项目", False)]
    assert [(piece.text, piece.equal) for piece in name.theirs] == [("印染车间余热回收节能改造", True), ("工程", False)]
    assert pairs[field_name("project.content")].equal and not name.equal


def test_two_different_codes_are_two_projects_however_alike_their_names() -> None:
    found = other(7, "uscc", uscc=USCC, alike=1.0, filed={"project.project_code": "2401-330100-04-01-100001"})
    (told,) = evidence("DQ42", "project.name", facts({}, others=(found,)))
    assert not told.links and not told.comparisons


def test_a_need_out_of_the_window_does_not_count_among_equal_ones() -> None:
    near, far = other(1, "content"), other(2, "content", uscc="91330200MA2BBBBB0X", quarter="2025Q2")
    (told,) = evidence("G13", "project.content", facts({}, others=(near, far)))
    assert [link.key for link in told.links] == [near.need_id]


def test_a_sole_proprietor_is_named_on_neither_side() -> None:
    person = "92330100MA2TE5T07X"
    found = other(
        1, "project_code", uscc=person, filed={"enterprise.name": "林晓机械加工厂", "enterprise.uscc": person}
    )
    (told,) = evidence("G01", "project.project_code", facts({}, others=(found,)))
    assert "林晓" not in repr(told)


def test_a_rule_about_a_case_has_no_evidence_in_what_was_filed() -> None:
    assert evidence("G18", "(case amounts)", facts({})) == ()

"""Breaches, amounts, places and days in words."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from include.domain.ladder import ladder
from include.reference import case_limits, policy, reason_codes
from include.words.amounts import amount
from include.words.moments import day_label
from include.words.names import region_name
from include.words.stalls import asked, rung_label, why
from tests.support.breaches import breach

LIMITS = [f"{limit.from_type}-{limit.to_type}" for limit in case_limits()]


@pytest.mark.parametrize(
    ("wan", "shown"),
    [
        ("0", "0 万元"),
        ("1250.50", "1,250.5 万元"),
        ("1000.00", "1,000 万元"),
        ("9999.99", "9,999.99 万元"),
        ("10000.00", "1.00 亿元"),
        ("123450.00", "12.35 亿元"),
        ("98765432.10", "9,876.54 亿元"),
    ],
)
def test_amounts_are_shown_in_the_unit_that_fits(wan: str, shown: str) -> None:
    assert amount(Decimal(wan)) == shown


@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_of_the_case_path_has_words(limit: str) -> None:
    assert why(breach("S01", limit))


@pytest.mark.parametrize("code", [*reason_codes(), None, "R42"])
def test_every_reason_of_an_obstruction_has_words_and_unknown_ones_count_as_other(code: str | None) -> None:
    assert why(breach("OBSTRUCTION"), code).startswith("机构报告融资梗阻：")
    assert "参考处置" in asked(code)
    assert not re.search("必须|应当|务必|尽快办理|确保", asked(code))
    if code in (None, "R42"):
        assert why(breach("OBSTRUCTION"), code).endswith("其他")


def test_no_owner_is_named_as_leading_where_the_matter_is_the_enterprise_s() -> None:
    assert "牵头" not in asked("R02")
    assert "人民银行牵头" in asked("R13")


def test_the_rungs_have_names() -> None:
    assert [rung_label(rung) for rung in ladder(policy(), is_major=True)] == [
        "市级（人民银行）",
        "省级（人民银行）",
        "省级（工信部门和人民银行）",
        "国家级（工信部门和人民银行）",
    ]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("000000", "全国"),
        ("330000", "浙江"),
        ("660000", "兵团"),
        ("440300", "深圳"),
        ("330100", "杭州市"),
        ("440305", "南山区"),
        ("990000", "990000"),
    ],
)
def test_a_region_is_shown_by_name(code: str, name: str) -> None:
    assert region_name(code) == name


def test_a_date_shows_its_year_and_whether_it_may_move() -> None:
    assert day_label(date(2026, 10, 9)) == "2026年10月9日（周五）"
    assert day_label(date(2027, 1, 4), True) == "2027年1月4日（周一，暂定）"

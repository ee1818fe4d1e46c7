"""Needs to compare two judgements on: worlds that agree with themselves, spoilt field by field near what rules look at."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.gate.engine.handbook.need import BENEFITS, CHOICES, COLLATERAL, METHODS, STATUSES
from tests.support.clean_need import MISSING, clean_need, put

HOSTILE = (
    *(
        "<script>alert(1)</script>节能改造",
        "'; drop table need; --",
        '=HYPERLINK("http://x")',
        "+86",
        "@SUM(A1)",
        "${7*7}",
    ),
    *("\u200b", "\u3000", "\x00", "\ufeff\u200d", "\ud800", "无" * 10_000, "x" * 10_000, "\u202e余热锅炉", "ﬀ" * 3),
)
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -7,
        10**20,
        Decimal("0.5"),
        Decimal("1.0"),
        Decimal("1E+30"),
        "",
        " ",
        "\t\n",
        "字",
        "0",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [{}],
        ["x", 1],
        {"": None},
        {"a": {"b": [1]}},
        {"name": "x"},
        [{"method": "loan"}],
        MISSING,
    ),
    *HOSTILE,
)
AMOUNTS = (
    *("0", "0.00", "0.01", "99.99", "100", "100.00", "250", "999.99", "1000", "2000", "2300", "2300.01", "2299.99"),
    *("2500", "2500.00", "2500.01", "4500", "4749.99", "4750", "5000", "5000.01", "9999.99", "10000", "25000000"),
    *("5000000", "5000000.01", "9999999.99", "10000000", "10000000.00", "12345678901", "0.25", "50000000.00", "1500"),
    *(
        "5,000",
        "５０００",
        "5000元",
        "0.5亿元",
        "5e3",
        "-1",
        "+1",
        "1.",
        ".5",
        " 5000",
        "5000\n",
        "1.234",
        "٥",
        "1_000",
    ),
    *(5000, 2500, 0, Decimal("2500.00"), True),
)
QUANTITIES = (
    *(
        "0",
        "0.0000",
        "0.0001",
        "1",
        "249.9999",
        "250",
        "1500",
        "1500.25",
        "1500.2499",
        "2000",
        "3000",
        "3000.5",
        "4500",
    ),
    *("6000", "7800", "12000", "12000.0001", "13502.25", "13502.2501", "18003", "18003.0001", "20000", "20000.0001"),
    *("75000", "75000.0001", "150000", "150000.0001", "999999999999.9999", "1234567890123", "1.00001", "１", "-0", 7),
)
CODES = (
    *("330100", "330106", "330113", "330103", "330000", "330200", "330203", "338800", "338801", "660000", "650000"),
    *("650100", "659001", "652301", "660100", "440000", "441900", "441901", "440300", "440305", "210200", "210211"),
    *("370200", "110000", "110100", "110101", "429001", "469001", "620200", "000000", "810000", "710000", "100000"),
    *("３３０１００", "330100\n", "33010", "3301000", "33010a", 330100),
)
CREDIT_CODES = (
    *("91330100MA2TE5T013", "91330100MA2TE5T014", "91330100MA2TE5T026", " 9133 0100-ｍａ2TE5T013\u200b"),
    *("91330100ma2te5t013", "９１330100MA2TE5T013", "9133\u20110100\u2212MA2TE5T013", "91330100MA2TE5T01", "0" * 18),
    *("91330100MA2TE5TO13", "N1330100MA2TE5T013", "92330100MA2TE5T013\n"),
)
DAYS = (
    *("2026-09-28", "2026-09-27", "2026-09-10", "2026-09-09", "2026-12-01", "2026-12-15", "2027-12-31", "2028-01-01"),
    *("2028-02-29", "2026-02-29", "2036-12-01", "2036-12-02", "2038-02-28", "2038-03-01", "2028-06-30", "2000-01-01"),
    *("1999-12-31", "2100-12-31", "2101-01-01", "20261001", "2026-W40-4", "2026-10-01\n", "2026-1-01", "２026-10-01"),
    *("2026-274", "2026/10/01", "0000-01-01", 20261001),
)
MOMENTS = (
    *("2026-09-10T09:30:00+08:00", "2026-09-10T01:30:00Z", "2026-09-10T01:29:59.999z", "2026-09-09T16:00:00Z"),
    *("2026-09-28T15:00:00+08:00", "2026-06-30T15:59:59.999Z", "2026-06-30T16:00:00Z", "2026-09-30T15:59:59Z"),
    *("2026-09-30T18:05:00+08:00", "2026-09-30T18:05:00.000001+08:00", "2026-09-30T18:05:01+08:00", "2026-09-28"),
    *("2026-09-28T15:00:00", "2026-09-28 15:00:00+08:00", "2026-09-28T15:00:00+0800", "2026-02-30T00:00:00Z"),
    *("2026-09-28T24:00:00Z", "2026-09-28T15:00:00+24:00", "2026-09-28T15:00:00Z\n", "2026-W40-1T00:00:00Z"),
    *("2023-09-28T23:59:59.999+08:00", "2023-09-29T00:00:00+08:00", "2018-12-29T12:00:00+08:00", 1790000000),
)
NUMBERS = (0, -1, 1, 15, 150, 60, 11, 12, 120, 121, Decimal("15.01"), Decimal("150.1"), Decimal("60.0"), "12", True)
WRITINGS = (
    *(
        "无",
        "（测 试 数 据）",
        "TEST",
        "／",
        "。" * 25,
        "锅锅锅锅锅锅",
        "同上",
        "ａ" * 6,
        "青禾",
        "青禾厂",
        "余热锅炉线",
    ),
    *(
        "用于项目建设",
        "主要用于购置设备",
        "用于主要用于技改",
        "用于用于技改",
        "购置余热锅炉",
        "补充流动资金和购置余热锅炉",
    ),
    *(
        "转\u200b口贸易结算设备",
        "偿\n还银行借款",
        "低碳零碳改造项目",
        "节\u200b能改造一期项目",
        "某某厂脱 碳项目",
        "建设" * 1000,
    ),
    *(
        "建设" * 1000 + "。",
        "建" * 10 + "设" * 9,
        "青" + "禾" * 99,
        "青" + "禾" * 100,
        "锅炉" * 250,
        "锅炉" * 250 + "房",
    ),
)
CATALOGUE_CODES = (
    *(
        "1.1.17",
        "1.1.1",
        "1.1.99",
        "1.99.1",
        "5.1.1",
        "8.1.1",
        "9.1.1",
        "2.1.1",
        "１.1.17\n",
        "1.1",
        "1.1.017",
        "10.1.1",
    ),
    *("1。1。17", "1.1.17.1", "0.1.1", "1．1．17", 1, Decimal("1.1")),
)
PROJECT_CODES = (
    *("2106-330100-04-02-123456", "21063301000402123456", "2106—000100—04—02—123456", "2113-330100-04-02-123456"),
    *(
        "2100-330100-04-02-123456",
        "2106-660100-04-02-123456",
        "2106-330100-04-02-12345",
        "２106-330100-04-02-123456",
        "x",
    ),
)
MOBILES = ("13800000000", "+86 138 0000 0000", "0086-13800000000", "8613800000000", "12800000000", "0571-88888888",
           "１３８００００００００", "+8612800000000", "138000000000", 13800000000)  # fmt: skip
EMAILS = ("linxiao@example.cn", "ｌinxiao@example.cn", "linxiao@example", "a@b.c", "a b@c.cn", "a@-b.cn", "a@b-.cn",
          "a@b..cn", "甲@b.cn", "a@b.cn\n", "l" * 64 + "@b.cn", "l" * 65 + "@b.cn", "a@" + "b" * 64 + ".cn", "a'b@c.cn")  # fmt: skip
INDUSTRIES = (
    "2614",
    "1300",
    "1299",
    "4399",
    "4400",
    "6450",
    "6550",
    "0011",
    "0100",
    "9799",
    "9800",
    "C2614",
    "261",
    "２614",
)


def _words(*texts: str) -> tuple[str, ...]:
    return tuple(" ".join(texts).split(" "))


NEAR: dict[str, tuple[Any, ...]] = {
    "need_id": ("FN20260300001", "FN202603000001\n", "FN２02603000001", "fn202603000001"),
    "revision": (0, 2, True, "1", Decimal("1.0"), 10**40, -1),
    "form_version": ("2025.1", "2025.1 ", "2024.1", 2025),
    "quarter": ("2026Q2", "2026Q4", "2025Q3", "2023Q3", "2018Q4", "2026Q5", "1999Q4", "2026q3", "2026Q3\n"),
    "is_major": (True, True, False, 1, "true"),
    "department_code": CODES,
    "submitted_at": MOMENTS,
    "updated_at": MOMENTS,
    "review.recommended_at": MOMENTS,
    "review.compliance_ok": (False, 1, "true"),
    "review.need_verified": (False, None),
    "review.recommended_by": ("", " ", 5),
    "enterprise.name": WRITINGS,
    "enterprise.uscc": CREDIT_CODES,
    "enterprise.factory_batch": ("第一批", "", 2023),
    "enterprise.province_code": CODES,
    "enterprise.city_code": CODES,
    "enterprise.industry_code": INDUSTRIES,
    "enterprise.revenue_last_year": AMOUNTS,
    "enterprise.total_assets": AMOUNTS,
    "enterprise.debt_ratio": NUMBERS,
    "enterprise.contact.name": ("林", "林" * 50, "林" * 51, " 林 ", "\u200b林晓"),
    "enterprise.contact.mobile": MOBILES,
    "enterprise.contact.email": EMAILS,
    "project.name": WRITINGS,
    "project.content": WRITINGS,
    "project.basis_document": WRITINGS,
    "project.project_code": PROJECT_CODES,
    "project.catalogue_code": CATALOGUE_CODES,
    "project.site_county_code": CODES,
    "project.start_date": DAYS,
    "project.end_date": DAYS,
    "finance.needed_by": DAYS,
    "finance.use_of_funds": WRITINGS,
    "finance.term_months": NUMBERS,
    "finance.expected_rate_max": NUMBERS,
    "finance.collateral": (["mortgage", "house", None, 5], "credit", [], {}),
    "finance.intended_institutions": (["ICBC"] * 2, ["ICBC", "CCB", "ABC", "CDB"], ["icbc"], [" "], [None], {}, "ICBC"),
    "finance.methods": ([], {}, [None], ["loan"], [{}], [{"method": "equity", "amount": "2500"}]),
    "finance.existing_financing": ([], {}, [None], ["x"], [{}]),
    "finance.methods[0]": (None, "loan", {}, {"method": "leasing"}),
    "finance.existing_financing[0]": (None, [], {"amount": "1", "status": "drawn"}),
    "finance.existing_financing[0].institution_code": ("", 5, "任何银行"),
}
NEAR |= {path: (*_words(values), "", " ", values[:4].upper()) for path, values in CHOICES.items()}
NEAR |= {f"finance.methods[{at}].method": (*_words(METHODS), "bond") for at in (0, 1)}
NEAR |= {"finance.collateral[0]": (*_words(COLLATERAL), "house")}
NEAR |= {"finance.existing_financing[0].status": (*_words(STATUSES), "drawn ")}
NEAR |= {path: QUANTITIES for path in BENEFITS}
NEAR |= dict.fromkeys(
    (
        *(f"finance.{name}" for name in ("total_investment", "invested_amount", "own_capital", "subsidy_amount")),
        *("finance.financing_need", "finance.methods[0].amount", "finance.methods[1].amount"),
        "finance.existing_financing[0].amount",
    ),
    AMOUNTS,
)
PARENTS = ("enterprise", "enterprise.contact", "project", "project.permits", "finance", "benefit", "review")
NEAR_PATHS = (*NEAR,)
PATHS = (*NEAR, *PARENTS)

ZERO_CARBON = {"project.category": "zero_carbon_factory", "project.sub_direction": None}
WORLDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"is_major": True, "project.construction_status": "under_construction"},
    ZERO_CARBON,
    {"project.category": "rd_industrialisation", "project.sub_direction": None, "benefit.carbon_reduction_tco2": None},
    {"project.sub_direction": "digital_green", "benefit.carbon_reduction_tco2": "4500.75"},
    {"project.sub_direction": "water_pollution", "benefit.energy_saving_tce": None, "benefit.baseline_energy_tce": None,
     "benefit.water_saving_m3": "1000", "project.basis_type": "policy_plan",
     "project.basis_document": "工业领域碳达峰实施方案"},
    {"project.sub_direction": "resource_recycling", "project.name": "低碳循环利用一期项目", "benefit.energy_saving_tce": None,
     "benefit.carbon_reduction_tco2": "0", "benefit.solid_waste_used_t": "5000"},
    {"department_code": "660000", "enterprise.province_code": "660000", "enterprise.city_code": "659001",
     "project.site_county_code": "659001"},
    {"department_code": "330200", "enterprise.city_code": "330203", "project.site_county_code": "330203"},
    {"project.construction_status": "completed", "finance.invested_amount": "4750", "finance.financing_need": "250",
     "finance.methods": [{"method": "equity", "amount": "250"}]},
    {"finance.total_investment": "2500", "finance.financing_need": "1500", "finance.own_capital": "500",
     "finance.subsidy_amount": "0", "finance.existing_financing": [{"institution_code": "X", "amount": "50",
     "status": "drawn"}], "finance.methods": [{"method": "loan", "amount": "1500.00"}]},
)  # fmt: skip


def _fresh(value: Any) -> Any:
    return value if value is MISSING else copy.deepcopy(value)


@dataclass(frozen=True)
class SpoiltNeed:
    """A world and what was put into it, so that a disagreement can be told by its cause alone."""

    world: Mapping[str, Any]
    spoils: Mapping[str, Any]

    def item(self) -> dict[str, Any]:
        need = clean_need(copy.deepcopy(dict(self.world)))
        for path in sorted(self.spoils, key=lambda path: (-path.count(".") - path.count("["), path)):  # children first
            try:
                put(need, path, _fresh(self.spoils[path]))
            except (KeyError, IndexError, TypeError):
                continue  # an element that this world does not have
        return need

    def smaller(self) -> Iterator[SpoiltNeed]:
        """The same need with one of its spoils undone."""
        for path in self.spoils:
            yield SpoiltNeed(self.world, {name: value for name, value in self.spoils.items() if name != path})


def spoilt_need(chance: random.Random) -> SpoiltNeed:
    """A need from one of the worlds, up to six fields spoilt: mostly near a boundary, else with anything at all."""
    spoils: dict[str, Any] = {}
    for _ in range(chance.choice((1, 1, 2, 3, 4, 6))):
        if chance.random() < 0.85:
            path = chance.choice(NEAR_PATHS)
            spoils[path] = chance.choice(NEAR[path])
        else:
            spoils[chance.choice(PATHS)] = chance.choice(ODD)
    return SpoiltNeed(chance.choice(WORLDS), spoils)

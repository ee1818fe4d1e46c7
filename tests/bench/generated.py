"""Needs for measuring: each one distinct in names, texts, codes, amounts and days; one in a hundred is spoilt.

Seeded, so that each run measures the same needs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from include.domain.identifiers import make_uscc
from include.register.in_use import RegisterRow
from tests.support.clean_need import put

CHECKED_AT = datetime(2026, 9, 30, 18, tzinfo=ZoneInfo("Asia/Shanghai"))

# department, province, city, county: real codes of GB/T 2260
_PLACES = (
    ("330000", "330000", "330100", "330106"),
    ("320000", "320000", "320500", "320505"),
    ("370000", "370000", "370100", "370102"),
    ("440000", "440000", "440100", "440106"),
    ("510000", "510000", "510100", "510104"),
    ("420000", "420000", "420100", "420102"),
    ("110000", "110000", "110100", "110105"),
    ("310000", "310000", "310100", "310115"),
)
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英青禾林晓宁远航"
_WORDS = "青禾泰恒瑞盛兴隆华宇宏远金鼎博源创联中达天润海川嘉诚信德永昌东升"
_TRADES = ("新材料", "化工", "纺织", "钢铁", "水泥", "机械", "电子", "造纸", "陶瓷", "食品")
_EQUIPMENT = ("余热锅炉", "永磁电机", "高效空压机", "蓄热式燃烧器", "热泵机组", "磁悬浮风机", "变频水泵", "汽轮机")
_PROCESSES = ("窑炉", "退火炉", "干燥线", "电镀线", "烧结机", "循环水系统", "蒸汽管网", "配电系统")
_INDUSTRIES = ("2614", "1713", "3110", "3011", "3411", "3971", "2211", "3071")

_SPOILT: tuple[tuple[str, Any], ...] = (
    ("enterprise.uscc", "91330100MA2TE5T014"),
    ("project.content", "同上"),
    ("finance.total_investment", "1,000"),
    ("project.end_date", "2026-02-30"),
    ("finance.methods[0].amount", "1"),
    ("enterprise.contact.mobile", "12345"),
    ("project.category", "其他"),
    ("benefit.energy_saving_tce", None),
    ("enterprise.industry_code", "5110"),
    ("review.compliance_ok", False),
)


def needs(count: int, seed: int = 3) -> Iterator[dict[str, Any]]:
    """`count` recommended needs of 2026Q3, about 1.8 KB of JSON each."""
    chance = random.Random(seed)
    for number in range(count):
        need = _need(number, chance)
        if number % 100 == 99:
            put(need, *_SPOILT[number // 100 % len(_SPOILT)])
        yield need


def register_row(need: dict[str, Any]) -> RegisterRow:
    """The row of a need's factory."""
    enterprise = need["enterprise"]
    return RegisterRow(
        uscc=enterprise["uscc"],
        name=enterprise["name"],
        aliases=(),
        level="national",
        batch=enterprise["factory_batch"],
        department_code=need["department_code"],
        listed_on=date(2024, 3, 1),
        removed_on=None,
    )


def _need(number: int, chance: random.Random) -> dict[str, Any]:
    department, province, city, county = _PLACES[number % len(_PLACES)]
    total = chance.randint(100_000, 9_000_000)  # in 分 of 万元
    own, invested = total * 40 // 100, total * 10 // 100
    subsidy = total * 2 // 100
    need = total - own - subsidy - total * 4 // 100
    loan = need * 80 // 100
    carbon = total * chance.randint(90, 160) // 100
    words = _words(chance)
    submitted = datetime(2026, 7, 1, 9) + timedelta(seconds=chance.randrange(86 * 86_400))
    start = date(2026, 11, 1) + timedelta(days=chance.randrange(60))
    end = start + timedelta(days=chance.randint(300, 900))
    equipment, process = chance.choice(_EQUIPMENT), chance.choice(_PROCESSES)
    needed_by = start + timedelta(days=chance.randrange(200))
    return {
        "need_id": f"FN{202603:06d}{number:06d}",
        "revision": 1,
        "form_version": "2025.1",
        "quarter": "2026Q3",
        "status": "recommended",
        "is_major": False,
        "submitted_at": f"{submitted.isoformat()}+08:00",
        "updated_at": f"{(submitted + timedelta(hours=chance.randint(1, 40))).isoformat()}+08:00",
        "department_code": department,
        "enterprise": {
            "name": f"{words}{number}号{chance.choice(_TRADES)}有限公司",
            "uscc": make_uscc(f"91{city}", f"MA{number:06d}"),
            "factory_level": "national",
            "factory_batch": f"{chance.randint(2017, 2025)}年度",
            "province_code": province,
            "city_code": city,
            "industry_code": chance.choice(_INDUSTRIES),
            "size": chance.choice(("large", "medium", "small")),
            "revenue_last_year": _amount(chance.randint(10**6, 10**9)),
            "total_assets": _amount(chance.randint(10**6, 10**9)),
            "debt_ratio": chance.randint(20, 59),
            "contact": {
                "name": chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=2)),
                "mobile": f"13{number:09d}",
                "email": f"contact{number}@example.cn",
            },
        },
        "project": {
            "name": f"{words}{process}配套{equipment}升级改造项目（{number}期）",
            "project_code": f"2106-{city}-{chance.randint(0, 99):02d}-{chance.randint(0, 99):02d}-{number % 10**6:06d}",
            "category": "technical_retrofit",
            "sub_direction": "energy_carbon",
            "basis_type": "catalogue_2025",
            "catalogue_code": "1.1.17",
            "basis_document": None,
            "content": _content(number, equipment, process, chance),
            "site_county_code": county,
            "construction_status": "planned",
            "start_date": start.isoformat(),
            "end_date": end.isoformat(),
            "permits": {
                "filing": "done",
                "land": chance.choice(("done", "not_needed")),
                "environment": chance.choice(("done", "in_progress")),
                "energy_review": "done",
                "safety": "not_needed",
            },
        },
        "finance": {
            "total_investment": _amount(total),
            "invested_amount": _amount(invested),
            "own_capital": _amount(own),
            "subsidy_amount": _amount(subsidy),
            "financing_need": _amount(need),
            "methods": [
                {"method": "loan", "amount": _amount(loan)},
                {"method": "leasing", "amount": _amount(need - loan)},
            ],
            "term_months": chance.randint(12, 110),
            "needed_by": needed_by.isoformat(),
            "use_of_funds": f"购置{equipment}{chance.randint(1, 9)}台并改造{words}{process}（{number}）",
            "expected_rate_max": chance.randint(2, 5),
            "collateral": ["mortgage", "credit"],
            "intended_institutions": ["ICBC", "CCB"],
            "existing_financing": [
                {"institution_code": "XYZ001", "amount": _amount(total * 3 // 100), "status": "approved"}
            ],
        },
        "benefit": {
            "basis": "feasibility_study",
            "energy_saving_tce": _amount(carbon * 10 // 26),
            "carbon_reduction_tco2": _amount(carbon),
            "baseline_energy_tce": _amount(carbon * 3),
            "water_saving_m3": None,
            "solid_waste_used_t": None,
            "pollutant_cut_t": None,
        },
        "review": {
            "compliance_ok": True,
            "need_verified": True,
            "opinion": "同意推荐",
            "recommended_at": f"2026-09-{chance.randint(28, 29)}T{chance.randint(9, 17):02d}:{chance.randint(0, 59):02d}:00+08:00",
            "recommended_by": "节能处",
        },
        "attachments": [],
    }


def _words(chance: random.Random) -> str:
    return "".join(chance.choices(_WORDS, k=4))


def _amount(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _content(number: int, equipment: str, process: str, chance: random.Random) -> str:
    lines = chance.randint(2, 6)
    pick: Callable[[tuple[str, ...]], str] = chance.choice
    return (
        f"对第{number}号厂区{lines}条{process}的烟气余热进行回收，新建{equipment}{chance.randint(1, 9)}台、"
        f"配套{pick(_EQUIPMENT)}{chance.randint(1, 9)}套，改造{pick(_PROCESSES)}及{pick(_PROCESSES)}，"
        f"预计年运行{chance.randint(5000, 8000)}小时，建成后单位产品综合能耗下降{chance.randint(5, 30)}.{chance.randint(0, 9)}%；"
        f"同步建设能源计量与监测系统，由{_words(chance)}工程公司负责设计，{_words(chance)}建设公司负责施工。"
    )

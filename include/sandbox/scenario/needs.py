"""Clean financing needs: each breaks none of the record rules nor the register rules of the handbook's section 5.

Figures follow section 13: log-normal amounts, need / total 0.42 to 0.72, reductions around the loan benchmarks.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from include.base.business_time import SHANGHAI
from include.domain.identifiers import XPCC
from include.domain.quarter import Quarter
from include.reference import form, institutions
from include.reference.calendar import china_calendar
from include.sandbox.scenario.names import contact
from include.sandbox.scenario.register import Factory
from include.sandbox.scenario.texts import describe

_SUB_DIRECTIONS = {
    "energy_carbon": 34,
    "water_pollution": 11,
    "resource_recycling": 11,
    "clean_substitution": 9,
    "environmental_equipment": 9,
    "digital_green": 8,
    "industrial_microgrid": 9,
    "energy_carbon_centre": 6,
    "green_data_centre": 3,
}
_CATEGORIES = {"technical_retrofit": 64, "rd_industrialisation": 23, "zero_carbon_factory": 13}
_CATALOGUE = {
    "energy_carbon": ("1.4.2",),
    "resource_recycling": ("3.2.3",),
    "digital_green": ("1.4.2",),
    "energy_carbon_centre": ("1.4.2",),
    "rd_energy": ("1.1.1", "1.1.17"),
    "rd_industrialisation": ("1.1.17",),
    "zero_carbon_factory": ("1.4.2",),
    "clean_substitution": ("1.4.2",),
}
"""Entries of the catalogue that fit, by direction; where carbon is claimed their mark is not none (G19)."""
_POLICIES = (
    "工业领域碳达峰实施方案（2022年）重点任务第{n}项",
    "工业能效提升行动计划（2022年）重点任务第{n}项",
    "制造业绿色低碳发展指导意见（2024年）第{n}条",
    "工业废水循环利用实施方案（2021年）第{n}项",
)
_TECHNOLOGIES = (
    "国家工业节能降碳技术装备推荐目录（2025年）第{n}项",
    "国家鼓励的工业节水工艺、技术和装备目录（2023年）第{n}项",
    "国家工业资源综合利用先进适用工艺技术设备目录（2023年）第{n}项",
)
_BANK_WEIGHTS = {
    "ICBC": 10,
    "ABC": 9,
    "BOC": 8,
    "CCB": 10,
    "BOCOM": 6,
    "PSBC": 6,
    "CDB": 4,
    "EXIM": 2,
    "ADBC": 2,
    "CITIC": 4,
    "CEB": 3,
    "HXB": 2,
    "CMBC": 3,
    "CGB": 2,
    "PAB": 2,
    "CMB": 5,
    "CIB": 6,
    "SPDB": 4,
    "HFB": 1,
    "CZB": 2,
    "CBHB": 1,
    "BOB": 2,
    "BOSC": 2,
    "JSBC": 3,
    "NJCB": 2,
    "NBCB": 2,
}
PERMITS = tuple(path.removeprefix("project.permits.") for path in form.PERMITS)
BENEFITS = tuple(path.removeprefix("benefit.") for path in form.fields_of_kind("decimal"))
ENERGY_RATIO_DIRECTIONS = ("energy_carbon", "energy_carbon_centre", "green_data_centre", "digital_green")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The properties that a need must have for a certain defect; None: by chance."""

    category: str | None = None
    sub_direction: str | None = None
    basis_type: str | None = None
    construction_status: str | None = None
    energy: bool | None = None
    method: str | None = None
    is_major: bool | None = None
    existing: bool = False


ANY_SHAPE = Shape()


@dataclass(frozen=True, slots=True)
class Period:
    """When a department's needs of a quarter may be recommended: from the first day until it reports.

    `recommended_at`: exactly then, whatever else.
    """

    quarter: Quarter
    reports_at: datetime
    recommended_at: datetime | None = None


def money(amount: Decimal) -> str:
    """An amount in 万元 as the contract writes it."""
    return f"{amount:.2f}"


def cents(value: float | Decimal) -> Decimal:
    """`value` with two decimals."""
    return Decimal(value).quantize(Decimal("0.01"))


def clean_need(chance: random.Random, factory: Factory, number: int, period: Period, shape: Shape) -> dict[str, Any]:
    """A need of `factory` in status recommended, with the properties of `shape`. `number` makes id, contact and project
    code unique."""
    shape = _settled(chance, shape)
    total = _total(chance, shape)
    submitted, recommended = _moments(chance, period, is_major=bool(shape.is_major))
    updated = recommended + timedelta(seconds=chance.randint(1, 40))
    direction = _direction(shape)
    text = describe(chance, direction, factory.industry_code[:2], factory.own_name, factory.place.county_name)
    need: dict[str, Any] = {
        "need_id": f"FN{period.quarter.year}{period.quarter.number:02d}{number:06d}",
        "revision": 1,
        "form_version": "2025.1",
        "quarter": str(period.quarter),
        "status": "recommended",
        "is_major": bool(shape.is_major),
        "submitted_at": submitted.isoformat(timespec="seconds"),
        "updated_at": updated.isoformat(timespec="seconds"),
        "department_code": factory.row["department_code"],
        "enterprise": _enterprise(chance, factory, number, total),
        "project": {
            "name": text.name,
            **_project(chance, factory, number, recommended, shape, direction),
            "content": text.content,
            "site_county_code": factory.place.county_code,
            **_schedule(chance, recommended.date(), shape),
        },
        "finance": _finance(chance, total, shape) | {"use_of_funds": text.use_of_funds},
        "benefit": _benefit(chance, total, shape, direction),
        "review": {
            "compliance_ok": True,
            "need_verified": True,
            "opinion": "经审核，项目符合支持方向，融资需求真实，同意推荐。",
            "recommended_at": recommended.isoformat(timespec="seconds"),
            "recommended_by": "节能与综合利用处审核岗",
        },
        "attachments": [
            {
                "kind": chance.choice(("feasibility_study", "filing_certificate", "third_party_report")),
                "sha256": f"{chance.getrandbits(256):064x}",
                "size": chance.randint(90_000, 9_000_000),
            }
        ],
    }
    days = min((date.fromisoformat(need["project"]["end_date"]) - recommended.date()).days, 240)
    need["finance"]["needed_by"] = str(recommended.date() + timedelta(days=chance.randint(1, days)))
    return need


def set_energy(benefit: dict[str, Any], carbon: Decimal, ratio: Decimal, share: Decimal) -> None:
    """Carbon in tCO2 a year, saving = carbon / ratio, baseline = saving / share, both rounded to two decimals."""
    saving = cents(carbon / ratio)
    benefit |= {
        "carbon_reduction_tco2": money(carbon),
        "energy_saving_tce": money(saving),
        "baseline_energy_tce": money(cents(saving / share)),
    }


def _settled(chance: random.Random, shape: Shape) -> Shape:
    category = shape.category or ("technical_retrofit" if shape.sub_direction else _pick(chance, _CATEGORIES))
    sub_direction = shape.sub_direction
    if category == "technical_retrofit" and sub_direction is None:
        candidates = _SUB_DIRECTIONS
        if shape.energy is True:
            candidates = {name: weight for name, weight in candidates.items() if name in ENERGY_RATIO_DIRECTIONS}
        elif shape.energy is False:
            candidates = {"water_pollution": 1, "resource_recycling": 1, "environmental_equipment": 1}
        sub_direction = _pick(chance, candidates)
    energy = shape.energy
    if energy is None:
        energy = {
            "technical_retrofit": sub_direction
            not in ("water_pollution", "resource_recycling", "environmental_equipment"),
            "zero_carbon_factory": True,
        }.get(category, chance.random() < 0.5)
    is_major = chance.random() < 0.04 if shape.is_major is None else shape.is_major
    return replace(
        shape,
        category=category,
        sub_direction=sub_direction,
        energy=energy,
        is_major=is_major,
        construction_status=shape.construction_status or chance.choice(("planned", "planned", "under_construction")),
        method=shape.method
        or _pick(chance, {"loan": 80, "leasing": 8, "green_bond": 5, "transition_bond": 3, "equity": 4}),
    )


def _direction(shape: Shape) -> str:
    if shape.category == "technical_retrofit":
        return str(shape.sub_direction)
    if shape.category == "rd_industrialisation":
        return "rd_energy" if shape.energy else "rd_industrialisation"
    return "zero_carbon_factory"


def _total(chance: random.Random, shape: Shape) -> Decimal:
    low = 12_000.0 if shape.is_major else 300.0
    amount = min(max(chance.lognormvariate(math.log(5200), 1.15), low), 320_000.0)
    return cents(round(amount, -1) if chance.random() < 0.6 else amount)


def _moments(chance: random.Random, period: Period, *, is_major: bool) -> tuple[datetime, datetime]:
    """(submitted, recommended): recommended in office hours of the quarter before the department reports."""
    first = china_calendar().roll_forward(period.quarter.first_day).day
    last = china_calendar().add_working_days(period.reports_at.date(), -1).day
    days = (last - first).days
    late = chance.random() if is_major else chance.random() ** 0.4
    day = min(china_calendar().roll_forward(first + timedelta(days=int(days * late))).day, last)
    recommended = datetime.combine(
        day, time(chance.randint(9, 16), chance.randint(0, 59), chance.randint(0, 59)), SHANGHAI
    )
    recommended = period.recommended_at or recommended
    return recommended - timedelta(days=chance.randint(1, 24), minutes=chance.randint(0, 50)), recommended


def _enterprise(chance: random.Random, factory: Factory, number: int, total: Decimal) -> dict[str, Any]:
    department = factory.row["department_code"]
    revenue = cents(total * Decimal(chance.randint(120, 1500)) / 100)
    return {
        "name": factory.row["name"],
        "uscc": factory.row["uscc"],
        "factory_level": factory.row["level"],
        "factory_batch": factory.row["batch"],
        "province_code": XPCC if department == XPCC else f"{department[:2]}0000",
        "city_code": factory.place.city_code,
        "industry_code": factory.industry_code,
        "size": "large" if revenue > 40_000 else "medium" if revenue > 2_000 else "small",
        "revenue_last_year": money(revenue),
        "total_assets": money(cents(revenue * Decimal(chance.randint(60, 180)) / 100)),
        "debt_ratio": round(chance.uniform(24, 59), 1),
        "contact": contact(chance, number),
    }


def _project(
    chance: random.Random, factory: Factory, number: int, recommended: datetime, shape: Shape, direction: str
) -> dict[str, Any]:
    basis = shape.basis_type
    if basis == "catalogue_2025" or (basis is None and direction in _CATALOGUE and chance.random() < 0.6):
        basis, code, document = "catalogue_2025", chance.choice(_CATALOGUE.get(direction, ("1.4.2",))), None
    else:
        basis = basis or chance.choice(("policy_plan", "technology_catalogue"))
        code = None
        templates = _POLICIES if basis == "policy_plan" else _TECHNOLOGIES
        document = chance.choice(templates).format(n=chance.randint(1, 40))
    filed = recommended - timedelta(days=chance.randint(40, 500))
    province = factory.row["department_code"][:2].replace("66", "65")
    return {
        "project_code": f"{filed:%y%m}-{province}{factory.place.county_code[2:]}-04-"
        f"{chance.choice(('01', '02', '05'))}-{number % 100_000 + 100_000:06d}",
        "category": shape.category,
        "sub_direction": shape.sub_direction,
        "basis_type": basis,
        "catalogue_code": code,
        "basis_document": document,
    }


def _schedule(chance: random.Random, recommended: date, shape: Shape) -> dict[str, Any]:
    planned = shape.construction_status == "planned"
    start = recommended + timedelta(days=chance.randint(15, 180) if planned else -chance.randint(20, 260))
    end = max(start, recommended) + timedelta(days=chance.randint(240, 820))
    others = ("done", "done", "in_progress", "not_needed") if planned else ("done", "done", "done", "not_needed")
    permits = {name: chance.choice(others) for name in PERMITS} | {"filing": "done"}
    return {
        "construction_status": shape.construction_status,
        "start_date": str(start),
        "end_date": str(end),
        "permits": permits,
    }


def _finance(chance: random.Random, total: Decimal, shape: Shape) -> dict[str, Any]:
    """Sources of 93 to 100 % of the total: own capital at least 20 %, the need at most the remaining cost."""
    need = cents(total * Decimal(chance.randint(42, 70)) / 100)
    rest = cents(total * Decimal(chance.randint(93, 100)) / 100) - need
    spare = rest - cents(total * Decimal("0.22"))
    subsidy = cents(spare * Decimal(chance.randint(5, 20)) / 100) if spare > 0 and chance.random() < 0.25 else None
    existing = cents(spare * Decimal(chance.randint(20, 60)) / 100) if spare > 0 else Decimal(0)
    has_existing = existing > 1 and (shape.existing or chance.random() < 0.2)
    own = rest - (subsidy or 0) - (existing if has_existing else 0)
    invested = Decimal(0)
    if shape.construction_status == "under_construction":
        invested = min(cents(own * Decimal(chance.randint(10, 90)) / 100), total - need)
    finance: dict[str, Any] = {
        "total_investment": money(total),
        "invested_amount": money(invested),
        "own_capital": money(own),
        "financing_need": money(need),
        "methods": _methods(chance, need, str(shape.method)),
        "term_months": chance.choice((24, 36, 36, 48, 60, 60, 84, 96, 120)),
        "expected_rate_max": round(chance.uniform(2.8, 4.6), 2),
        "collateral": chance.sample(
            ("credit", "mortgage", "pledge", "guarantee", "ip", "receivable"), chance.randint(1, 3)
        ),
        "intended_institutions": intended_institutions(chance),
    }
    if subsidy is not None:
        finance["subsidy_amount"] = money(subsidy)
    if has_existing or shape.existing:
        finance["existing_financing"] = [
            {
                "institution_code": chance.choice(("ICBC", "CCB", "本地农商银行")),
                "amount": money(existing if has_existing else Decimal("10.00")),
                "status": chance.choice(("approved", "drawn")) if has_existing else "applied",
            }
        ]
    return finance


def _methods(chance: random.Random, need: Decimal, first: str) -> list[dict[str, str]]:
    if chance.random() < 0.72 or need < 10:
        return [{"method": first, "amount": money(need)}]
    part = cents(need * Decimal(chance.randint(50, 85)) / 100)
    second = chance.choice([name for name in ("loan", "leasing", "green_bond", "guarantee") if name != first])
    return [{"method": first, "amount": money(part)}, {"method": second, "amount": money(need - part)}]


def intended_institutions(chance: random.Random) -> list[str]:
    """None to three institutions, larger ones more often."""
    wanted = _pick(chance, {"0": 12, "1": 38, "2": 33, "3": 17})
    chosen: list[str] = []
    while len(chosen) < int(wanted):
        code = _pick(chance, _BANK_WEIGHTS)
        if code in institutions() and code not in chosen:
            chosen.append(code)
    return chosen


def _benefit(chance: random.Random, total: Decimal, shape: Shape, direction: str) -> dict[str, Any]:
    benefit: dict[str, Any] = {
        "basis": _pick(chance, {"feasibility_study": 60, "environmental_assessment": 22, "third_party": 18}),
        **dict.fromkeys(BENEFITS),
    }
    if shape.energy:
        per_amount = Decimal(f"{min(max(chance.lognormvariate(math.log(1.6), 0.6), 0.25), 8.0):.4f}")
        ratio = Decimal(chance.randint(190, 310)) / 100
        set_energy(benefit, cents(total * per_amount) + Decimal("0.07"), ratio, Decimal(chance.randint(6, 40)) / 100)
    if direction in ("water_pollution", "environmental_equipment"):
        benefit["water_saving_m3"] = money(cents(total * Decimal(chance.randint(300, 6000)) / 100))
    if direction in ("resource_recycling", "environmental_equipment"):
        benefit["solid_waste_used_t"] = money(cents(total * Decimal(chance.randint(100, 1500)) / 100))
    if direction in ("water_pollution", "environmental_equipment", "clean_substitution"):
        benefit["pollutant_cut_t"] = money(cents(total * Decimal(chance.randint(1, 60)) / 1000) + Decimal("0.35"))
    return benefit


def _pick(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]

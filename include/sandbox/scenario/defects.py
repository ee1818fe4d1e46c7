"""The catalogue of planted defects: each breaks exactly what its key says, and nothing else.

A defect is named after the rule of the handbook's section 5 that it breaks. Its plant changes a clean need of the wanted
`shape` and returns the expected findings.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from include.sandbox.scenario import history_plants as history
from include.sandbox.scenario import plants
from include.sandbox.scenario import register_plants as register
from include.sandbox.scenario.needs import ANY_SHAPE, Shape
from include.sandbox.scenario.plants import FUNDS, Plant, change, remove

FiledBy = Literal["own", "witness", "branch"]
"""Whose need it is: of a factory of its own, of its first witness's, or of another plant of that company."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A way to break a need. `severity` is that of the worst finding; `lone` must not be combined with others.

    `witnesses`: how many clean needs filed before it needs; `correctable`: whether the factory can file it correctly.
    """

    name: str
    severity: str
    plant: Plant
    shape: Shape = ANY_SHAPE
    lone: bool = True
    witnesses: int = 0
    filed_by: FiledBy = "own"
    correctable: bool = True

    @property
    def rule(self) -> str:
        """The rule that it breaks."""
        return self.name.split()[0]


_ENERGY = Shape(category="technical_retrofit", sub_direction="energy_carbon", energy=True, is_major=False)
_NO_ENERGY = Shape(category="technical_retrofit", energy=False)
_RD_PLAIN = Shape(category="rd_industrialisation", energy=False, is_major=False)
_RD_ENERGY = Shape(category="rd_industrialisation", energy=True)
_ZERO = Shape(category="zero_carbon_factory")
_PLANNED = Shape(construction_status="planned")
_RUNNING = Shape(construction_status="under_construction")
_LOAN = Shape(method="loan")
_RETROFIT_LOAN = Shape(category="technical_retrofit", method="loan")
_CATALOGUE = Shape(category="rd_industrialisation", basis_type="catalogue_2025", energy=True)


def _block(name: str, plant: Plant, shape: Shape = ANY_SHAPE, *, lone: bool = True) -> Defect:
    return Defect(name, "block", plant, shape, lone)


BLOCK: tuple[Defect, ...] = (
    _block("DQ02 check digit", plants.wrong_check_digit, lone=False),
    _block("DQ02 inner digit", plants.wrong_inner_digit),
    _block("DQ02 length", change("DQ02", "enterprise.uscc", "9133010MA2TE5T013")),
    _block("DQ03 province", change("DQ03", "enterprise.province_code", "990000")),
    _block("DQ03 city", change("DQ03", "enterprise.city_code", "340000")),
    _block("DQ03 site", change("DQ03", "project.site_county_code", "3301")),
    _block("DQ04 letter", change("DQ04", "enterprise.industry_code", "C311"), lone=False),
    _block("DQ04 division", change("DQ04", "enterprise.industry_code", "0011")),
    _block("DQ04 class", change("DQ04", "enterprise.industry_code", "3098")),
    _block("DQ05 level", change("DQ05", "enterprise.factory_level", "国家级")),
    _block("DQ05 size", change("DQ05", "enterprise.size", "giant"), lone=False),
    _block("DQ05 category", change("DQ05", "project.category", "技改")),
    _block("DQ05 sub-direction", change("DQ05", "project.sub_direction", "energy"), _ENERGY),
    _block("DQ05 basis", change("DQ05", "project.basis_type", "catalogue")),
    _block("DQ05 status", change("DQ05", "project.construction_status", "在建"), _PLANNED),
    _block("DQ05 permit", change("DQ05", "project.permits.land", "yes")),
    _block("DQ05 method", change("DQ05", "finance.methods[0].method", "bank_loan")),
    _block("DQ05 collateral", change("DQ05", "finance.collateral[0]", "house"), lone=False),
    _block("DQ05 existing", change("DQ05", "finance.existing_financing[0].status", 1), Shape(existing=True)),
    _block("DQ05 benefit basis", change("DQ05", "benefit.basis", "estimate")),
    _block("DQ06 comma", change("DQ06", "finance.total_investment", "12,500.00"), _RD_PLAIN),
    _block("DQ06 number", change("DQ06", "finance.financing_need", 1250.5)),
    _block("DQ06 zero", change("DQ06", "finance.financing_need", "0.00")),
    _block("DQ06 sign", change("DQ06", "finance.own_capital", "-1200.00")),
    _block("DQ06 decimals", change("DQ06", "finance.invested_amount", "100.255"), _PLANNED),
    _block("DQ06 unit", change("DQ06", "finance.methods[0].amount", "3000万元")),
    _block("DQ06 bound", change("DQ06", "finance.subsidy_amount", "10000000.00")),
    _block("DQ06 revenue", change("DQ06", "enterprise.revenue_last_year", "约5亿"), lone=False),
    _block("DQ06 full width", change("DQ06", "enterprise.total_assets", "１２３４５"), lone=False),
    _block("DQ06 benefit", change("DQ06", "benefit.water_saving_m3", "1200吨"), _ENERGY),
    _block("DQ07 name", change("DQ07", "enterprise.contact.name", "周")),
    _block("DQ07 landline", change("DQ07", "enterprise.contact.mobile", "0571-88880000"), lone=False),
    _block("DQ07 mobile", change("DQ07", "enterprise.contact.mobile", "1640000")),
    _block("DQ07 e-mail", change("DQ07", "enterprise.contact.email", "lxr@"), lone=False),
    _block("DQ08", change("DQ08", "project.catalogue_code", "1.4")),
    _block("DQ17 group", change("DQ17", "project.catalogue_code", "1.9.3")),
    _block("DQ17 entry", change("DQ17", "project.catalogue_code", "1.3.99"), _CATALOGUE),
    _block("DQ10 content", change("DQ10", "project.content", "同上"), lone=False),
    _block("DQ10 one character", change("DQ10", "project.content", "项" * 40)),
    _block("DQ10 name", change("DQ10", "project.name", "改造")),
    _block("DQ10 company", change("DQ10", "enterprise.name", "工厂")),
    _block("DQ10 document", change("DQ10", "project.basis_document", "无"), Shape(basis_type="policy_plan")),
    _block("DQ10 use", change("DQ10", "finance.use_of_funds", "设备")),
    _block("DQ10 zero width", change("DQ10", "finance.use_of_funds", "\u200b\u200b详见\u200b附件 。。。")),
    _block("DQ11 unknown", change("DQ11", "finance.intended_institutions", ["ICBC", "工行"]), lone=False),
    _block("DQ11 four", change("DQ11", "finance.intended_institutions", ["ICBC", "ABC", "BOC", "CCB"])),
    _block("DQ11 twice", plants.two_banks_named_twice),
    _block("DQ11 text", change("DQ11", "finance.intended_institutions", "ICBC,CCB")),
    *(
        _block(f"DQ12 {path}", remove(path))
        for path in (
            "enterprise.name",
            "enterprise.uscc",
            "enterprise.factory_level",
            "enterprise.factory_batch",
            "enterprise.province_code",
            "enterprise.city_code",
            "enterprise.industry_code",
            "enterprise.contact",
            "enterprise.contact.name",
            "enterprise.contact.mobile",
            "enterprise.contact.email",
            "project.name",
            "project.content",
            "project.category",
            "project.basis_type",
            "project.site_county_code",
            "project.start_date",
            "project.end_date",
            "project.permits",
            "project.permits.safety",
            "finance.total_investment",
            "finance.invested_amount",
            "finance.own_capital",
            "finance.financing_need",
            "finance.methods",
            "finance.methods[0].method",
            "finance.methods[0].amount",
            "finance.needed_by",
            "finance.use_of_funds",
            "benefit.basis",
        )
    ),
    _block("DQ12 status", remove("project.construction_status"), _PLANNED),
    _block("DQ12 blank", change("DQ12", "enterprise.contact.name", " \u3000"), lone=False),
    _block("DQ12 no method", change("DQ12", "finance.methods", [])),
    _block("DQ12 benefit", remove("benefit"), _RD_PLAIN),
    _block("DQ12 existing", plants.existing_without_status, Shape(existing=True)),
    _block("DQ13 name", change("DQ13", "enterprise.name", 12345)),
    _block("DQ13 mobile", change("DQ13", "enterprise.contact.mobile", 16400000000)),
    _block("DQ13 industry", change("DQ13", "enterprise.industry_code", 3011)),
    _block("DQ13 start", change("DQ13", "project.start_date", "2026/10/01")),
    _block("DQ13 impossible day", change("DQ13", "project.end_date", "2027-02-30")),
    _block("DQ13 compact day", change("DQ13", "finance.needed_by", "20270301")),
    _block("DQ13 term", change("DQ13", "finance.term_months", "36")),
    _block("DQ13 boolean", change("DQ13", "enterprise.debt_ratio", True)),
    _block("DQ13 rate", change("DQ13", "finance.expected_rate_max", "3.5%"), lone=False),
    _block("DQ13 list", change("DQ13", "finance.collateral", "mortgage")),
    _block("DQ19 compliance", change("DQ19", "review.compliance_ok", None), lone=False),
    _block("DQ19 both", plants.both_reviews_refused),
    _block("DQ19 text", change("DQ19", "review.need_verified", "true")),
    _block("DQ19 moment", change("DQ19", "review.recommended_at", None)),
    _block("DQ19 by", change("DQ19", "review.recommended_by", "")),
    _block("DQ19 review", plants.without_review),
    _block("DQ20", plants.fund([("DQ20", FUNDS), ("DQ21", FUNDS), ("DQ38", FUNDS)], "1.05", "0.25")),
    _block("DQ21", plants.fund([("DQ21", FUNDS)], "0.60", "0.45")),
    _block("DQ23", plants.methods_differ, lone=False),
    _block("DQ24 short", change("DQ24", "finance.term_months", 6), _RETROFIT_LOAN, lone=False),
    _block("DQ24 absent", plants.loan_without_term),
    _block("DQ25", plants.no_building_time, _PLANNED),
    _block("DQ26 completed", change("DQ26", "project.construction_status", "completed")),
    _block("DQ26 over", plants.already_over, _RUNNING),
    _block("DQ27", change("DQ27", "project.sub_direction", None), _ENERGY),
    _block("DQ28 code", change("DQ28", "project.catalogue_code", None), _CATALOGUE),
    _block("DQ28 document", change("DQ28", "project.basis_document", None), Shape(basis_type="technology_catalogue")),
    _block("DQ29", plants.provincial_zero_carbon, _ZERO),
    _block("DQ31", plants.saving_above_baseline, _ENERGY),
    _block("DQ32", plants.city_elsewhere),
    _block("DQ34", change("DQ34", "finance.use_of_funds", "主要用于项目投资建设。"), lone=False),
    _block("DQ35 land", change("DQ35", "project.permits.land", "missing"), lone=False),
    _block("DQ35 all", plants.five_permits_missing),
    _block("DQ38", plants.fund([("DQ38", FUNDS)], "0.60", "0.36", "0.55"), _RUNNING),
    _block("DQ47", change("DQ47", "project.project_code", None)),
    _block("DQ48", plants.site_elsewhere),
    _block("DQ50", plants.too_long),
    _block("DQ51 early", plants.needed_before_filed),
    _block("DQ51 late", plants.needed_after_end),
    _block("DQ59 high", change("DQ59", "enterprise.debt_ratio", 150.5)),
    _block("DQ59 low", change("DQ59", "enterprise.debt_ratio", -3), lone=False),
    _block("DQ61", change("DQ61", "finance.expected_rate_max", 18.5)),
    _block("DQ61 zero", change("DQ61", "finance.expected_rate_max", 0)),
    _block("DQ65", plants.no_metric, _NO_ENERGY),
    _block("DQ66", change("DQ66", "benefit.carbon_reduction_tco2", None), _ZERO),
    _block(
        "DQ67", plants.fund([("DQ67", "finance.invested_amount"), ("DQ38", FUNDS)], "0.60", "0.36", "1.10"), _RUNNING
    ),
    _block("G07", plants.name_without_benefit, _RD_PLAIN),
    _block("DQ40 not listed", register.not_listed, lone=False),
    Defect("DQ40 removed", "block", register.removed(6), correctable=False),
    Defect("DQ40 removed on the day", "block", register.removed(0), correctable=False),
    _block("DQ40 listed late", register.listed_a_day_late),
    _block("DQ54 lower", register.level_lowered, _RD_ENERGY),
    _block("DQ54 higher", register.level_raised, _RD_ENERGY),
    _block("DQ54 any", register.level_lowered, _RETROFIT_LOAN, lone=False),
)


def _hold(name: str, plant: Plant, shape: Shape = ANY_SHAPE, *, lone: bool = True) -> Defect:
    return Defect(name, "hold", plant, shape, lone)


def _twin(name: str, plant: Plant, shape: Shape = ANY_SHAPE, filed_by: FiledBy = "witness") -> Defect:
    return Defect(name, "hold", history.after_its_witnesses(plant), shape, witnesses=1, filed_by=filed_by)


def _farm(name: str, plant: Plant, shape: Shape = ANY_SHAPE) -> Defect:
    return Defect(name, "hold", plant, shape, witnesses=2)


_CARBON, _SAVING = "benefit.carbon_reduction_tco2", "benefit.energy_saving_tce"
_CODE, _USE = "project.catalogue_code", "finance.use_of_funds"
_CONTENT = (history.share_content, "project.content")
_BENEFIT = (history.share_benefit, "benefit")
_MOBILE = (history.share_mobile, "enterprise.contact.mobile")

HOLD: tuple[Defect, ...] = (
    _hold("DQ01 need id", lambda site: change("DQ01", "need_id", "FX" + site.need["need_id"][2:])(site)),
    _hold("DQ01 revision", change("DQ01", "revision", 0)),
    _hold("DQ01 revision text", change("DQ01", "revision", "1")),
    _hold("DQ01 form", change("DQ01", "form_version", "2019.2")),
    _hold("DQ01 quarter", change("DQ01", "quarter", "2026年三季度")),
    _hold("DQ01 major", change("DQ01", "is_major", "false")),
    _hold("DQ01 department", change("DQ01", "department_code", "100000")),
    _hold("DQ01 submitted", plants.without_offset),
    _hold("DQ01 updated", plants.updated_before_filed),
    _hold("DQ01 future", plants.from_the_future),
    _hold("DQ14", plants.unlisted_site),
    _hold("DQ37 small", plants.suspect_unit("85.00"), Shape(is_major=False)),
    _hold("DQ37 large", plants.suspect_unit("6800000.00")),
    _hold("DQ52", plants.recommended_before_quarter, Shape(construction_status="planned", is_major=False)),
    _hold("DQ53", change("DQ53", "project.permits.environment", "in_progress"), _RUNNING),
    _hold("DQ57", plants.provincial, _RD_ENERGY),
    _hold("DQ58", change("DQ58", _USE, "购置空压机及补充流动资金")),
    _hold("G05 use", change("G05", _USE, "进口设备贸易融资及安装调试")),
    _hold("G05 code", change("G05", _CODE, "5.1.1")),
    _hold("G06b", plants.energy([("G06b", _CARBON)], "31", "2.5", "0.30"), _ENERGY),
    _hold("G06c", plants.energy([("G06c", _SAVING)], "1.2", "2.5", "0.70"), _ENERGY),
    _hold("G06d", plants.energy([("G06d", _CARBON)], "1.2", "7.5", "0.20"), _ENERGY),
    _hold("G10", plants.fund([("G10", "finance.invested_amount")], "0.04", "0.92", "0.955"), _RUNNING),
    _hold("G11", plants.energy([("G11", _CARBON)], "0.03", "2.5", "0.20"), _ENERGY),
    _hold("DQ41", register.another_name, lone=False),
    _hold("DQ41 renamed", register.renamed_unknown),
    _hold("DQ55", register.another_department, lone=False),
    _hold("G14", register.listed_again(200), lone=False),
    _hold("G14 just inside", register.listed_again(1)),
    _hold("G14 on the day", register.removed_and_listed_on_the_day),
    _twin("DQ42 renamed", history.same_project_renamed),
    _twin("DQ42 split", history.same_project_split),
    _twin("DQ42 spelling", history.same_project_other_spelling),
    _twin("DQ42 no code", history.same_project_without_code, _PLANNED),
    _twin("DQ42 bad code", history.same_project_bad_code),
    _twin("DQ42 elsewhere", history.same_project_elsewhere, filed_by="branch"),
    _hold("DQ43", history.changed_in_silence),
    _twin("G01", history.same_project_of_another, filed_by="own"),
    _hold("G12", history.benefit_raised, _ENERGY),
    _hold("G12 reduction", history.reduction_raised, _ENERGY),
    _hold("G12 basis", history.raised_on_another_basis, _ENERGY),
    _farm("G13 content", history.farmed(_CONTENT)),
    _farm("G13 benefit", history.farmed(_BENEFIT), _ENERGY),
    _farm("G13 mobile", history.farmed(_MOBILE)),
    _farm("G13 everything", history.farmed(_BENEFIT, _CONTENT, _MOBILE), _ENERGY),
)


def _warn(name: str, plant: Plant, shape: Shape = ANY_SHAPE) -> Defect:
    return Defect(name, "warn", plant, shape)


WARN: tuple[Defect, ...] = (
    _warn("DQ09", change("DQ09", "project.project_code", "2026-工信-0045")),
    _warn("DQ09 month", change("DQ09", "project.project_code", "2613-330100-04-02-123456")),
    _warn("DQ15", plants.retired_site),
    _warn("DQ16", change("DQ16", "enterprise.industry_code", "4411")),
    _warn("DQ22", plants.fund([("DQ22", "finance.own_capital")], "0.78", "0.18")),
    _warn("DQ30 low", plants.energy([("DQ30", _CARBON)], "1.2", "1.2", "0.20"), _ENERGY),
    _warn("DQ30 high", plants.energy([("DQ30", _CARBON)], "1.2", "5.2", "0.20"), _ENERGY),
    _warn("DQ30 lowest", plants.exact_energy([("DQ30", _CARBON)], "1.5", "0.5", "0.25"), _ENERGY),
    _warn("DQ30 highest", plants.exact_energy([("DQ30", _CARBON)], "1.5", "6.0", "0.25"), _ENERGY),
    _warn("DQ33", plants.registered_elsewhere),
    _warn("DQ36", plants.starts_late, _PLANNED),
    _warn("DQ39", plants.fund([("DQ39", FUNDS)], "0.50", "0.30")),
    _warn("DQ49", change("DQ49", "finance.term_months", 144), _LOAN),
    _warn("DQ60", change("DQ60", "enterprise.debt_ratio", 68.5)),
    _warn("DQ62", change("DQ62", "benefit.baseline_energy_tce", None), _RD_ENERGY),
    _warn("DQ63", change("DQ63", "benefit.basis", "self_estimate")),
    _warn("DQ64", plants.small_major, Shape(is_major=False)),
    Defect("DQ56", "warn", register.another_batch, lone=False),
    _warn("G06a", plants.energy([("G06a", _CARBON)], "22", "2.5", "0.30"), _ENERGY),
    _warn("G19", change("G19", _CODE, "2.2.1"), _RD_ENERGY),
    _warn("G06a highest", plants.exact_energy([("G06a", _CARBON)], "30", "2.5", "0.25"), _ENERGY),
)


_REGISTER = frozenset({"DQ02", "DQ40", "DQ41", "DQ54", "DQ55", "DQ56", "G14"})
_UNKNOWN_FACTORY = frozenset({"DQ02", "DQ40"})
"""If one of these fires, no other rule that reads the register does."""


def several(chance: random.Random) -> tuple[Defect, ...]:
    """Two to five defects of different rules that do not interfere, at least one of them a block."""
    free = [one for one in (*BLOCK, *HOLD, *WARN) if not one.lone and one.shape in (ANY_SHAPE, _RETROFIT_LOAN)]
    wanted = chance.randint(2, 5)
    chosen: list[Defect] = []
    for defect in chance.sample(free, len(free)):
        if len(chosen) < wanted and not any(_clash(defect, other) for other in chosen):
            chosen.append(defect)
    return tuple(chosen) if any(one.severity == "block" for one in chosen) else several(chance)


def _clash(one: Defect, other: Defect) -> bool:
    rules = {one.rule, other.rule}
    return len(rules) == 1 or (rules <= _REGISTER and bool(rules & _UNKNOWN_FACTORY))

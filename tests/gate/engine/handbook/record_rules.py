"""The rules of scope record that look past the form: handbook, sections 5.1 and 5.2, one function a rule or group.

Each is given a need and yields the rule and the field it fires on. A rule that names an unusable value yields nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

from include.reference import rows, word_list
from tests.gate.engine.handbook import texts
from tests.gate.engine.handbook.need import BENEFITS, PERMITS, Finding, Need

SAVING, CARBON, BASELINE = BENEFITS[:3]
TOTAL, INVESTED, OWN, SUBSIDY, WANTED = (
    f"finance.{name}"
    for name in ("total_investment", "invested_amount", "own_capital", "subsidy_amount", "financing_need")
)
CITY, SITE, PROVINCE = "enterprise.city_code", "project.site_county_code", "enterprise.province_code"
CATALOGUE, USE, TERM = "project.catalogue_code", "finance.use_of_funds", "finance.term_months"
CATEGORY, DIRECTION, STATUS = "project.category", "project.sub_direction", "project.construction_status"
START, END, NEEDED = "project.start_date", "project.end_date", "finance.needed_by"
CATALOGUED = {row["code"] for row in rows("catalogue_2025")}
UNMARKED = {row["code"] for row in rows("catalogue_2025_marks") if row["contribution"] == "none"}
METRICS = {
    "energy_carbon": (SAVING, CARBON),
    "water_pollution": ("benefit.water_saving_m3", "benefit.pollutant_cut_t"),
    "resource_recycling": ("benefit.solid_waste_used_t",),
    "clean_substitution": (CARBON, "benefit.pollutant_cut_t"),
    "environmental_equipment": ("benefit.pollutant_cut_t", "benefit.solid_waste_used_t", "benefit.water_saving_m3"),
    "digital_green": tuple(path for path in BENEFITS if path != BASELINE),
    "industrial_microgrid": (CARBON, SAVING),
    "energy_carbon_centre": (SAVING, CARBON),
    "green_data_centre": (SAVING, CARBON),
}


def record_findings(need: Need) -> set[Finding]:
    """Every finding of scope record, those about the form included."""
    found = set(need.form_findings)
    for part in (
        _places,
        _industry_and_catalogue,
        _review,
        _sums,
        _terms,
        _dates,
        _project,
        _purpose,
        _benefits,
        _greenwashing,
    ):
        found.update(part(need))
    return found


def _places(need: Need) -> Iterator[Finding]:
    department, province = need.text("department_code"), need.text(PROVINCE)
    for path in (CITY, SITE):
        if (code := need.text(path)) is not None:
            status = texts.loc_status(code, need.rd.year)
            if status == "unknown" and not code.endswith("00"):
                yield "DQ14", path
            if status == "retired":
                yield "DQ15", path
    city, site = need.text(CITY), need.text(SITE)
    if None not in (department, city, province):
        assert city and province
        of_department = (department == "660000" and city.startswith("65")) or department == texts.department_of(city)
        of_province = province == city[:2] + "0000" or (province == "660000" and city.startswith("65"))
        if not of_department or not of_province:
            yield "DQ32", CITY
    if None not in (department, site):
        assert site
        of_corps = department == "660000" and site.startswith("65")
        if not of_corps and department != texts.department_of(site):
            yield "DQ48", SITE
    if (given := need.text("enterprise.uscc")) is not None and province is not None:
        code = texts.normalise_id(given)
        elsewhere = code[2:4] != province[:2] and code[2:8] != "100000"
        if elsewhere and not (province == "660000" and code[2:4] in ("65", "66")):
            yield "DQ33", "enterprise.uscc"


def _industry_and_catalogue(need: Need) -> Iterator[Finding]:
    industry, direction = need.text("enterprise.industry_code"), need.choice(DIRECTION)
    # A project without a sub-direction is no data centre; of a malformed one nobody knows.
    if industry is not None and (direction is not None or need.absent(DIRECTION)):
        data_centre = industry[:2] in ("64", "65") and direction == "green_data_centre"
        if not 13 <= int(industry[:2]) <= 43 and not data_centre:
            yield "DQ16", "enterprise.industry_code"
    if (given := need.text(CATALOGUE)) is not None:
        code = texts.normalise_text(given)
        level_2 = ".".join(code.split(".")[:2])
        if need.policy.flag("catalogue_complete"):
            if code not in CATALOGUED:
                yield "DQ17", CATALOGUE
        elif level_2 not in CATALOGUED:
            yield "DQ17", CATALOGUE
        elif code not in CATALOGUED:
            yield "DQ18", CATALOGUE
        if code[0] in "589":
            yield "G05", CATALOGUE
        if code in UNMARKED and _over_zero(need, CARBON):
            yield "G19", CATALOGUE


def _review(need: Need) -> Iterator[Finding]:
    if not isinstance(need.value("review"), dict):
        yield "DQ19", "review"
        return
    for name in ("compliance_ok", "need_verified"):
        if need.value(f"review.{name}") is not True:
            yield "DQ19", f"review.{name}"
    for name in ("recommended_at", "recommended_by"):
        if need.absent(f"review.{name}"):
            yield "DQ19", f"review.{name}"


def _sources(need: Need) -> Fraction | None:
    """own + subsidy + existing + need of DQ21; None if one of them is there and not usable."""
    own, wanted = need.number(OWN), need.number(WANTED)
    subsidy = Fraction(0) if need.absent(SUBSIDY) else need.number(SUBSIDY)
    elements = need.elements("finance.existing_financing")
    fine = need.absent("finance.existing_financing") or (
        need.usable("finance.existing_financing", *elements)
        and all(need.usable(f"{one}.amount", f"{one}.status") for one in elements)
    )
    if own is None or wanted is None or subsidy is None or not fine:
        return None
    counted = [one for one in elements if need.value(f"{one}.status") in ("approved", "drawn")]
    return own + subsidy + wanted + sum((Fraction(need.value(f"{one}.amount")) for one in counted), Fraction(0))


def _sums(need: Need) -> Iterator[Finding]:
    ratio = _policy_of(need)
    total, wanted, own, invested = (need.number(path) for path in (TOTAL, WANTED, OWN, INVESTED))
    if total is not None:
        if wanted is not None and wanted > total:
            yield "DQ20", WANTED
        if (sources := _sources(need)) is not None:
            if sources > total * ratio("sources_tolerance"):
                yield "DQ21", WANTED
            if sources < total * ratio("funding_gap_ratio"):
                yield "DQ39", WANTED
        if own is not None and own < total * ratio("min_own_capital_ratio"):
            yield "DQ22", OWN
        if total < ratio("unit_suspect_min") or total > ratio("unit_suspect_max"):
            yield "DQ37", TOTAL
        if wanted is not None and invested is not None and wanted > total - invested:
            yield "DQ38", WANTED
        if invested is not None and invested > total:
            yield "DQ67", INVESTED
        if need.usable("is_major") and need.value("is_major") and total < ratio("major_min_total_investment"):
            yield "DQ64", "is_major"
    amounts = [f"{one}.amount" for one in need.elements("finance.methods")]
    if wanted is not None and need.usable("finance.methods", *amounts):
        methods = sum((Fraction(need.value(path)) for path in amounts), Fraction(0))
        if methods != wanted:
            yield "DQ23", "finance.methods"
    debt = need.value("enterprise.debt_ratio") if need.usable("enterprise.debt_ratio") else None
    if debt is not None and need.policy.decimal("debt_ratio_note") < debt <= 150:
        yield "DQ60", "enterprise.debt_ratio"


def _terms(need: Need) -> Iterator[Finding]:
    methods = [need.choice(f"{one}.method") for one in need.elements("finance.methods")]
    if "loan" in methods or "leasing" in methods:
        months = need.value(TERM) if need.usable(TERM) else None
        if need.absent(TERM) or (months is not None and months < need.policy.integer("min_term_months")):
            yield "DQ24", TERM
        if months is not None and months > need.policy.integer("max_term_months"):
            yield "DQ49", TERM


def _dates(need: Need) -> Iterator[Finding]:
    start, end, needed = (need.day(path) for path in (START, END, NEEDED))
    submitted = need.moment("submitted_at")
    quarter = need.text("quarter")
    if start is not None and end is not None:
        if end <= start:
            yield "DQ25", END
        if end > texts.add_years(start, need.policy.integer("max_project_years")):
            yield "DQ50", END
    if end is not None and end < need.rd:
        yield "DQ26", END
    if start is not None and quarter is not None and start > date(int(quarter[:4]) + 1, 12, 31):
        yield "DQ36", START
    if needed is not None and end is not None and submitted is not None:
        filed = submitted.astimezone(texts.SHANGHAI).date()
        if needed < filed or needed > end:
            yield "DQ51", NEEDED


def _project(need: Need) -> Iterator[Finding]:
    category, basis, status = need.choice(CATEGORY), need.choice("project.basis_type"), need.choice(STATUS)
    level = need.choice("enterprise.factory_level")
    if status == "completed":
        yield "DQ26", STATUS
    if category == "technical_retrofit" and need.absent(DIRECTION):
        yield "DQ27", DIRECTION
    if basis == "catalogue_2025" and need.absent(CATALOGUE):
        yield "DQ28", CATALOGUE
    if basis in ("policy_plan", "technology_catalogue") and need.absent("project.basis_document"):
        yield "DQ28", "project.basis_document"
    if category == "zero_carbon_factory" and level is not None and level != "national":
        yield "DQ29", "enterprise.factory_level"
    if level is not None and level not in need.policy.text("push_factory_levels").split(";"):
        yield "DQ57", "enterprise.factory_level"
    for path in PERMITS:
        permit = need.choice(path)
        if permit == "missing" and status is not None and status != "completed":
            yield "DQ35", path
        if permit == "in_progress" and status == "under_construction":
            yield "DQ53", path
    if need.choice("project.permits.filing") == "done" and need.absent("project.project_code"):
        yield "DQ47", "project.project_code"


def _purpose(need: Need) -> Iterator[Finding]:
    if (given := need.text(USE)) is None:
        return
    bones, shown = texts.skeleton(given), texts.normalise_text(given)
    for opening in ("主要用于", "用于"):
        if bones.startswith(opening):
            bones = bones[len(opening) :]
            break
    if bones in word_list("generic_use"):
        yield "DQ34", USE
    if any(phrase in shown for phrase in word_list("off_purpose")):
        yield "DQ58", USE
    if any(phrase in shown for phrase in word_list("trade_use")):
        yield "G05", USE


def _over_zero(need: Need, path: str) -> bool:
    number = need.number(path)
    return number is not None and number > 0


def _benefits(need: Need) -> Iterator[Finding]:
    saving, baseline = need.number(SAVING), need.number(BASELINE)
    category, direction = need.choice(CATEGORY), need.choice(DIRECTION)
    if saving is not None and baseline is not None and saving > baseline:
        yield "DQ31", SAVING
    if saving is not None and saving > 0 and need.absent(BASELINE):
        yield "DQ62", BASELINE
    if need.choice("benefit.basis") == "self_estimate":
        yield "DQ63", "benefit.basis"
    if category == "technical_retrofit" and direction is not None:
        claimed = any(_over_zero(need, path) for path in METRICS[direction])
        if not claimed:
            yield "DQ65", "benefit"
    if category == "zero_carbon_factory" and (need.absent(CARBON) or need.number(CARBON) == 0):
        yield "DQ66", CARBON


def _greenwashing(need: Need) -> Iterator[Finding]:
    ratio = _policy_of(need)
    total, invested, status = need.number(TOTAL), need.number(INVESTED), need.choice(STATUS)
    saving, carbon, baseline = (need.number(path) for path in (SAVING, CARBON, BASELINE))
    category, direction = need.choice(CATEGORY), need.choice(DIRECTION)
    if carbon is not None and total is not None:
        warn, hold = ratio("carbon_per_investment_warn") * total, ratio("carbon_per_investment_hold") * total
        if warn < carbon <= hold:
            yield "G06a", CARBON
        if carbon > hold:
            yield "G06b", CARBON
        whole = category == "zero_carbon_factory" or (category, direction) == ("technical_retrofit", "energy_carbon")
        if whole and 0 < carbon < ratio("wrapping_min_carbon") * total:
            yield "G11", CARBON
    if saving is not None and baseline is not None and ratio("saving_share_hold") * baseline < saving <= baseline:
        yield "G06c", SAVING
    ratio_rule_applies = category == "technical_retrofit" and direction in (
        *("energy_carbon", "energy_carbon_centre"),
        *("green_data_centre", "digital_green"),
    )
    if ratio_rule_applies and saving and carbon:
        likely = ratio("ratio_hold_min") * saving <= carbon <= ratio("ratio_hold_max") * saving
        usual = ratio("ratio_warn_min") * saving <= carbon <= ratio("ratio_warn_max") * saving
        if not likely:
            yield "G06d", CARBON
        elif not usual:
            yield "DQ30", CARBON
    if (name := need.text("project.name")) is not None:
        says_carbon = any(phrase in texts.normalise_text(name) for phrase in word_list("carbon_words"))
        if says_carbon and not _over_zero(need, SAVING) and not _over_zero(need, CARBON):
            yield "G07", "benefit"
    if total is not None and invested is not None and status is not None and status != "completed":
        nearly_done = ratio("invested_share_hold") * total <= invested <= total
        if nearly_done:
            yield "G10", INVESTED


def _policy_of(need: Need) -> Any:
    return lambda key: Fraction(need.policy.decimal(key))

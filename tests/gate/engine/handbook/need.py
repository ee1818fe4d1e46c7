"""A need as the handbook's section 4 reads it: what is absent, what is usable, and the findings about its form.

One need at a time, one field at a time, in the words of section 5.1: DQ01-DQ08, DQ10-DQ13, DQ59, DQ61, and DQ09.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from include.reference import Policy, rows, word_list
from tests.gate.engine.handbook import texts

PERMITS = [f"project.permits.{name}" for name in ("filing", "land", "environment", "energy_review", "safety")]
BENEFITS = [
    f"benefit.{name}"
    for name in (
        *("energy_saving_tce", "carbon_reduction_tco2", "baseline_energy_tce"),
        *("water_saving_m3", "solid_waste_used_t", "pollutant_cut_t"),
    )
]
CHOICES = {
    "enterprise.factory_level": "national provincial municipal",
    "enterprise.size": "large medium small micro",
    "project.category": "rd_industrialisation technical_retrofit zero_carbon_factory",
    "project.sub_direction": "energy_carbon water_pollution resource_recycling clean_substitution environmental_equipment"
    " digital_green industrial_microgrid energy_carbon_centre green_data_centre",
    "project.basis_type": "catalogue_2025 policy_plan technology_catalogue",
    "project.construction_status": "planned under_construction completed",
    "benefit.basis": "feasibility_study environmental_assessment third_party self_estimate",
} | dict.fromkeys(PERMITS, "done in_progress not_needed missing")
METHODS = "loan green_bond transition_bond leasing equity guarantee other"
COLLATERAL = "credit mortgage pledge guarantee ip receivable"
STATUSES = "applied approved drawn"
FINANCE_AMOUNTS = [
    f"finance.{name}"
    for name in ("total_investment", "invested_amount", "own_capital", "subsidy_amount", "financing_need")
]
ENTERPRISE_AMOUNTS = ["enterprise.revenue_last_year", "enterprise.total_assets"]
OVER_ZERO = ("total_investment", "financing_need", "].amount")
LENGTHS = {
    "enterprise.name": (4, 100),
    "project.name": (5, 120),
    "project.content": (20, 2000),
    "project.basis_document": (4, 300),
    "finance.use_of_funds": (6, 500),
}
CONTACT = [f"enterprise.contact.{name}" for name in ("name", "mobile", "email")]
DATES = ["project.start_date", "project.end_date", "finance.needed_by"]
TEXTS = [
    *(
        f"enterprise.{name}"
        for name in ("name", "uscc", "factory_batch", "province_code", "city_code", "industry_code")
    ),
    *CONTACT,
    *(f"project.{name}" for name in ("name", "content", "project_code", "catalogue_code", "basis_document")),
    *("project.site_county_code", "finance.use_of_funds"),
]
MUST = [
    *("enterprise.name", "enterprise.uscc", "enterprise.factory_level", "enterprise.factory_batch"),
    *("enterprise.province_code", "enterprise.city_code", "enterprise.industry_code", *CONTACT),
    *("project.name", "project.content", "project.category", "project.basis_type", "project.site_county_code"),
    *("project.construction_status", "project.start_date", "project.end_date", *PERMITS),
    *("finance.total_investment", "finance.invested_amount", "finance.own_capital", "finance.financing_need"),
    *("finance.methods", "finance.needed_by", "finance.use_of_funds", "benefit.basis"),
]
OBJECTS = ["enterprise", "enterprise.contact", "project", "project.permits", "finance", "benefit"]
DEPARTMENTS = {row["code"] for row in rows("departments")}
INSTITUTIONS = {row["institution_code"] for row in rows("institutions")}
INDUSTRIES = {row["code"] for row in rows("industries") if row["level"] == "class"}
ABSENT = object()

Finding = tuple[str, str]
"""Rule and field."""


class Need:
    """An item as parsed from JSON (decimals as Decimal), to be judged at `checked_at` by the policy."""

    def __init__(self, item: Mapping[str, Any], checked_at: datetime, policy: Policy) -> None:
        self.item, self.checked_at, self.policy = item, checked_at, policy
        self.form_findings: set[Finding] = set()
        for part in (_head, _types, _choices, _quantities, _required):
            self.form_findings.update(part(self))
        recommended = self.moment("review.recommended_at")
        self.rd: date = (recommended or checked_at).astimezone(texts.SHANGHAI).date()
        for part in (_codes, _written, _institutions, _percentages):
            self.form_findings.update(part(self))
        self._unusable = {field for _, field in self.form_findings}

    def value(self, path: str) -> Any:
        """What is at the path; ABSENT if it is absent in the handbook's sense."""
        here: Any = self.item
        for step in _steps(path):
            if isinstance(step, int):
                here = here[step] if isinstance(here, list) and step < len(here) else None
            else:
                here = here.get(step) if isinstance(here, Mapping) else None
        if here is None or (isinstance(here, str) and texts.normalise_text(here) == ""):
            return ABSENT
        return here

    def absent(self, path: str) -> bool:
        return self.value(path) is ABSENT

    def null_element(self, path: str) -> bool:
        """Whether JSON null stands at the path as an element of a list."""
        holder, _, at = path.rpartition("[")
        held = self.value(holder)
        return at != "" and isinstance(held, list) and held[int(at[:-1])] is None if path.endswith("]") else False

    def elements(self, path: str) -> list[str]:
        """The paths of a list's elements; none if it is no list."""
        value = self.value(path)
        return [f"{path}[{at}]" for at in range(len(value))] if isinstance(value, list) else []

    def usable(self, *paths: str) -> bool:
        """Whether each of these is there, of the right type and in form."""
        return all(not self.absent(path) and path not in self._unusable for path in paths)

    def choice(self, path: str) -> str | None:
        return self.value(path) if self.usable(path) else None

    text = choice

    def number(self, path: str) -> Fraction | None:
        """An amount, a benefit, or a JSON number, exactly; None if it is not usable."""
        return Fraction(self.value(path)) if self.usable(path) else None

    def day(self, path: str) -> date | None:
        return texts.day_of(self.value(path)) if self.usable(path) else None

    def moment(self, path: str) -> datetime | None:
        """A date-time of the head without a finding of its own."""
        fine = not self.absent(path) and ("DQ01", path) not in self.form_findings
        return texts.instant_of(self.value(path)) if fine else None


@lru_cache(maxsize=10_000)
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(step[1:-1]) if step.startswith("[") else step for step in path.replace("[", ".[").split("."))


def _head(need: Need) -> Iterator[Finding]:
    latest = need.checked_at + timedelta(seconds=need.policy.integer("clock_skew_seconds"))
    value = need.item.get
    revision = value("revision")
    fine = {
        "need_id": texts.full_match("FN[0-9]{12}", value("need_id")),
        "revision": _is_integer(revision) and 1 <= revision <= 2147483647,
        "form_version": value("form_version") in need.policy.text("supported_form_versions").split(";"),
        "quarter": texts.full_match("20[0-9]{2}Q[1-4]", value("quarter")),
        "is_major": isinstance(value("is_major"), bool),
        "department_code": isinstance(value("department_code"), str) and value("department_code") in DEPARTMENTS,
    }
    moments = {}
    for path in ("submitted_at", "updated_at", "review.recommended_at"):
        given = texts.instant_of(need.value(path))
        fine[path] = (path.startswith("review") and need.absent(path)) or (given is not None and given <= latest)
        moments[path] = given if fine[path] else None
    submitted = moments["submitted_at"]
    for path in ("updated_at", "review.recommended_at"):
        later = moments[path]
        if submitted is not None and later is not None and later < submitted:
            fine[path] = False
    yield from (("DQ01", path) for path, is_fine in fine.items() if not is_fine)


def _types(need: Need) -> Iterator[Finding]:
    def is_number(value: Any) -> bool:
        return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite()

    right = dict.fromkeys(TEXTS, lambda value: isinstance(value, str))
    right |= dict.fromkeys(DATES, lambda value: isinstance(value, str) and texts.day_of(value) is not None)
    right |= {"finance.term_months": _is_integer}
    right |= {"enterprise.debt_ratio": is_number, "finance.expected_rate_max": is_number}
    for name in ("methods", "collateral", "existing_financing"):
        right[f"finance.{name}"] = lambda value: isinstance(value, list)
    for name in ("methods", "existing_financing"):
        for element in need.elements(f"finance.{name}"):
            right[element] = lambda value: isinstance(value, Mapping)
            if name == "existing_financing":
                right[f"{element}.institution_code"] = lambda value: isinstance(value, str)
    for path, good in right.items():
        # A null element is no absent value.
        if not good(need.value(path)) and (not need.absent(path) or need.null_element(path)):
            yield "DQ13", path


def _is_integer(value: Any) -> bool:
    """Whole, however written; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return Fraction(value).denominator == 1


def _choices(need: Need) -> Iterator[Finding]:
    allowed = dict(CHOICES)
    allowed |= {f"{element}.method": METHODS for element in need.elements("finance.methods")}
    allowed |= dict.fromkeys(need.elements("finance.collateral"), COLLATERAL)
    allowed |= {f"{element}.status": STATUSES for element in need.elements("finance.existing_financing")}
    for path, values in allowed.items():
        value = need.value(path)
        if value is not ABSENT and not (isinstance(value, str) and value in values.split(" ")):
            yield "DQ05", path


def _quantities(need: Need) -> Iterator[Finding]:
    bound = need.policy.decimal("amount_upper_bound")
    listed = [e + ".amount" for name in ("methods", "existing_financing") for e in need.elements(f"finance.{name}")]
    for path in (*FINANCE_AMOUNTS, *listed, *ENTERPRISE_AMOUNTS, *BENEFITS):
        value = need.value(path)
        if value is ABSENT:
            continue
        if path in BENEFITS:
            wrong = not texts.full_match("[0-9]{1,12}([.][0-9]{1,4})?", value)
        else:
            wrong = not texts.full_match("[0-9]{1,10}([.][0-9]{1,2})?", value)
            wrong = wrong or (path.startswith("finance.") and Decimal(value) >= bound)
            wrong = wrong or (path.endswith(OVER_ZERO) and Decimal(value) == 0)
        if wrong:
            yield "DQ06", path


def _required(need: Need) -> Iterator[Finding]:
    broken = [path for path in OBJECTS if not isinstance(need.value(path), Mapping)]
    must = list(MUST)
    for name, keys in (("methods", "method amount"), ("existing_financing", "institution_code amount status")):
        for element in need.elements(f"finance.{name}"):
            if isinstance(need.value(element), Mapping):
                must += [f"{element}.{key}" for key in keys.split(" ")]
            else:
                broken.append(element)
    empty = [path for path in must if need.absent(path) or (path == "finance.methods" and need.value(path) == [])]
    for path in (*broken, *empty):
        if not any(path.startswith(f"{one}.") for one in broken):
            yield "DQ12", path


def _codes(need: Need) -> Iterator[Finding]:
    def written(path: str) -> str | None:
        value = need.value(path)
        return value if isinstance(value, str) else None

    year = need.rd.year
    if (code := written("enterprise.uscc")) is not None and not texts.is_credit_code(code):
        yield "DQ02", "enterprise.uscc"
    for path in ("enterprise.province_code", "enterprise.city_code", "project.site_county_code"):
        if (code := written(path)) is None:
            continue
        wrong = not texts.full_match("[1-9][0-9]{5}", code) or code[:2] + "0000" not in texts.provinces()
        if path == "enterprise.province_code":
            wrong = code not in texts.provinces() and code != "660000"
        elif not wrong and path == "enterprise.city_code":
            wrong = code.endswith("0000") or texts.loc_status(texts.prefecture(code), year) == "unknown"
        elif not wrong:
            wrong = (code.endswith("00") and code not in need.policy.listed("county_less_cities")) or (
                texts.loc_status(texts.prefecture(code), year) == "unknown"
            )
        if wrong:
            yield "DQ03", path
    if (code := written("enterprise.industry_code")) is not None:
        in_form = texts.full_match("[0-9]{4}", code) and 1 <= int(code[:2]) <= 97
        asked = in_form and need.policy.flag("industries_complete") and 13 <= int(code[:2]) <= 43
        if not in_form or (asked and code not in INDUSTRIES):
            yield "DQ04", "enterprise.industry_code"
    name, mobile, email = (written(path) for path in CONTACT)
    if name is not None and not 2 <= len(texts.normalise_text(name)) <= 50:
        yield "DQ07", CONTACT[0]
    if mobile is not None and not texts.full_match("1[3-9][0-9]{9}", texts.normalise_mobile(mobile)):
        yield "DQ07", CONTACT[1]
    if email is not None:
        address = texts.normalise_text(email)
        if len(address) > 254 or not texts.full_match(texts.EMAIL, address):
            yield "DQ07", CONTACT[2]
    code = written("project.catalogue_code")
    if code is not None and not texts.full_match("[1-9]([.][1-9][0-9]?){2}", texts.normalise_text(code)):
        yield "DQ08", "project.catalogue_code"
    if (code := written("project.project_code")) is not None:
        digits = texts.normalise_id(code)
        regions = {"00", *(province[:2] for province in texts.provinces())}
        if not (texts.full_match("[0-9]{20}", digits) and 1 <= int(digits[2:4]) <= 12 and digits[4:6] in regions):
            yield "DQ09", "project.project_code"


def _written(need: Need) -> Iterator[Finding]:
    for path, (least, most) in LENGTHS.items():
        value = need.value(path)
        if isinstance(value, str):
            bones = texts.skeleton(value)
            too_short_or_long = not least <= len(texts.normalise_text(value)) <= most
            if too_short_or_long or len(set(bones)) <= 1 or bones in word_list("placeholder"):
                yield "DQ10", path


def _institutions(need: Need) -> Iterator[Finding]:
    given = need.value("finance.intended_institutions")
    if given is ABSENT:
        return
    fine = isinstance(given, list) and all(isinstance(one, str) and one in INSTITUTIONS for one in given)
    if not fine or len(given) > need.policy.integer("max_intended_institutions") or len(set(given)) < len(given):
        yield "DQ11", "finance.intended_institutions"


def _percentages(need: Need) -> Iterator[Finding]:
    def number(path: str) -> Decimal | None:
        in_form = not need.absent(path) and ("DQ13", path) not in need.form_findings
        return Decimal(need.value(path)) if in_form else None

    ratio, rate = number("enterprise.debt_ratio"), number("finance.expected_rate_max")
    if ratio is not None and (ratio < 0 or ratio > 150):
        yield "DQ59", "enterprise.debt_ratio"
    if rate is not None and (rate <= 0 or rate > 15):
        yield "DQ61", "finance.expected_rate_max"

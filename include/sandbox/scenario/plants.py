"""How a clean need is broken: each plant changes a need in place and returns the findings that this must cause.

If a rule also reads the register, the plant changes the factory's row along with the need.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from stdnum.cn import uscc

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.sandbox.scenario.needs import PERMITS, cents, money, set_energy
from include.sandbox.scenario.places import places, retired_places, unlisted_county
from include.sandbox.scenario.register import Factory, foreign_uscc

Need = dict[str, Any]
Finding = tuple[str, str]
Findings = set[Finding]
Plant = Callable[["Site"], Findings]

FUNDS = "finance.financing_need"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a defect is planted.

    `corrected`: the need as it should have been filed. `seen_before`: older contents of the need that the platform still
    lists. `witnesses`: clean needs filed before, which a plant may change as long as they stay clean.
    """

    need: Need
    corrected: Need
    factory: Factory
    quarter: Quarter
    chance: random.Random
    witnesses: tuple[Site, ...] = ()
    seen_before: list[Need] = field(default_factory=list)

    @property
    def recommended_on(self) -> date:
        """RD of the handbook: the local day of the recommendation."""
        return datetime.fromisoformat(self.need["review"]["recommended_at"]).date()

    @property
    def total(self) -> Decimal:
        """Total investment in 万元."""
        return Decimal(self.need["finance"]["total_investment"])

    def fund(self, need: str | Decimal, own: str | Decimal, invested: str | Decimal = "0") -> None:
        """Set need, own capital and invested amount as shares of the total; no other source; one loan."""
        finance = self.need["finance"]
        amount = cents(self.total * Decimal(need))
        finance |= {
            "financing_need": money(amount),
            "own_capital": money(cents(self.total * Decimal(own))),
            "invested_amount": money(cents(self.total * Decimal(invested))),
            "methods": [{"method": "loan", "amount": money(amount)}],
        }
        finance.pop("subsidy_amount", None)
        finance.pop("existing_financing", None)

    def rescale(self, total: Decimal) -> None:
        """Another total investment, with all dependent amounts in proportion."""
        factor = total / self.total
        self.need["finance"]["total_investment"] = money(total)
        self.fund("0.60", "0.36")
        for name, value in self.need["benefit"].items():
            if name != "basis" and value is not None:
                self.need["benefit"][name] = money(cents(Decimal(value) * factor))


def change(rule: str, path: str, value: Any) -> Plant:
    """A plant that sets the value at `path` (`a.b`, `a.b[0].c`) and breaks `rule` there."""

    def plant(site: Site) -> Findings:
        put(site.need, path, value)
        return {(rule, path)}

    return plant


def remove(path: str) -> Plant:
    """A plant that removes a required field (DQ12)."""

    def plant(site: Site) -> Findings:
        holder, key = _holder(site.need, path)
        del holder[key]
        return {("DQ12", path)}

    return plant


def put(need: Need, path: str, value: Any) -> None:
    """Set the value at `path`."""
    holder, key = _holder(need, path)
    holder[key] = value


def _holder(need: Need, path: str) -> tuple[Any, str | int]:
    node: Any = need
    *steps, last = [
        int(step) if step.isdigit() else step for step in path.replace("[", ".").replace("]", "").split(".")
    ]
    for step in steps:
        node = node[step]
    return node, last


# --- Places, identifiers ---------------------------------------------------------------------------------------------


def _other_department(site: Site) -> str:
    own = site.factory.row["department_code"]
    return site.chance.choice(
        [code for code in places() if code[:2] != own[:2] and {code[:2], own[:2]} != {"65", "66"}]
    )


def city_elsewhere(site: Site) -> Findings:
    """The factory sits in another department's area."""
    site.need["enterprise"]["city_code"] = site.chance.choice(places()[_other_department(site)]).city_code
    return {("DQ32", "enterprise.city_code")}


def site_elsewhere(site: Site) -> Findings:
    """The project is built in another department's area."""
    site.need["project"]["site_county_code"] = site.chance.choice(places()[_other_department(site)]).county_code
    return {("DQ48", "project.site_county_code")}


def unlisted_site(site: Site) -> Findings:
    """A county that the reference table does not know below a prefecture that it knows."""
    site.need["project"]["site_county_code"] = unlisted_county(site.factory.place.county_code)
    return {("DQ14", "project.site_county_code")}


def retired_site(site: Site) -> Findings:
    """A county that was dissolved."""
    candidates = retired_places().get(site.factory.row["department_code"], ())
    if not candidates:  # A department without a dissolved county gets a doubtful industry instead.
        return change("DQ16", "enterprise.industry_code", "4411")(site)
    site.need["project"]["site_county_code"] = site.chance.choice(candidates).county_code
    return {("DQ15", "project.site_county_code")}


def registered_elsewhere(site: Site) -> Findings:
    """A credit code of another province, in the register too."""
    site.factory.row["uscc"] = site.need["enterprise"]["uscc"] = foreign_uscc(
        site.chance, site.factory.row["department_code"]
    )
    return {("DQ33", "enterprise.uscc")}


def wrong_check_digit(site: Site) -> Findings:
    """The last digit of the credit code is wrong."""
    code = site.need["enterprise"]["uscc"]
    site.need["enterprise"]["uscc"] = code[:17] + ("1" if code[17] != "1" else "2")
    return {("DQ02", "enterprise.uscc")}


def wrong_inner_digit(site: Site) -> Findings:
    """The outer check digit is right, the organisation code's own is not."""
    code = site.need["enterprise"]["uscc"]
    body = code[:16] + ("1" if code[16] != "1" else "2")
    site.need["enterprise"]["uscc"] = body + str(uscc.calc_check_digit(body))
    return {("DQ02", "enterprise.uscc")}


def provincial(site: Site) -> Findings:
    """A factory of provincial level, in the register too."""
    site.factory.row["level"] = site.need["enterprise"]["factory_level"] = "provincial"
    return {("DQ57", "enterprise.factory_level")}


def provincial_zero_carbon(site: Site) -> Findings:
    """A provincial factory files a zero-carbon project, which only national ones may; it is one of another category."""
    site.corrected["enterprise"]["factory_level"] = "provincial"
    site.corrected["project"]["category"] = "rd_industrialisation"
    return provincial(site) | {("DQ29", "enterprise.factory_level")}


# --- Money -----------------------------------------------------------------------------------------------------------


def fund(findings: Sequence[Finding], need: str, own: str, invested: str = "0") -> Plant:
    """Other shares of the total for need, own capital and invested amount."""

    def plant(site: Site) -> Findings:
        site.fund(need, own, invested)
        return set(findings)

    return plant


def methods_differ(site: Site) -> Findings:
    """The methods add up to more than the need."""
    first = site.need["finance"]["methods"][0]
    first["amount"] = money(Decimal(first["amount"]) + 100)
    return {("DQ23", "finance.methods")}


def suspect_unit(total: str) -> Plant:
    """A total that looks like another unit than 万元, with everything in proportion.

    Only the total is suspect: of a huge one the factory asks for a usual sum, which no figure of the quarter notices.
    """

    def plant(site: Site) -> Findings:
        site.rescale(Decimal(total))
        ask_little(site)
        return {("DQ37", "finance.total_investment")}

    return plant


def ask_little(site: Site) -> None:
    """Of a huge total, a need of about 3,000 万元; the rest is own capital."""
    if site.total > 1_000_000:
        site.fund(str(3000 / site.total), "0.95")


def small_major(site: Site) -> Findings:
    """A small project filed as a major one."""
    site.need["is_major"] = True
    site.rescale(Decimal("8600.00"))
    return {("DQ64", "is_major")}


def loan_without_term(site: Site) -> Findings:
    """A loan without a term."""
    site.fund("0.60", "0.36")
    site.need["finance"]["term_months"] = None
    return {("DQ24", "finance.term_months")}


# --- Dates -----------------------------------------------------------------------------------------------------------


def no_building_time(site: Site) -> Findings:
    """Completed on the day it starts."""
    day = str(site.recommended_on + timedelta(days=200))
    site.need["project"] |= {"start_date": day, "end_date": day}
    site.need["finance"]["needed_by"] = str(site.recommended_on + timedelta(days=90))
    return {("DQ25", "project.end_date")}


def already_over(site: Site) -> Findings:
    """Completed before it was recommended."""
    recommended = site.recommended_on
    submitted = datetime.fromisoformat(site.need["submitted_at"]) - timedelta(days=40)
    site.need["submitted_at"] = submitted.isoformat(timespec="seconds")
    site.need["project"] |= {
        "start_date": str(recommended - timedelta(days=400)),
        "end_date": str(recommended - timedelta(days=5)),
    }
    site.need["finance"]["needed_by"] = str(recommended - timedelta(days=20))
    return {("DQ26", "project.end_date")}


def too_long(site: Site) -> Findings:
    """A building time of more than ten years."""
    start = date.fromisoformat(site.need["project"]["start_date"])
    site.need["project"]["end_date"] = str(start.replace(year=start.year + 10, day=1) + timedelta(days=40))
    return {("DQ50", "project.end_date")}


def needed_before_filed(site: Site) -> Findings:
    """The money was needed before the need was filed."""
    submitted = datetime.fromisoformat(site.need["submitted_at"])
    site.need["finance"]["needed_by"] = str(submitted.date() - timedelta(days=1))
    return {("DQ51", "finance.needed_by")}


def needed_after_end(site: Site) -> Findings:
    """The money is needed after completion."""
    end = date.fromisoformat(site.need["project"]["end_date"])
    site.need["finance"]["needed_by"] = str(end + timedelta(days=1))
    return {("DQ51", "finance.needed_by")}


def starts_late(site: Site) -> Findings:
    """It starts in the second year after the quarter's."""
    year = site.quarter.year + 2
    site.need["project"] |= {"start_date": f"{year}-02-01", "end_date": f"{year + 1}-06-30"}
    return {("DQ36", "project.start_date")}


def recommended_before_quarter(site: Site) -> Findings:
    """Recommended three days before the quarter began."""
    day = site.quarter.first_day - timedelta(days=3)
    recommended = datetime(day.year, day.month, day.day, 15, 20, tzinfo=SHANGHAI)
    site.need["submitted_at"] = (recommended - timedelta(days=9)).isoformat(timespec="seconds")
    site.need["review"]["recommended_at"] = recommended.isoformat(timespec="seconds")
    return {("DQ52", "review.recommended_at")}


def updated_before_filed(site: Site) -> Findings:
    """Updated before it was submitted."""
    submitted = datetime.fromisoformat(site.need["submitted_at"])
    site.need["updated_at"] = (submitted - timedelta(days=1)).isoformat(timespec="seconds")
    return {("DQ01", "updated_at")}


def from_the_future(site: Site) -> Findings:
    """Updated three years from now."""
    site.need["updated_at"] = site.need["updated_at"].replace(str(site.quarter.year), str(site.quarter.year + 3), 1)
    return {("DQ01", "updated_at")}


def without_offset(site: Site) -> Findings:
    """A time without an offset."""
    site.need["submitted_at"] = site.need["submitted_at"][:19]
    return {("DQ01", "submitted_at")}


# --- Benefits --------------------------------------------------------------------------------------------------------


def energy(findings: Sequence[Finding], per_amount: str, ratio: str, share: str) -> Plant:
    """Carbon per 万元 of investment, tCO2 per tce, saving as a share of the baseline."""

    def plant(site: Site) -> Findings:
        carbon = cents(site.total * Decimal(per_amount))
        set_energy(site.need["benefit"], carbon, Decimal(ratio), Decimal(share))
        return set(findings)

    return plant


def exact_energy(findings: Sequence[Finding], per_amount: str, ratio: str, share: str) -> Plant:
    """As `energy`, on a total that keeps every quotient exact: on the very edge of a rule."""

    def plant(site: Site) -> Findings:
        site.rescale(Decimal(9000 + 36 * site.chance.randrange(1000)))
        return energy(findings, per_amount, ratio, share)(site)

    return plant


def saving_above_baseline(site: Site) -> Findings:
    """More is saved than was used before."""
    benefit = site.need["benefit"]
    benefit["baseline_energy_tce"] = money(cents(Decimal(benefit["energy_saving_tce"]) / Decimal("1.4")))
    return {("DQ31", "benefit.energy_saving_tce")}


def no_metric(site: Site) -> Findings:
    """No metric of the direction is above zero."""
    site.need["benefit"] |= {"water_saving_m3": None, "solid_waste_used_t": "0", "pollutant_cut_t": None}
    return {("DQ65", "benefit")}


def name_without_benefit(site: Site) -> Findings:
    """The name promises savings that the benefit does not show."""
    name = site.need["project"]["name"]
    site.need["project"]["name"] = f"{name.removesuffix('项目')}（节能降碳）项目"
    return {("G07", "benefit")}


def without_review(site: Site) -> Findings:
    """No review at all."""
    site.need["review"] = None
    return {("DQ19", "review")}


def both_reviews_refused(site: Site) -> Findings:
    """Neither compliance nor need was confirmed."""
    site.need["review"] |= {"compliance_ok": False, "need_verified": None}
    return {("DQ19", "review.compliance_ok"), ("DQ19", "review.need_verified")}


def two_banks_named_twice(site: Site) -> Findings:
    """One institution named twice."""
    site.need["finance"]["intended_institutions"] = ["ICBC", "CCB", "ICBC"]
    return {("DQ11", "finance.intended_institutions")}


def existing_without_status(site: Site) -> Findings:
    """Existing financing without its status."""
    del site.need["finance"]["existing_financing"][0]["status"]
    return {("DQ12", "finance.existing_financing[0].status")}


def five_permits_missing(site: Site) -> Findings:
    """Every permit is missing: a finding for each."""
    site.need["project"]["permits"] = dict.fromkeys(PERMITS, "missing")
    return {("DQ35", f"project.permits.{name}") for name in PERMITS}

"""Clean needs at the very edge of a rule: a gate that compares with <= where the rule says < reports a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from include.base.business_time import SHANGHAI
from include.reference.calendar import china_calendar
from include.sandbox.scenario import history_plants as history
from include.sandbox.scenario.defects import FiledBy
from include.sandbox.scenario.needs import ANY_SHAPE, Shape, money
from include.sandbox.scenario.plants import Site, ask_little, exact_energy
from include.sandbox.scenario.register import national_uscc, other_batch
from include.sandbox.scenario.register_plants import list_again, three_years_before

_ENERGY = Shape(category="technical_retrofit", sub_direction="energy_carbon", energy=True, is_major=False)
_ORDINARY = Shape(is_major=False)
_PLANNED = Shape(construction_status="planned", is_major=False)


@dataclass(frozen=True, slots=True)
class Boundary:
    """A change that keeps a need clean, and its `witnesses` too."""

    name: str
    change: Callable[[Site], object]
    shape: Shape = ANY_SHAPE
    witnesses: int = 0
    filed_by: FiledBy = "own"


def _energy(per_amount: str, ratio: str, share: str) -> Callable[[Site], object]:
    return exact_energy([], per_amount, ratio, share)


def _fund(need: str, own: str, invested: str = "0") -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.rescale(Decimal("9000.00"))
        site.fund(need, own, invested)

    return change


def _total(amount: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.rescale(Decimal(amount))
        ask_little(site)

    return change


def _whole_amounts(site: Site) -> None:
    """2500 equals 2500.00."""
    site.rescale(Decimal("5000.00"))
    site.need["finance"]["financing_need"] = "3000"
    site.need["finance"]["methods"] = [
        {"method": "loan", "amount": "1000.0"},
        {"method": "loan", "amount": "2000.00"},
    ]


def _term(months: int) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.fund("0.60", "0.36")
        site.need["finance"]["term_months"] = months

    return change


def _ten_years(site: Site) -> None:
    start = date.fromisoformat(site.need["project"]["start_date"]).replace(day=15)
    site.need["project"] |= {"start_date": str(start), "end_date": str(start.replace(year=start.year + 10))}


def _needed_on_the_day_of_filing(site: Site) -> None:
    site.need["finance"]["needed_by"] = site.need["submitted_at"][:10]


def _needed_on_the_last_day(site: Site) -> None:
    site.need["finance"]["needed_by"] = site.need["project"]["end_date"]


def _first_moment(site: Site) -> None:
    first = datetime(site.quarter.year, site.quarter.first_day.month, 1, tzinfo=SHANGHAI)
    site.need["submitted_at"] = (first - timedelta(days=6)).isoformat(timespec="seconds")
    site.need["review"]["recommended_at"] = first.isoformat(timespec="seconds")


def _free_spelling(site: Site) -> None:
    """Identifiers as people type them: full width, blanks, a country code, another dash."""
    enterprise = site.need["enterprise"]
    enterprise["uscc"] = " ".join((enterprise["uscc"][:8].lower(), enterprise["uscc"][8:].lower()))
    enterprise["contact"]["mobile"] = f"+86 {enterprise['contact']['mobile'][:3]}-{enterprise['contact']['mobile'][3:]}"
    enterprise["name"] = enterprise["name"].replace("有限", "有\u200b限")
    site.need["project"]["project_code"] = site.need["project"]["project_code"].replace("-", "－")


def _enterprise(field: str, value: float) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.need["enterprise"][field] = value

    return change


def _rate(site: Site) -> None:
    site.need["finance"]["expected_rate_max"] = 15


def _no_banks(site: Site) -> None:
    site.need["finance"]["intended_institutions"] = []


def _major_of_just_enough(site: Site) -> None:
    site.need["is_major"] = True
    site.rescale(Decimal("10000.00"))


def _zero_subsidy(site: Site) -> None:
    site.need["finance"]["subsidy_amount"] = money(Decimal(0))


def _three_banks(site: Site) -> None:
    site.need["finance"]["intended_institutions"] = ["ICBC", "CDB", "CMB"]


def _shortest_texts(site: Site) -> None:
    site.need["project"]["content"] = f"余热锅炉一套{site.need['need_id']}"
    site.need["finance"]["use_of_funds"] = "购置余热锅炉"
    site.need["enterprise"]["contact"]["name"] = "林晓"


def _more_than_a_generic_use(site: Site) -> None:
    site.need["finance"]["use_of_funds"] = "主要用于项目建设所需的余热锅炉购置"


def _industry(code: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.need["enterprise"]["industry_code"] = code

    return change


def _not_filed_yet(site: Site) -> None:
    site.need["project"]["permits"]["filing"] = "in_progress"
    site.need["project"]["project_code"] = None


def _ends_on_the_day_of_the_recommendation(site: Site) -> None:
    day = site.recommended_on
    site.need["project"] |= {"start_date": str(day - timedelta(days=300)), "end_date": str(day)}
    site.need["finance"]["needed_by"] = str(day)


def _starts_on_the_last_day_of_next_year(site: Site) -> None:
    year = site.quarter.year + 1
    site.need["project"] |= {"start_date": f"{year}-12-31", "end_date": f"{year + 2}-06-30"}


def _last_moment(site: Site) -> None:
    last = china_calendar().deadline(site.quarter) - timedelta(seconds=1)
    site.need["review"]["recommended_at"] = last.isoformat(timespec="seconds")


def _registered_nationally(site: Site) -> None:
    site.factory.row["uscc"] = site.need["enterprise"]["uscc"] = national_uscc(site.chance)


# --- Against the register --------------------------------------------------------------------------------------------


def _former_name(site: Site) -> None:
    site.factory.row["aliases"] = ["旧厂名有限公司", site.factory.row["name"]]
    site.factory.row["name"] = site.factory.row["name"].replace("有限", "科技有限", 1)


def _name_in_other_letters(site: Site) -> None:
    name = site.factory.row["name"]
    site.factory.row["name"] = name.replace("有限", "（CN）有限", 1)
    site.need["enterprise"]["name"] = name.replace("有限", " (ｃｎ) 有限 ", 1)


def _batch_in_other_letters(site: Site) -> None:
    wide = {ord(str(digit)): ord("０") + digit for digit in range(10)}
    site.need["enterprise"]["factory_batch"] = " ".join(site.factory.row["batch"].translate(wide))


def _listed_on_the_day(site: Site) -> None:
    site.factory.row["listed_on"] = str(site.recommended_on)


def _another_listing_from_the_next_day(site: Site) -> None:
    """Removed the day after the recommendation, when a listing under another batch begins."""
    row, day = site.factory.row, str(site.recommended_on + timedelta(days=1))
    later = dict(row) | {"listed_on": day, "batch": other_batch(site.chance, row["batch"])}
    site.factory.other_rows.append(later)
    row["removed_on"] = day


def _removed_three_years_ago(site: Site) -> None:
    list_again(site, three_years_before(site.recommended_on))


def _another_plant_listed(site: Site) -> None:
    """The first row of the credit code is of another plant, of which nothing agrees with the need."""
    row = site.factory.row
    first = dict(row) | {
        "name": f"{row['name']}（二厂）",
        "aliases": [],
        "level": "municipal",
        "batch": other_batch(site.chance, row["batch"]),
        "department_code": "460000" if row["department_code"] != "460000" else "540000",
        "listed_on": "2017-01-03",
    }
    site.factory.other_rows.append(first)


# --- Against other needs and earlier contents ------------------------------------------------------------------------


def _same_name_own_code(site: Site) -> None:
    """Two projects of one name, each with a code of its own."""
    history.name_both(site, "", "")


def _names_less_alike(site: Site) -> None:
    """17 of 19 characters: just below nine parts of ten."""
    history.names_alike(site, tail=2, length=19)


def _name_of_another(site: Site) -> None:
    """The name of another enterprise's project, and no code."""
    history.names_alike(site, tail=0, length=20)


def _three_needs_two_enterprises(site: Site) -> None:
    history.share_mobile(site)
    history.share_content(site)


def _two_enterprises(site: Site) -> None:
    history.share_benefit(site)
    history.share_content(site)
    history.share_mobile(site)


def _benefit_raised_by_a_fifth(site: Site) -> None:
    before = history.revise(site, "1.20")
    for need in (before, site.need):
        need["benefit"]["basis"] = "feasibility_study"


def _benefit_raised_with_a_new_report(site: Site) -> None:
    before = history.revise(site, "1.5")
    before["attachments"] = [history.report("a")]
    site.need["attachments"] = [history.report("a"), history.report("c")]
    site.need["benefit"]["basis"] = "third_party"


def _metric_without_a_former_value(site: Site) -> None:
    before = history.revise(site, "1.5", ("energy_saving_tce", "baseline_energy_tce"))
    before["benefit"]["energy_saving_tce"] = None


def _updated_with_no_change(site: Site) -> None:
    before = history.filed_before(site)
    before["review"]["recommended_at"] = site.need["review"]["recommended_at"]


BOUNDARIES: tuple[Boundary, ...] = (
    Boundary("sources at 102 %", _fund("0.62", "0.40"), _ORDINARY),
    Boundary("sources at 90 %", _fund("0.60", "0.30"), _ORDINARY),
    Boundary("own capital at 20 %", _fund("0.75", "0.20"), _ORDINARY),
    Boundary(
        "need equals what is left",
        _fund("0.60", "0.36", "0.40"),
        Shape(construction_status="under_construction", is_major=False),
    ),
    Boundary("total 100", _total("100.00"), _ORDINARY),
    Boundary("total 5,000,000", _total("5000000.00")),
    Boundary("whole amounts", _whole_amounts, _ORDINARY),
    Boundary(
        "almost complete",
        _fund("0.04", "0.92", "0.9499"),
        Shape(construction_status="under_construction", is_major=False),
    ),
    Boundary("term 12", _term(12)),
    Boundary("term 120", _term(120)),
    Boundary("ratio 1.5", _energy("1.5", "1.5", "0.25"), _ENERGY),
    Boundary("ratio 4.5", _energy("1.5", "4.5", "0.25"), _ENERGY),
    Boundary("carbon 15 a 万元", _energy("15", "2.5", "0.25"), _ENERGY),
    Boundary("carbon 0.05 a 万元", _energy("0.05", "2.5", "0.25"), _ENERGY),
    Boundary("saving 60 % of the baseline", _energy("1.5", "2.5", "0.60"), _ENERGY),
    Boundary("ten years", _ten_years),
    Boundary("needed on the day of filing", _needed_on_the_day_of_filing),
    Boundary("needed on the last day", _needed_on_the_last_day),
    Boundary("first moment of the quarter", _first_moment, _PLANNED),
    Boundary("last moment of the quarter", _last_moment, _ORDINARY),
    Boundary(
        "ends on the day of the recommendation",
        _ends_on_the_day_of_the_recommendation,
        Shape(construction_status="under_construction", is_major=False),
    ),
    Boundary("starts on the last day of next year", _starts_on_the_last_day_of_next_year, _PLANNED),
    Boundary("last division of manufacturing", _industry("4390")),
    Boundary("data centre", _industry("6450"), Shape(category="technical_retrofit", sub_direction="green_data_centre")),
    Boundary("not filed yet", _not_filed_yet, _PLANNED),
    Boundary("shortest texts", _shortest_texts),
    Boundary("more than a generic use", _more_than_a_generic_use),
    Boundary("free spelling", _free_spelling),
    Boundary("debt 60 %", _enterprise("debt_ratio", 60)),
    Boundary("debt 0", _enterprise("debt_ratio", 0)),
    Boundary("rate 15 %", _rate),
    Boundary("no intended institution", _no_banks),
    Boundary("three intended institutions", _three_banks),
    Boundary("registered nationally", _registered_nationally),
    Boundary("major of just enough", _major_of_just_enough, _ORDINARY),
    Boundary("no subsidy", _zero_subsidy),
    Boundary("former name", _former_name),
    Boundary("name in other letters", _name_in_other_letters),
    Boundary("batch in other letters", _batch_in_other_letters),
    Boundary("listed on the day", _listed_on_the_day),
    Boundary("another listing from the next day", _another_listing_from_the_next_day),
    Boundary("removed three years ago", _removed_three_years_ago),
    Boundary("another plant listed", _another_plant_listed),
    Boundary("same name, own code", history.after_its_witnesses(_same_name_own_code), ANY_SHAPE, 1, "witness"),
    Boundary("names less alike", history.after_its_witnesses(_names_less_alike), _PLANNED, 1, "witness"),
    Boundary("name of another", history.after_its_witnesses(_name_of_another), _PLANNED, 1),
    Boundary("two enterprises", history.after_its_witnesses(_two_enterprises), _ENERGY, 1),
    Boundary(
        "three needs of two enterprises",
        history.after_its_witnesses(_three_needs_two_enterprises),
        ANY_SHAPE,
        2,
        "witness",
    ),
    Boundary("benefit raised by a fifth", _benefit_raised_by_a_fifth, _ENERGY),
    Boundary("benefit raised with a new report", _benefit_raised_with_a_new_report, _ENERGY),
    Boundary("metric without a former value", _metric_without_a_former_value, _ENERGY),
    Boundary("updated with no change", _updated_with_no_change),
)

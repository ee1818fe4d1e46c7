"""Clean needs at the very edge of a rule: a gate that compares with <= where the rule says < finds something here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from include.domain.calendar import SHANGHAI
from include.sandbox.needs import ANY_SHAPE, Shape, cents, money, set_energy
from include.sandbox.plants import Site

_ENERGY = Shape(category="technical_retrofit", sub_direction="energy_carbon", energy=True, is_major=False)
_ORDINARY = Shape(is_major=False)
_PLANNED = Shape(construction_status="planned", is_major=False)


@dataclass(frozen=True, slots=True)
class Boundary:
    """A change that keeps a need clean."""

    name: str
    change: Callable[[Site], None]
    shape: Shape = ANY_SHAPE


def _energy(per_amount: str, ratio: str, share: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        # a total that keeps every quotient exact
        site.rescale(Decimal("9000.00"))
        set_energy(site.need["benefit"], cents(site.total * Decimal(per_amount)), Decimal(ratio), Decimal(share))

    return change


def _fund(need: str, own: str, invested: str = "0") -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.rescale(Decimal("9000.00"))
        site.fund(need, own, invested)

    return change


def _total(amount: str) -> Callable[[Site], None]:
    return lambda site: site.rescale(Decimal(amount))


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
    Boundary("free spelling", _free_spelling),
    Boundary("debt 60 %", _enterprise("debt_ratio", 60)),
    Boundary("debt 0", _enterprise("debt_ratio", 0)),
    Boundary("rate 15 %", _rate),
    Boundary("no intended institution", _no_banks),
    Boundary("major of just enough", _major_of_just_enough, _ORDINARY),
    Boundary("no subsidy", _zero_subsidy),
)

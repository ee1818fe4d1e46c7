"""The register of green factories (绿色工厂名单): the batches of 2017 to 2025, renamings and removals of the handbook's section 13."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from include.domain.identifiers import XPCC, make_uscc
from include.reference import rows
from include.sandbox.scenario.names import company_name, trade_name
from include.sandbox.scenario.places import Place, places

_BODY_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_BATCHES = (
    ("第一批", "2017-08-24", 201, 0),
    ("第二批", "2018-02-28", 208, 0),
    ("第三批", "2018-11-12", 391, 0),
    ("第四批", "2019-09-10", 602, 0),
    ("第五批", "2020-10-16", 719, 0),
    ("2021年度", "2022-01-20", 662, 0),
    ("2022年度", "2023-03-24", 874, 41),
    ("2023年度", "2024-01-19", 1488, 9),
    ("2024年度", "2025-01-20", 1382, 47),
    ("2025年度", "2026-03-11", 2038, 132),
)
"""(batch, day of publication, factories added, factories removed on that day)."""

_WEIGHTS = {
    "110000": 13,
    "120000": 17,
    "130000": 33,
    "140000": 15,
    "150000": 18,
    "210000": 17,
    "210200": 6,
    "220000": 11,
    "230000": 9,
    "310000": 20,
    "320000": 62,
    "330000": 52,
    "330200": 15,
    "340000": 42,
    "350000": 22,
    "350200": 9,
    "360000": 26,
    "370000": 52,
    "370200": 13,
    "410000": 45,
    "420000": 28,
    "430000": 31,
    "440000": 50,
    "440300": 14,
    "450000": 18,
    "460000": 3,
    "500000": 22,
    "510000": 28,
    "520000": 11,
    "530000": 15,
    "540000": 2,
    "610000": 19,
    "620000": 11,
    "630000": 4,
    "640000": 9,
    "650000": 13,
    "660000": 6,
}
"""How the factories spread over the 37 departments (an assumption of ours, roughly the industry's)."""

_RENAMED = 0.04
_PLANNED_CITY_PROVINCES = {
    "210200": "210000",
    "330200": "330000",
    "350200": "350000",
    "370200": "370000",
    "440300": "440000",
}


@dataclass(slots=True)
class Factory:
    """A factory: its row of the register, and what else the scenario knows of it. `other_rows` have the same uscc."""

    row: dict[str, Any]
    place: Place
    industry_code: str
    own_name: str
    other_rows: list[dict[str, Any]] = field(default_factory=list)


def spread(total: int, codes: list[str], least: int = 0) -> dict[str, int]:
    """`total` shared among departments by weight (largest remainder), each at least `least` if it suffices."""
    least = least if total >= least * len(codes) else 0
    weight = sum(_WEIGHTS[code] for code in codes)
    exact = {code: max(0, total - least * len(codes)) * _WEIGHTS[code] / weight for code in codes}
    shares = {code: least + int(exact[code]) for code in codes}
    by_remainder = sorted(codes, key=lambda code: (int(exact[code]) - exact[code], code))
    for code in by_remainder[: total - sum(shares.values())]:
        shares[code] += 1
    return shares


def make_factories(chance: random.Random, counts: dict[str, int]) -> dict[str, list[Factory]]:
    """Factories by department, `counts` of each, listed in the batches' proportions, without removals."""
    industries = [row["code"] for row in rows("industries") if row["level"] == "class" and "13" <= row["code"] < "44"]
    batches = [(batch, day) for batch, day, _, _ in _BATCHES]
    weights = [added for _, _, added, _ in _BATCHES]
    taken: set[str] = set()
    made: dict[str, list[Factory]] = {}
    for department, count in counts.items():
        for _ in range(count):
            batch, day = chance.choices(batches, weights)[0]
            made.setdefault(department, []).append(_factory(chance, department, batch, day, industries, taken))
    return made


def _factory(
    chance: random.Random, department: str, batch: str, day: str, industries: list[str], taken: set[str]
) -> Factory:
    place = chance.choice(places()[department])
    industry = chance.choice(industries)
    own_name = trade_name(chance)
    name = company_name(chance, place.city_name, own_name, industry[:2])
    while name in taken:
        own_name = trade_name(chance)
        name = company_name(chance, place.city_name, own_name, industry[:2])
    taken.add(name)
    uscc = _uscc(chance, place.county_code)
    while uscc in taken:
        uscc = _uscc(chance, place.county_code)
    taken.add(uscc)
    aliases = []
    if chance.random() < _RENAMED:
        aliases.append(company_name(chance, place.city_name, trade_name(chance), industry[:2]))
    row = {
        "uscc": uscc,
        "name": name,
        "aliases": aliases,
        "level": "national",
        "batch": batch,
        "department_code": department,
        "listed_on": day,
        "removed_on": None,
    }
    return Factory(row, place, industry, own_name)


def list_before(chance: random.Random, factory: Factory, day: date) -> None:
    """Move a factory from a later batch into one published before `day`; the scenario is in the past."""
    if factory.row["listed_on"] < str(day):
        return
    earlier = [(batch, published) for batch, published, _, _ in _BATCHES if published < str(day)]
    batch, published = chance.choice(earlier) if earlier else ("第一批", str(day - timedelta(days=30)))
    factory.row |= {"batch": batch, "listed_on": published}


def _uscc(chance: random.Random, region: str) -> str:
    body = "MA" + "".join(chance.choice(_BODY_ALPHABET) for _ in range(6))
    return make_uscc("91" + region, body)


def unlisted_uscc(chance: random.Random, factory: Factory) -> str:
    """A valid credit code registered in the factory's place that the register does not have (DQ40)."""
    return _uscc(chance, factory.place.county_code)


def other_batch(chance: random.Random, batch: str) -> str:
    """Another batch than `batch`."""
    return chance.choice([name for name, _, _, _ in _BATCHES if name != batch])


def branch_of(chance: random.Random, factory: Factory, department: str) -> Factory:
    """Another plant of `factory` under its credit code, in the area of `department` and listed there too."""
    place = chance.choice(places()[department])
    row = factory.row | {
        "name": f"{factory.row['name']}（{place.county_name}厂区）",
        "aliases": [],
        "department_code": department,
    }
    return Factory(row, place, factory.industry_code, factory.own_name)


def foreign_uscc(chance: random.Random, department: str) -> str:
    """A credit code registered in another province than the department's (DQ33)."""
    province = "650000" if department == XPCC else _PLANNED_CITY_PROVINCES.get(department, department)
    other = chance.choice([code for code in places() if code[:2] not in (province[:2], "66")])
    return _uscc(chance, chance.choice(places()[other]).county_code)


def national_uscc(chance: random.Random) -> str:
    """A credit code registered with the national authority, whatever the province (DQ33 lets it be)."""
    return _uscc(chance, "100000")


def remove_some(chance: random.Random, factories: list[Factory], total: int) -> None:
    """Remove factories from the register on the days of the yearly rounds; `factories` are those that file nothing."""
    scale = total / sum(added for _, _, added, _ in _BATCHES)
    for _, day, _, removed in _BATCHES:
        candidates = [f for f in factories if f.row["listed_on"] < day and f.row["removed_on"] is None]
        for factory in chance.sample(candidates, min(len(candidates), round(removed * scale))):
            factory.row["removed_on"] = day

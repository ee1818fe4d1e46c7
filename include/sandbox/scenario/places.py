"""Places of the departments: cities of the reference table, counties of python-stdnum's table (GB/T 2260)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from include.domain.identifiers import XPCC, department_of, prefecture
from include.reference import policy, rows
from include.reference.places import county_overrides

_LINE = re.compile(r'  ([0-9]{4}) county="(.*)"')
_INTERVAL = re.compile(r"\[([0-9]*)-([0-9]*)\](.*)")


@dataclass(frozen=True, slots=True)
class Place:
    """A county with the city that the form asks for."""

    county_code: str
    county_name: str
    city_code: str
    city_name: str


@cache
def places() -> Mapping[str, tuple[Place, ...]]:
    """Places of factories by department code: counties that exist today."""
    return MappingProxyType({code: tuple(found) for code, found in _by_department(retired=False).items()})


@cache
def retired_places() -> Mapping[str, tuple[Place, ...]]:
    """Counties that were dissolved before 2015, by department code; not every department has one."""
    return MappingProxyType({code: tuple(found) for code, found in _by_department(retired=True).items()})


@cache
def known_codes() -> frozenset[str]:
    """Every code that is known, to the table of counties or as an override."""
    return frozenset(code for code, _, _ in _entries())


def unlisted_county(city_code: str) -> str:
    """A code below the same prefecture that no table knows, as a newly founded district would have."""
    head = prefecture(city_code)[:4]
    return next(head + str(number) for number in range(98, 50, -1) if head + str(number) not in known_codes())


def _by_department(*, retired: bool) -> dict[str, list[Place]]:
    cities = {row["code"]: row for row in rows("cities")}
    county_less = policy().listed("county_less_cities")
    found: dict[str, list[Place]] = {}
    for code, name, ended in _entries():
        if (ended is not None) != retired or (ended is not None and ended >= 2015):
            continue
        if code.endswith("00") and code not in county_less:
            continue
        city = cities.get(code) or cities.get(prefecture(code))
        if city is None:
            continue
        department = XPCC if city["department_code"] == XPCC else department_of(code)
        if department == city["department_code"]:
            found.setdefault(department, []).append(Place(code, name, city["code"], city["name"]))
    return found


@cache
def _entries() -> tuple[tuple[str, str, int | None], ...]:
    """(code, name today, year in which it ended) of every entry of the table, and of every override."""
    entries = [(one.code, one.name, one.until.year if one.until else None) for one in county_overrides().values()]
    province = ""
    for line in (files("stdnum.cn") / "loc.dat").read_text(encoding="utf-8").splitlines():
        if line[:2].isdigit():
            province = line[:2]
        elif matched := _LINE.fullmatch(line):
            name, ended = _newest(matched[2])
            entries.append((province + matched[1], name, ended))
    return tuple(entries)


def _newest(entry: str) -> tuple[str, int | None]:
    name, ended = "", 0
    for part in entry.split(","):
        interval = _INTERVAL.fullmatch(part)
        if interval is None or not interval[2]:
            return (interval[3] if interval else part), None
        if int(interval[2]) >= ended:
            name, ended = interval[3], int(interval[2])
    return name, ended

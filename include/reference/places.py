"""Places (行政区划, GB/T 2260): which codes exist, and until when. county_overrides.csv is asked first, since python-stdnum's table
of counties is behind the changes of divisions; what it lists is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Literal

from stdnum import numdb

from include.reference import rows

LocStatus = Literal["unknown", "retired", "current"]

_ENTRY = re.compile(r"\[(?:[0-9]*)-([0-9]*)\].*")
_STILL_IN_USE = 9999


@dataclass(frozen=True, slots=True)
class CountyOverride:
    """A county that python-stdnum's table lacks; `until`: the last day on which its code was in use, None today."""

    code: str
    name: str
    until: date | None


@cache
def county_overrides() -> Mapping[str, CountyOverride]:
    """The overrides by code of the county."""
    return MappingProxyType(
        {
            r["code"]: CountyOverride(r["code"], r["name"], date.fromisoformat(r["until"]) if r["until"] else None)
            for r in rows("county_overrides")
        }
    )


def loc_status(region_code: str, year: int) -> LocStatus:
    """Whether the code is known, and whether it was still in use in `year`."""
    last_year = _last_year_in_use(region_code)
    if last_year is None:
        return "unknown"
    return "retired" if last_year < year else "current"


@cache
def _last_year_in_use(region_code: str) -> int | None:
    if override := county_overrides().get(region_code):
        return override.until.year if override.until else _STILL_IN_USE
    parts = numdb.get("cn/loc").info(region_code)
    entry = next((properties["county"] for _, properties in parts if "county" in properties), None)
    if entry is None:
        return None
    ends = []
    for name in entry.split(","):
        interval = _ENTRY.fullmatch(name)
        ends.append(int(interval[1]) if interval and interval[1] else _STILL_IN_USE)
    return max(ends)

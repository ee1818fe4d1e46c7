"""The functions of the handbook's section 4 and the checks of its section 9, written down once more as they stand there.

Nothing of the pipeline is used but its tables (CSV): this is what the gate is compared with.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from stdnum import numdb
from stdnum.cn import uscc

from include.reference import rows

EMAIL = (
    r"[A-Za-z0-9.!#$%&'*+/=?^_{}~-]{1,64}@"
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)
PLANNED_CITIES = ("2102", "3302", "3502", "3702", "4403")
SHANGHAI = timezone(timedelta(hours=8))
"""Good for every date of the form's range: mainland China has kept +08:00 since 1992."""


def full_match(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def normalise_text(text: str) -> str:
    shown = "".join(one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    return "".join(one for one in " ".join(shown.split()) if unicodedata.category(one) != "Cc")


def normalise_id(text: str) -> str:
    dropped = " \u2212"
    upper = normalise_text(text).upper()
    return "".join(one for one in upper if one not in dropped and unicodedata.category(one) != "Pd")


def normalise_mobile(text: str) -> str:
    number = normalise_id(text)
    return number[-11:] if re.fullmatch(r"(\+86|0086|86)1[0-9]{10}", number) else number


def skeleton(text: str) -> str:
    return "".join(one for one in normalise_text(text).casefold() if one.isalnum())


def name_key(text: str) -> str:
    return normalise_text(text).casefold().replace(" ", "")


def is_credit_code(text: str) -> bool:
    code = normalise_id(text)
    return bool(uscc.is_valid(code)) and organisation_digit(code[8:16]) == code[16]


def organisation_digit(base: str) -> str:
    values = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    k = 11 - sum(values.index(one) * weight for one, weight in zip(base, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return {10: "X", 11: "0"}.get(k, str(k))


@lru_cache
def provinces() -> frozenset[str]:
    """The codes of the 31 provinces: departments that are neither a planned city nor the XPCC."""
    return frozenset(
        row["code"] for row in rows("departments") if row["planned_city"] == "false" and row["code"] != "660000"
    )


def department_of(code: str) -> str:
    return code[:4] + "00" if code[:4] in PLANNED_CITIES else code[:2] + "0000"


def prefecture(code: str) -> str:
    return code if code.endswith("00") else code[:4] + "00"


@lru_cache(maxsize=10_000)
def loc_status(code: str, year: int) -> str:
    """unknown, retired or current in the year; county_overrides.csv is asked first."""
    for row in rows("county_overrides"):
        if row["code"] == code:
            return "retired" if row["until"] and int(row["until"][:4]) < year else "current"
    entry = [part[1]["county"] for part in numdb.get("cn/loc").info(code) if part[1].get("county")]
    if not entry:
        return "unknown"
    ends = [re.match(r"\[[0-9]*-([0-9]*)\]", interval) for interval in entry[0].split(",")]
    over = all(end is not None and end[1] != "" and int(end[1]) < year for end in ends)
    return "retired" if over else "current"


def day_of(text: str) -> date | None:
    """A day written YYYY-MM-DD in 2000-01-01..2100-12-31; None for anything else."""
    if not full_match("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        day = date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(2100, 12, 31) else None


def instant_of(text: Any) -> datetime | None:
    """An RFC 3339 date-time with an offset; fractions finer than a microsecond are cut. None for anything else."""
    shape = (
        "([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
    )
    found = re.fullmatch(shape, text) if isinstance(text, str) else None
    if found is None:
        return None
    *parts, fraction, offset = found.groups()
    sign = -1 if offset[0] == "-" else 1
    hours, minutes = (0, 0) if offset in "Zz" else (int(offset[1:3]), int(offset[4:]))
    if hours > 23 or minutes > 59:
        return None
    micro = int(((fraction or ".")[1:] + "000000")[:6])
    year, month, day, hour, minute, second = (int(part) for part in parts)
    try:
        there = datetime(year, month, day, hour, minute, second, micro)
        return (there - sign * timedelta(hours=hours, minutes=minutes)).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def add_years(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)

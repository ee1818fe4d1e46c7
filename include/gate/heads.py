"""The head of each record: DQ01, the review (DQ19), the moments, and RD, the day that rules look at.

Moments are compared exactly, whatever their offset and however many digits their fraction has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.domain.calendar import SHANGHAI
from include.domain.quarter import Quarter
from include.gate.columns import FieldValues, flag_values, is_blank, text_values
from include.reference import Policy, departments
from include.reference.calendar import china_calendar

HEAD_FIELDS = (
    "need_id",
    "revision",
    "form_version",
    "quarter",
    "is_major",
    "department_code",
    "submitted_at",
    "updated_at",
    "review.recommended_at",
)
UNADDRESSABLE = frozenset({"need_id", "revision"})
"""Head fields without which no return can be addressed: the record is held whatever else is wrong."""

_NEED_ID = re.compile(r"FN[0-9]{12}")
_QUARTER = re.compile(r"20[0-9]{2}Q[1-4]")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.]([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DAY_SECONDS = 86_400
_LOCAL_OFFSET = 8 * 3600

Moment = tuple[int, str]
"""Seconds since the day 0001-01-01 minus one day (UTC), and the digits of the fraction without trailing zeros."""


def moment(text: object) -> Moment | None:
    """An RFC 3339 date-time with an offset, comparable with others; None for anything else."""
    found = _DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    day, time = _day_seconds(found[1]), _time_seconds(found[2], found[4])
    return None if day is None or time is None else (day + time, (found[3] or "").rstrip("0"))


@lru_cache(maxsize=2**12)
def _day_seconds(text: str) -> int | None:
    try:
        return date.fromisoformat(text).toordinal() * _DAY_SECONDS
    except ValueError:
        return None


@lru_cache(maxsize=2**17)
def _time_seconds(time: str, offset: str) -> int | None:
    """Seconds since midnight UTC of a time 09:30:00 and an offset +08:00 or Z; None where there is no such time."""
    hour, minute, second = int(time[:2]), int(time[3:5]), int(time[6:])
    offset_hour, offset_minute = (int(offset[1:3]), int(offset[4:])) if len(offset) > 1 else (0, 0)
    # RFC 3339 knows the leap second 60.
    if hour > 23 or minute > 59 or second > 60 or offset_hour > 23 or offset_minute > 59:
        return None
    ahead = (offset_hour * 60 + offset_minute) * 60 * (-1 if offset[0] == "-" else 1)
    return hour * 3600 + minute * 60 + second - ahead


def moment_of(when: datetime) -> Moment:
    """An aware datetime as a moment."""
    local = when.astimezone(SHANGHAI)
    seconds = local.toordinal() * _DAY_SECONDS + local.hour * 3600 + local.minute * 60 + local.second
    return seconds - _LOCAL_OFFSET, f"{local.microsecond:06d}".rstrip("0")


def local_day(when: Moment) -> date:
    """The day in Asia/Shanghai that a moment lies in."""
    ordinal = (when[0] + _LOCAL_OFFSET) // _DAY_SECONDS
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))


@dataclass(frozen=True, slots=True)
class Heads:
    """What the rules use of the heads of a batch, one entry a need; None where it is not usable."""

    faults: tuple[FieldValues, ...]
    review: tuple[FieldValues, ...]
    department: NDArray[Any]
    quarter: NDArray[Any]
    is_major: NDArray[Any]
    submitted: NDArray[Any]
    submitted_on: NDArray[Any]
    recommended: NDArray[Any]
    judged_on: NDArray[Any]


def read_heads(records: Sequence[Mapping[str, Any]], checked_at: datetime, policy: Policy) -> Heads:
    """Read the heads of `records` as of `checked_at` (aware). `judged_on` is RD, as a date."""
    latest = moment_of(checked_at + timedelta(seconds=policy.integer("clock_skew_seconds")))
    today = checked_at.astimezone(SHANGHAI).date()
    versions = frozenset(policy.listed("supported_form_versions"))
    known_departments = frozenset(departments())

    reviews = [record.get("review") for record in records]
    reviewed = np.array([isinstance(review, dict) for review in reviews], dtype=bool)
    given: list[Mapping[str, Any]] = [review if isinstance(review, dict) else {} for review in reviews]
    recommended_at = [review.get("recommended_at") for review in given]
    no_recommendation = [_is_absent(value) for value in recommended_at]

    # A time of submission that lies in the future is not usable: nothing is measured by it.
    submitted = [
        when if when is not None and when <= latest else None
        for when in _moments(record.get("submitted_at") for record in records)
    ]
    updated = _moments(record.get("updated_at") for record in records)
    recommended = _moments(recommended_at)

    faults = {
        "need_id": [_matches(_NEED_ID, record.get("need_id")) for record in records],
        "revision": [type(revision := record.get("revision")) is int and revision >= 1 for record in records],
        "form_version": [_is_one_of(record.get("form_version"), versions) for record in records],
        "quarter": [_matches(_QUARTER, record.get("quarter")) for record in records],
        "is_major": [type(record.get("is_major")) is bool for record in records],
        "department_code": [_is_one_of(record.get("department_code"), known_departments) for record in records],
        "submitted_at": [when is not None for when in submitted],
        "updated_at": _in_order(updated, submitted, latest),
        "review.recommended_at": [
            absent or in_order
            for absent, in_order in zip(no_recommendation, _in_order(recommended, submitted, latest), strict=True)
        ],
    }
    always = np.ones(len(records), dtype=bool)
    sound = {path: np.array(values, dtype=bool) for path, values in faults.items()}
    usable_recommendation = sound["review.recommended_at"] & ~np.array(no_recommendation, dtype=bool)
    recommended_on = _usable(recommended, usable_recommendation)
    submitted_at = _usable(submitted, sound["submitted_at"])
    review_flags = (
        flag_values("review", reviewed, ~reviewed),
        flag_values("review.compliance_ok", _true(given, "compliance_ok"), reviewed),
        flag_values("review.need_verified", _true(given, "need_verified"), reviewed),
        flag_values("review.recommended_at", ~np.array(no_recommendation, dtype=bool), reviewed),
        flag_values("review.recommended_by", _present(given, "recommended_by"), reviewed),
    )
    return Heads(
        faults=tuple(flag_values(path, sound[path], always) for path in HEAD_FIELDS),
        review=review_flags,
        department=_usable([record.get("department_code") for record in records], sound["department_code"]),
        quarter=_usable([record.get("quarter") for record in records], sound["quarter"]),
        is_major=_usable([record.get("is_major") for record in records], sound["is_major"]),
        submitted=submitted_at,
        submitted_on=_days(submitted_at),
        recommended=recommended_on,
        judged_on=_objects([today if when is None else local_day(when) for when in recommended_on]),
    )


@cache
def quarter_span(quarter: str, cutoff_inclusive: bool) -> tuple[int, int]:
    """First second of a quarter and the first second past its cut-off, both as the seconds of a Moment."""
    parsed = Quarter.parse(quarter)
    begin = datetime(parsed.year, parsed.number * 3 - 2, 1, tzinfo=SHANGHAI)
    deadline = china_calendar().deadline(parsed, cutoff_inclusive)
    return moment_of(begin)[0], moment_of(deadline)[0]


def _in_order(moments: Sequence[Moment | None], submitted: Sequence[Moment | None], latest: Moment) -> list[bool]:
    return [
        when is not None and when <= latest and not (before is not None and when < before)
        for when, before in zip(moments, submitted, strict=True)
    ]


def _moments(values: Any) -> list[Moment | None]:
    known: dict[str, Moment | None] = {}
    moments: list[Moment | None] = []
    for value in values:
        if not isinstance(value, str):
            moments.append(None)
            continue
        if value not in known:
            known[value] = moment(value)
        moments.append(known[value])
    return moments


def _usable(values: Sequence[Any], sound: NDArray[np.bool_]) -> NDArray[Any]:
    return _objects([value if good else None for value, good in zip(values, sound.tolist(), strict=True)])


def _days(moments: NDArray[Any]) -> NDArray[Any]:
    return _objects([None if when is None else local_day(when) for when in moments])


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and is_blank(value))


def _true(objects: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.bool_]:
    return np.array([value.get(name) is True for value in objects], dtype=bool)


def _present(objects: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.bool_]:
    present = text_values(name, [value.get(name) for value in objects])
    return ~present.absent

"""The head of each record: DQ01, the review (DQ19), the moments, and RD, the day that rules look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.base.business_time import SHANGHAI
from include.domain.characters import matching
from include.domain.identity import NEED_ID, QUARTER, usable_revision
from include.domain.quarter import Quarter
from include.gate.engine.columns import ABSENT, FieldValues, as_texts, flag_values, listed_values, members, text_values
from include.gate.engine.moments import Moments, moment_of, read_moments
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
_HEAD = tuple(path for path in HEAD_FIELDS if "." not in path)
_REVIEW = ("compliance_ok", "need_verified", "recommended_at", "recommended_by")
_NO_REVIEW = dict.fromkeys(_REVIEW)


@dataclass(frozen=True, slots=True)
class Heads:
    """What rules use of the heads of a batch, one entry a need; absent (None) if not usable."""

    faults: tuple[FieldValues, ...]
    review: tuple[FieldValues, ...]
    need_ids: Sequence[str | None]
    revisions: Sequence[int | None]
    department: FieldValues
    quarter: FieldValues
    is_major: FieldValues
    submitted: Moments
    recommended: Moments
    judged_on: FieldValues


def read_heads(records: Sequence[Mapping[str, Any]], checked_at: datetime, policy: Policy) -> Heads:
    """Read the heads of `records` as of `checked_at` (aware). `judged_on` is RD, as a date."""
    latest = moment_of(checked_at + timedelta(seconds=policy.integer("clock_skew_seconds")))
    today = checked_at.astimezone(SHANGHAI).date()
    versions = frozenset(policy.listed("supported_form_versions"))

    given = dict(zip((*_HEAD, "review"), members(records, (*_HEAD, "review")), strict=True))
    reviewed = np.array([isinstance(review, dict) for review in given["review"]], dtype=bool)
    reviews: list[Mapping[str, Any]] = [
        review if isinstance(review, dict) else _NO_REVIEW for review in given["review"]
    ]
    review = dict(zip(_REVIEW, members(reviews, _REVIEW), strict=True))
    recommended_given = _present(review["recommended_at"])

    # A submission in the future is not usable: nothing is measured by it.
    submitted = read_moments(given["submitted_at"])
    submitted = submitted.only(submitted.not_after(latest))
    updated = read_moments(given["updated_at"])
    recommended = read_moments(review["recommended_at"])
    revisions = list(map(usable_revision, given["revision"]))
    sound = {
        "need_id": matching(NEED_ID, as_texts(given["need_id"])),
        "revision": np.array([revision is not None for revision in revisions], dtype=bool),
        "form_version": _each(given["form_version"], lambda version: isinstance(version, str) and version in versions),
        "quarter": matching(QUARTER, as_texts(given["quarter"])),
        "is_major": _each(given["is_major"], lambda major: type(major) is bool),
        "department_code": _each(
            given["department_code"], lambda code: isinstance(code, str) and code in departments()
        ),
        "submitted_at": submitted.known,
        "updated_at": updated.not_after(latest) & ~updated.earlier_than(submitted),
        "review.recommended_at": ~recommended_given
        | (recommended.not_after(latest) & ~recommended.earlier_than(submitted)),
    }
    recommended = recommended.only(sound["review.recommended_at"] & recommended_given)
    always = np.ones(len(records), dtype=bool)
    return Heads(
        faults=tuple(flag_values(path, sound[path], always) for path in HEAD_FIELDS),
        review=(
            flag_values("review", reviewed, ~reviewed),
            flag_values("review.compliance_ok", _true(review["compliance_ok"]), reviewed),
            flag_values("review.need_verified", _true(review["need_verified"]), reviewed),
            flag_values("review.recommended_at", recommended_given, reviewed),
            flag_values("review.recommended_by", _present(review["recommended_by"]), reviewed),
        ),
        need_ids=_usable(given["need_id"], sound["need_id"]),
        revisions=revisions,
        department=listed_values("department_code", _usable(given["department_code"], sound["department_code"])),
        quarter=listed_values("quarter", _usable(given["quarter"], sound["quarter"])),
        is_major=listed_values("is_major", _usable(given["is_major"], sound["is_major"])),
        submitted=submitted,
        recommended=recommended,
        judged_on=_or_else(today, recommended.days("judged_on")),
    )


@cache
def quarter_span(quarter: str, cutoff_inclusive: bool) -> tuple[int, int]:
    """First second of a quarter and the first second after its cut-off, both as the seconds of a Moment."""
    parsed = Quarter.parse(quarter)
    begin = datetime(parsed.year, parsed.number * 3 - 2, 1, tzinfo=SHANGHAI)
    deadline = china_calendar().deadline(parsed, cutoff_inclusive)
    return moment_of(begin)[0], moment_of(deadline)[0]


def _or_else(today: date, days: FieldValues) -> FieldValues:
    """The days; today if absent."""
    codes = np.where(days.codes == ABSENT, len(days.distinct), days.codes)
    return FieldValues(days.path, days.needs, codes, [*days.distinct, today])


def _usable(values: Sequence[Any], sound: NDArray[np.bool_]) -> Sequence[Any]:
    if sound.all():
        return values
    return [value if good else None for value, good in zip(values, sound.tolist(), strict=True)]


def _each(values: Sequence[Any], test: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """`test` of each value, called once for equal ones if equal values are sure to be of one type."""
    kinds = set(map(type, values))
    if not (kinds <= {str, int, NoneType} or kinds <= {str, bool, NoneType}):
        return np.fromiter(map(test, values), dtype=bool, count=len(values))
    held = {value: test(value) for value in dict.fromkeys(values)}
    return np.fromiter(map(held.__getitem__, values), dtype=bool, count=len(values))


def _true(values: Sequence[Any]) -> NDArray[np.bool_]:
    return np.fromiter((value is True for value in values), dtype=bool, count=len(values))


def _present(values: Sequence[Any]) -> NDArray[np.bool_]:
    return ~text_values("", values).absent

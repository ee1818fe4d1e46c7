"""The frames of distinct cases that the suites of the rule book run on, by name of the suite.

First pass: each value against the format rule of its own field. Second pass: usable values, with the other values that
a rule looks at. Amounts and benefits are whole ten-thousandths, days are written 20260930.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.gate.engine.columns import FieldValues, JsonType, as_texts, json_type
from include.gate.engine.distinct_values import (
    DistinctFrame,
    distinct_frame,
    flags,
    frame_safe,
    numbers,
    of_field,
    texts,
)
from include.gate.engine.fingerprints import skeletons
from include.gate.engine.form_reader import Filing
from include.gate.engine.needs_frame import date_number, day_number
from include.gate.engine.record_head import Heads
from include.reference.form import PERMITS, expected_json_types, fields_of_kind

REGIONS = ("enterprise.province_code", "enterprise.city_code", "project.site_county_code")
TEXTS = ("enterprise.name", "project.name", "project.content", "project.basis_document", "finance.use_of_funds")
_USCC, _INDUSTRY = "enterprise.uscc", "enterprise.industry_code"
_CATALOGUE, _PROJECT_CODE = "project.catalogue_code", "project.project_code"
_STATUS, _END, _FUNDS = "project.construction_status", "project.end_date", "finance.use_of_funds"
_DEBT, _RATE = "enterprise.debt_ratio", "finance.expected_rate_max"
_LONGEST_WORDING, _LONGER = 64, "…"
_STRING = (JsonType.STRING.value, "")


def presence_frames(filing: Filing, heads: Heads) -> dict[str, DistinctFrame]:
    """Frames of sound heads, complete reviews and given fields."""
    return {
        "head": distinct_frame(heads.faults, {"sound": flags(_values)}),
        "review": distinct_frame(heads.review, {"complete": flags(_values)}),
        "required": distinct_frame(filing.presence, {"given": flags(_values)}),
    }


def format_frames(filing: Filing) -> dict[str, DistinctFrame]:
    """The frames of the first pass, for the fields that were read."""
    fields = filing.fields

    def read(paths: Iterable[str]) -> list[FieldValues]:
        return [fields[path] for path in paths if path in fields]

    types = [
        _dates_and_types(fields[path]) if expected == "date" else _types(fields[path])
        for path, expected in expected_json_types().items()
        if path in fields
    ]
    return {
        "contacts": distinct_frame(filing.contacts, {"well_formed": flags(_values)}),
        "types": distinct_frame(
            types,
            {
                "expected": of_field(expected_json_types().__getitem__),
                "found": texts(_part(0)),
                "day": texts(_part(1)),
            },
        ),
        "choices": distinct_frame(
            read(fields_of_kind("enum")),
            {"field": of_field(str), "choice": texts(lambda field: [text or "" for text in _texts(field)])},
        ),
        "amounts": distinct_frame(
            read(fields_of_kind("amount", "decimal")), {"field": of_field(str), "amount": numbers(_values)}
        ),
        "numbers": distinct_frame(
            read((_DEBT, _RATE)),
            {"debt_ratio": texts(_numbers, _DEBT), "expected_rate_max": texts(_numbers, _RATE)},
        ),
        "regions": distinct_frame(read(REGIONS), {"field": of_field(str), "code": texts(_texts)}),
        "identifiers": distinct_frame(
            read((_USCC, _PROJECT_CODE, _INDUSTRY, _CATALOGUE)),
            {
                "uscc": texts(_texts, _USCC),
                "project_code": texts(_texts, _PROJECT_CODE),
                "industry_code": texts(_texts, _INDUSTRY),
                "catalogue_code": texts(_texts, _CATALOGUE),
            },
        ),
        "texts": distinct_frame(
            read(TEXTS),
            {
                "field": of_field(str),
                "length": numbers(_lengths),
                "wording": texts(_wordings),
                "monotonous": flags(_monotonous),
            },
        ),
        "institutions": distinct_frame([filing.intended], {"intended": texts(_texts)}),
    }


def value_frames(filing: Filing, heads: Heads) -> dict[str, DistinctFrame]:
    """The frames of the second pass whose rules give a finding for each of several fields."""
    fields = filing.fields
    years = heads.judged_on.recoded(attrgetter("year"))
    grounds = [
        FieldValues(path, np.arange(filing.size), (~fields[path].absent).astype(np.int64), [False, True])
        for path in (_CATALOGUE, "project.basis_document")
    ]
    return {
        "permits": distinct_frame(
            [fields[path].joined(fields[_STATUS]) for path in PERMITS],
            {"permit": texts(_part(0)), "construction_status": texts(_part(1))},
        ),
        "places": distinct_frame(
            [fields[path].joined(years) for path in REGIONS[1:]], {"code": texts(_part(0)), "year": numbers(_part(1))}
        ),
        "completion": distinct_frame(
            [fields[_STATUS].usable_only(), fields[_END].joined(heads.judged_on)],
            {
                "construction_status": texts(_values, _STATUS),
                "end_date": numbers(lambda field: [date_number(end) for end, _ in field.distinct], _END),
                "judged_on": numbers(lambda field: [day_number(day) for _, day in field.distinct], _END),
            },
        ),
        "grounds": distinct_frame(
            [field.joined(fields["project.basis_type"]) for field in grounds],
            {"field": of_field(str), "given": flags(_part(0)), "basis_type": texts(_part(1))},
        ),
        "debts": distinct_frame([fields[_DEBT].usable_only()], {"debt_ratio": texts(_values)}),
        "catalogue": distinct_frame(
            [fields[_CATALOGUE].usable_only(), fields[_FUNDS].usable_only()],
            {"catalogue_code": texts(_values, _CATALOGUE), "use_of_funds": texts(_texts, _FUNDS)},
        ),
    }


# --- What a column tells of the distinct values of a field ---------------------------------------------------------------


def _values(field: FieldValues) -> Sequence[Any]:
    return field.distinct


def _part(at: int) -> Callable[[FieldValues], Sequence[Any]]:
    """One component of the tuples in a field."""
    return lambda field: [value[at] for value in field.distinct]


def _texts(field: FieldValues) -> Sequence[str | None]:
    return field.of_distinct(frame_safe)


def _numbers(field: FieldValues) -> Sequence[Any]:
    return [None if isinstance(value, JsonType) else value for value in field.distinct]


def _lengths(field: FieldValues) -> Sequence[int | None] | NDArray[np.int64]:
    if set(map(type, field.distinct)) == {str}:
        return np.fromiter(map(len, field.distinct), dtype=np.int64, count=len(field.distinct))
    return [len(text) if type(text) is str else None for text in field.distinct]


def _wordings(field: FieldValues) -> Sequence[str | None]:
    """The skeletons of short texts; a long text only needs to differ from them."""
    words = field.of_distinct(skeletons)
    return [_LONGER if word is not None and len(word) > _LONGEST_WORDING else word for word in words]


def _monotonous(field: FieldValues) -> Sequence[bool]:
    """Whether the skeleton of a text is one character repeated."""
    words = as_texts(field.of_distinct(skeletons))
    return [word[:1] == word[-1:] != "" and word.count(word[0]) == len(word) for word in words]


def _types(field: FieldValues) -> FieldValues:
    """The JSON types of a field, with the text of a date; empty for other fields."""
    if set(map(type, field.distinct)) == {str}:
        return field.all_as(_STRING)
    return field.recoded(_type)


def _dates_and_types(field: FieldValues) -> FieldValues:
    days = zip(_texts(field), field.distinct, strict=True)
    return field.recoded_to([_type(value) if day is None else ("date", day) for day, value in days])


def _type(value: Any) -> tuple[str, str]:
    if type(value) is str:
        return _STRING
    return (value if type(value) is JsonType else json_type(value)).value, ""

"""The frames that the suites of the rule book run on, by name of the suite.

First pass: each value against the format rule of its own field. Second pass: what is usable, across fields. The frame
`needs` has one row a need and only the derived, typed columns that its rules name; a value that is not usable is missing,
and a rule is not evaluated where a value that it names is missing (handbook, section 4). Amounts and benefits are whole
ten-thousandths, days are written 20260930.

Rules of scope register and history will join what the register and other needs say as further columns of `needs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.domain.identifiers import skeleton_of_normal
from include.gate.cases import CaseFrame, case_frame, column, field_column, frame_safe, text_or_none
from include.gate.columns import FieldValues, JsonType, json_type, listed_values
from include.gate.form import PERMITS, expected_json_types, fields_of_kind
from include.gate.heads import Heads, quarter_span
from include.gate.reading import Filing

REGIONS = ("enterprise.province_code", "enterprise.city_code", "project.site_county_code")
TEXTS = ("enterprise.name", "project.name", "project.content", "project.basis_document", "finance.use_of_funds")
METRICS = {
    path: path.removeprefix("benefit.") for path in fields_of_kind("decimal") if path != "benefit.baseline_energy_tce"
}
_USCC, _INDUSTRY = "enterprise.uscc", "enterprise.industry_code"
_CATALOGUE, _PROJECT_CODE = "project.catalogue_code", "project.project_code"
_STATUS, _END, _FUNDS = "project.construction_status", "project.end_date", "finance.use_of_funds"
_DEBT, _RATE = "enterprise.debt_ratio", "finance.expected_rate_max"
_WORDING_LENGTH = 64
_STRING = (JsonType.STRING.value, "")
_TERM_BOUND = 10**9


def format_frames(filing: Filing, heads: Heads) -> dict[str, CaseFrame]:
    """The frames of the first pass, for the fields that were read."""
    fields = filing.fields

    def read(paths: Iterable[str]) -> list[FieldValues]:
        return [fields[path] for path in paths if path in fields]

    texts = read(TEXTS)
    wordings = {field.path: [_wording(text) for text in field.distinct] for field in texts}
    types = [
        fields[path].recoded(_day_or_type if expected == "date" else _type)
        for path, expected in expected_json_types().items()
        if path in fields
    ]
    return {
        "head": case_frame(heads.faults, {"sound": column("bool", bool)}),
        "review": case_frame(heads.review, {"complete": column("bool", bool)}),
        "required": case_frame(filing.presence, {"given": column("bool", bool)}),
        "contacts": case_frame(filing.contacts, {"well_formed": column("bool", bool)}),
        "types": case_frame(
            types,
            {
                "expected": ("str", lambda field: [expected_json_types()[field.path]] * len(field.distinct)),
                "found": column("str", lambda case: case[0]),
                "day": column("str", lambda case: case[1]),
            },
        ),
        "choices": case_frame(
            read(fields_of_kind("enum")),
            {"field": field_column(), "choice": column("str", lambda value: text_or_none(value) or "")},
        ),
        "amounts": case_frame(
            read(fields_of_kind("amount", "decimal")),
            {"field": field_column(), "amount": ("int64", lambda field: field.distinct)},
        ),
        "numbers": case_frame(
            read((_DEBT, _RATE)),
            {
                "debt_ratio": column("object", _number_or_none, _DEBT),
                "expected_rate_max": column("object", _number_or_none, _RATE),
            },
        ),
        "regions": case_frame(read(REGIONS), {"field": field_column(), "code": column("str", text_or_none)}),
        "identifiers": case_frame(
            read((_USCC, _PROJECT_CODE, _INDUSTRY, _CATALOGUE)),
            {
                "uscc": column("str", text_or_none, _USCC),
                "project_code": column("str", text_or_none, _PROJECT_CODE),
                "industry_code": column("str", text_or_none, _INDUSTRY),
                "catalogue_code": column("str", text_or_none, _CATALOGUE),
            },
        ),
        "texts": case_frame(
            texts,
            {
                "field": field_column(),
                "length": column("Int64", lambda text: len(text) if type(text) is str else None),
                "wording": ("str", lambda field: [words and frame_safe(words) for words, _ in wordings[field.path]]),
                "monotonous": ("boolean", lambda field: [monotonous for _, monotonous in wordings[field.path]]),
            },
        ),
        "institutions": case_frame([filing.intended], {"intended": column("str", text_or_none)}),
    }


def case_frames(filing: Filing, heads: Heads) -> dict[str, CaseFrame]:
    """The frames of the second pass that give a finding for each of several fields."""
    fields = filing.fields
    years = listed_values("year", [day.year for day in heads.judged_on])
    days = listed_values("day", [_day_number(day) for day in heads.judged_on])
    places = [fields[path].joined(years) for path in REGIONS[1:]]
    grounds = [
        FieldValues(path, np.arange(filing.size), (~fields[path].absent).astype(np.int64), [False, True])
        for path in (_CATALOGUE, "project.basis_document")
    ]
    return {
        "permits": case_frame(
            [fields[path].joined(fields[_STATUS]) for path in PERMITS],
            {
                "permit": column("str", lambda case: case[0]),
                "construction_status": column("str", lambda case: case[1]),
            },
        ),
        "places": case_frame(
            places, {"code": column("str", lambda case: case[0]), "year": column("int64", lambda case: case[1])}
        ),
        "completion": case_frame(
            [fields[_STATUS].joined(), fields[_END].joined(days)],
            {
                "construction_status": column("str", lambda case: case[0], _STATUS),
                "end_date": column("Int64", lambda case: _date_number(case[0]), _END),
                "judged_on": column("Int64", lambda case: case[1], _END),
            },
        ),
        "grounds": case_frame(
            [field.joined(fields["project.basis_type"]) for field in grounds],
            {
                "field": field_column(),
                "given": column("bool", lambda case: case[0]),
                "basis_type": column("str", lambda case: case[1]),
            },
        ),
        "debts": case_frame([fields[_DEBT].joined()], {"debt_ratio": column("object", lambda case: case[0])}),
        "catalogue": case_frame(
            [fields[_CATALOGUE].joined(), fields[_FUNDS].joined()],
            {
                "catalogue_code": column("str", lambda case: case[0], _CATALOGUE),
                "use_of_funds": column("str", lambda case: frame_safe(case[0]), _FUNDS),
            },
        ),
    }


def needs_frame(filing: Filing, heads: Heads, cutoff_inclusive: bool) -> pd.DataFrame:
    """One row a need, for the rules that look at several fields of it."""
    fields = filing.fields

    def text(path: str, function: Callable[[str], str] = frame_safe) -> pd.Series[str]:
        return _texts(fields[path], function)

    def amount(name: str) -> pd.Series[int]:
        return _wholes(fields[f"finance.{name}"])

    def benefit(name: str) -> pd.Series[int]:
        return _wholes(fields[f"benefit.{name}"])

    def absent(path: str) -> NDArray[np.bool_]:
        return fields[path].absent

    total, invested, own, need = map(amount, ("total_investment", "invested_amount", "own_capital", "financing_need"))
    subsidy = amount("subsidy_amount").mask(absent("finance.subsidy_amount"), 0)
    sub_direction, term = text("project.sub_direction"), _wholes(fields["finance.term_months"], _bounded)
    carbon = benefit("carbon_reduction_tco2")
    spans = [(None, None) if quarter is None else quarter_span(quarter, cutoff_inclusive) for quarter in heads.quarter]
    return pd.DataFrame(
        {
            "department_code": pd.Series(heads.department, dtype="str"),
            "is_major": pd.Series(heads.is_major, dtype="boolean"),
            "factory_level": text("enterprise.factory_level"),
            "uscc": text("enterprise.uscc"),
            "province_code": text("enterprise.province_code"),
            "city_code": text("enterprise.city_code"),
            "site_county_code": text("project.site_county_code"),
            "industry_code": text(_INDUSTRY),
            "project_name": text("project.name"),
            "category": text("project.category"),
            "sub_direction": sub_direction,
            "sub_direction_if_any": sub_direction.mask(absent("project.sub_direction"), "none"),
            "sub_direction_given": ~absent("project.sub_direction"),
            "project_code_given": ~absent(_PROJECT_CODE),
            "filing": text("project.permits.filing"),
            "construction_status": text(_STATUS),
            "use_of_funds": text(_FUNDS),
            "use_of_funds_skeleton": text(_FUNDS, lambda value: frame_safe(skeleton_of_normal(value))),
            "basis": text("benefit.basis"),
            "total": total,
            "invested": invested,
            "remaining": total - invested,
            "own": own,
            "need": need,
            "sources": own + subsidy + _existing(filing) + need,
            "methods_total": _methods_total(filing),
            "lent": _lent(filing),
            "term_months": term,
            "term_months_or_none": term.mask(absent("finance.term_months"), 0),
            "start_date": _wholes(fields["project.start_date"], _date_number),
            "latest_start": _integers([None if q is None else int(q[:4]) * 10_000 + 11_231 for q in heads.quarter]),
            "end_date": _wholes(fields[_END], _date_number),
            "needed_by": _wholes(fields["finance.needed_by"], _date_number),
            "submitted_on": _integers([None if day is None else _day_number(day) for day in heads.submitted_on]),
            "recommended": _integers([None if when is None else when[0] for when in heads.recommended]),
            "quarter_begin": _integers([begin for begin, _ in spans]),
            "quarter_deadline": _integers([deadline for _, deadline in spans]),
            "saving": benefit("energy_saving_tce"),
            "carbon": carbon,
            "carbon_or_none": carbon.mask(absent("benefit.carbon_reduction_tco2"), 0),
            "baseline": benefit("baseline_energy_tce"),
            "baseline_given": ~absent("benefit.baseline_energy_tce"),
            "claimed_metrics": _claimed_metrics(filing),
        }
    )


def _type(value: Any) -> tuple[str, str]:
    if type(value) is str:
        return _STRING
    return (value if type(value) is JsonType else json_type(value)).value, ""


def _day_or_type(value: Any) -> tuple[str, str]:
    return ("date", frame_safe(value)) if isinstance(value, str) else _type(value)


def _number_or_none(value: Any) -> Any:
    return None if isinstance(value, JsonType) else value


def _wording(text: Any) -> tuple[str | None, bool | None]:
    """The beginning of a normalised text's skeleton, and whether the whole is one character repeated."""
    if type(text) is not str:
        return None, None
    words = skeleton_of_normal(text)
    return words[:_WORDING_LENGTH], bool(words) and words.count(words[0]) == len(words)


def _day_number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _date_number(text: str) -> int:
    return int(text.replace("-", ""))


def _bounded(number: int) -> int:
    """A number of months that fits into a column; no policy value lies beyond the bound."""
    return max(-_TERM_BOUND, min(_TERM_BOUND, number))


def _translated(field: FieldValues, function: Callable[[Any], Any]) -> list[Any]:
    return [
        None if faulty else function(value)
        for value, faulty in zip(field.distinct, field.malformed.tolist(), strict=True)
    ]


def _texts(field: FieldValues, function: Callable[[str], str]) -> pd.Series[str]:
    table = np.array([*_translated(field, function), None], dtype=object)
    return pd.Series(table[np.where(field.usable, field.codes, len(field.distinct))], dtype="str")


def _wholes(field: FieldValues, function: Callable[[Any], int] | None = None) -> pd.Series[int]:
    """Whole numbers, one for each place of the field; `function` makes them of the usable values."""
    distinct = [number or 0 for number in _translated(field, function)] if function else field.distinct
    table = np.array([*distinct, 0], dtype=np.int64)
    usable = field.usable
    numbers = table[np.where(usable, field.codes, len(field.distinct))]
    return pd.Series(pd.arrays.IntegerArray(numbers, ~usable))


def _integers(values: list[int | None]) -> pd.Series[int]:
    return pd.Series(values, dtype="Int64")


def _unusable_list(filing: Filing, path: str, *parts: str) -> NDArray[np.bool_]:
    """For each need: whether the list at `path` is given and not usable, or one of these parts of an element is not."""
    whole = filing.fields[path]
    unusable = ~whole.absent & ~whole.usable
    for part in (f"{path}[]", *(f"{path}[].{name}" for name in parts)):
        field = filing.fields[part]
        unusable[field.needs[~field.usable]] = True
    return unusable


def _sum(filing: Filing, amounts: FieldValues, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    scaled = _wholes(amounts).to_numpy(dtype=np.int64, na_value=0)
    total = np.zeros(filing.size, dtype=np.int64)
    np.add.at(total, amounts.needs[counted], scaled[counted])
    return total


def _existing(filing: Filing) -> pd.Series[int]:
    """What is approved or drawn already; missing where the list is not usable, 0 where there is none."""
    path = "finance.existing_financing"
    status = _texts(filing.fields[f"{path}[].status"], frame_safe)
    counted = status.isin(["approved", "drawn"]).to_numpy(dtype=bool)
    total = _sum(filing, filing.fields[f"{path}[].amount"], counted)
    return pd.Series(pd.arrays.IntegerArray(total, _unusable_list(filing, path, "status", "amount")))


def _methods_total(filing: Filing) -> pd.Series[int]:
    amounts = filing.fields["finance.methods[].amount"]
    total = _sum(filing, amounts, amounts.usable)
    missing = _unusable_list(filing, "finance.methods", "amount")
    missing[np.setdiff1d(np.arange(filing.size), amounts.needs)] = True
    return pd.Series(pd.arrays.IntegerArray(total, missing))


def _lent(filing: Filing) -> NDArray[np.bool_]:
    """Whether some usable method is a loan or leasing."""
    field = filing.fields["finance.methods[].method"]
    methods = _texts(field, frame_safe).isin(["loan", "leasing"]).to_numpy(dtype=bool)
    lent = np.zeros(filing.size, dtype=bool)
    lent[field.needs[methods]] = True
    return lent


def _claimed_metrics(filing: Filing) -> pd.Series[str]:
    """Names of the benefit metrics that are usable and above zero, between semicolons."""
    claimed = np.full(filing.size, ";", dtype=object)
    for path, name in METRICS.items():
        positive = _wholes(filing.fields[path]).gt(0).to_numpy(dtype=bool, na_value=False)
        claimed[positive] += f"{name};"
    return pd.Series(claimed, dtype="str")

"""The frame of suite `needs`: one row a need, for the rules that look at several fields of it.

It has only the derived, typed columns that its rules name. An unusable value is missing, and a rule is not evaluated if
a value that it names is missing (handbook, section 4). Amounts and benefits are whole ten-thousandths, days are written
20260930.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.gate.engine.columns import ABSENT, FieldValues
from include.gate.engine.distinct_values import categorical, frame_safe
from include.gate.engine.fingerprints import skeletons
from include.gate.engine.form_reader import Filing
from include.gate.engine.record_head import Heads, quarter_span
from include.reference.classifications import catalogue_marks
from include.reference.form import fields_of_kind

METRICS = {
    path: path.removeprefix("benefit.") for path in fields_of_kind("decimal") if path != "benefit.baseline_energy_tce"
}
_TERM_BOUND = 10**9


def needs_frame(filing: Filing, heads: Heads, answer_until: NDArray[np.int64], cutoff_inclusive: bool) -> pd.DataFrame:
    """One row a need, for the rules that look at several fields of it; `answer_until` as `enrichment.answer_until`
    returns it."""
    fields = filing.fields

    def choice(path: str) -> pd.Categorical:
        return _choices(fields[path])

    def text(path: str) -> pd.Series[str]:
        return _texts(fields[path])

    def amount(name: str) -> pd.Series[int]:
        return _wholes(fields[f"finance.{name}"])

    def benefit(name: str) -> pd.Series[int]:
        return _wholes(fields[f"benefit.{name}"])

    def day(path: str) -> pd.Series[int]:
        return _wholes(fields[path], date_number)

    def absent(path: str) -> NDArray[np.bool_]:
        return fields[path].absent

    total, invested, own, need = map(amount, ("total_investment", "invested_amount", "own_capital", "financing_need"))
    subsidy = amount("subsidy_amount").mask(absent("finance.subsidy_amount"), 0)
    sub_direction, term = fields["project.sub_direction"], _wholes(fields["finance.term_months"], _bounded)
    carbon = benefit("carbon_reduction_tco2")
    quarter, recommended = heads.quarter, heads.recommended
    return pd.DataFrame(
        {
            "department_code": _choices(heads.department),
            "is_major": _flags(heads.is_major),
            "factory_level": choice("enterprise.factory_level"),
            "uscc": text("enterprise.uscc"),
            "province_code": choice("enterprise.province_code"),
            "city_code": choice("enterprise.city_code"),
            "site_county_code": choice("project.site_county_code"),
            "industry_code": choice("enterprise.industry_code"),
            "project_name": text("project.name"),
            "category": choice("project.category"),
            "catalogue_mark": _choices(fields["project.catalogue_code"], _marks),
            "sub_direction": _choices(sub_direction),
            "sub_direction_if_any": _choices(sub_direction, if_absent="none"),
            "sub_direction_given": ~sub_direction.absent,
            "project_code_given": ~absent("project.project_code"),
            "filing": choice("project.permits.filing"),
            "construction_status": choice("project.construction_status"),
            "use_of_funds": text("finance.use_of_funds"),
            "use_of_funds_skeleton": _texts(fields["finance.use_of_funds"], skeletons),
            "basis": choice("benefit.basis"),
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
            "start_date": day("project.start_date"),
            "latest_start": _wholes(quarter, lambda text: int(text[:4]) * 10_000 + 11_231),
            "end_date": day("project.end_date"),
            "needed_by": day("finance.needed_by"),
            "submitted_on": _wholes(heads.submitted.days("submitted_on"), day_number),
            "recommended": pd.arrays.IntegerArray(recommended.seconds, ~recommended.known),
            "answer_until": answer_until,
            "quarter_begin": _wholes(quarter, lambda text: quarter_span(text, cutoff_inclusive)[0]),
            "quarter_deadline": _wholes(quarter, lambda text: quarter_span(text, cutoff_inclusive)[1]),
            "saving": benefit("energy_saving_tce"),
            "carbon": carbon,
            "carbon_or_none": carbon.mask(absent("benefit.carbon_reduction_tco2"), 0),
            "baseline": benefit("baseline_energy_tce"),
            "baseline_given": ~absent("benefit.baseline_energy_tce"),
            "claimed_metrics": _claimed_metrics(filing),
        },
        copy=False,
    )


def day_number(day: date) -> int:
    """A day in the notation of frames: 20260930."""
    return day.year * 10_000 + day.month * 100 + day.day


def date_number(text: str) -> int:
    """The same from the form's notation of a date: 2026-09-30."""
    return int(text.replace("-", ""))


def _bounded(number: int) -> int:
    """A number of months, clipped to fit into a column; no policy value lies beyond the bound."""
    return max(-_TERM_BOUND, min(_TERM_BOUND, number))


def _marks(codes: Sequence[Any]) -> Sequence[str | None]:
    """The official mark of each catalogue code, None if the table has none."""
    marks = catalogue_marks()
    return [marks.get(code) if type(code) is str else None for code in codes]


def _choices(
    field: FieldValues,
    of_distinct: Callable[[Sequence[Any]], Sequence[str | None]] = frame_safe,
    *,
    if_absent: str | None = None,
) -> pd.Categorical:
    """Texts with few distinct values; `if_absent` for absent ones."""
    texts = [*field.of_distinct(of_distinct), if_absent]
    codes, categories = pd.factorize(np.array(texts, dtype=object))
    found = _at_places(field, codes[:-1], ABSENT)
    found[field.absent] = codes[-1]
    return categorical(found, categories)


def _texts(field: FieldValues, of_distinct: Callable[[Sequence[Any]], Sequence[Any]] = frame_safe) -> pd.Series[str]:
    """Texts with many distinct values."""
    return pd.Series(_at_places(field, np.array(field.of_distinct(of_distinct), dtype=object), None), dtype=object)


def _wholes(field: FieldValues, function: Callable[[Any], int] | None = None) -> pd.Series[int]:
    """Whole numbers, one for each place of the field; `function` converts the usable values."""
    if function is None:
        numbers = np.asarray(field.distinct, dtype=np.int64)
    else:
        faulty = zip(field.distinct, field.malformed.tolist(), strict=True)
        numbers = np.array([0 if malformed else function(value) for value, malformed in faulty], dtype=np.int64)
    return pd.Series(pd.arrays.IntegerArray(_at_places(field, numbers, 0), ~field.usable))


def _flags(field: FieldValues) -> pd.Series[bool]:
    flags = _at_places(field, np.array(field.distinct, dtype=bool), False)
    return pd.Series(pd.arrays.BooleanArray(flags, field.absent))


def _at_places(field: FieldValues, of_distinct: NDArray[Any], otherwise: Any) -> NDArray[Any]:
    """The item that belongs to the distinct value at each place of the field; `otherwise` if that is not usable."""
    table = np.append(of_distinct, np.array([otherwise], dtype=of_distinct.dtype))
    return table[np.where(field.usable, field.codes, len(of_distinct))]


def _unusable_list(filing: Filing, path: str, *parts: str) -> NDArray[np.bool_]:
    """For each need: whether the list at `path` is given and not usable, or one of these parts of an element is not."""
    whole = filing.fields[path]
    unusable = ~whole.absent & ~whole.usable
    for part in (f"{path}[]", *(f"{path}[].{name}" for name in parts)):
        field = filing.fields[part]
        unusable[field.needs[~field.usable]] = True
    return unusable


def _sum(filing: Filing, amounts: FieldValues, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    scaled = _at_places(amounts, np.asarray(amounts.distinct, dtype=np.int64), 0)
    total = np.zeros(filing.size, dtype=np.int64)
    np.add.at(total, amounts.needs[counted], scaled[counted])
    return total


def _existing(filing: Filing) -> pd.Series[int]:
    """Sum of approved or drawn financing; missing if the list is not usable, 0 if there is none."""
    path = "finance.existing_financing"
    counted = _is_one_of(filing.fields[f"{path}[].status"], "approved", "drawn")
    total = _sum(filing, filing.fields[f"{path}[].amount"], counted)
    return pd.Series(pd.arrays.IntegerArray(total, _unusable_list(filing, path, "status", "amount")))


def _methods_total(filing: Filing) -> pd.Series[int]:
    amounts = filing.fields["finance.methods[].amount"]
    total = _sum(filing, amounts, amounts.usable)
    missing = _unusable_list(filing, "finance.methods", "amount")
    missing[np.setdiff1d(np.arange(filing.size), amounts.needs)] = True
    return pd.Series(pd.arrays.IntegerArray(total, missing))


def _lent(filing: Filing) -> NDArray[np.bool_]:
    """Whether any usable method is a loan or leasing."""
    field = filing.fields["finance.methods[].method"]
    lent = np.zeros(filing.size, dtype=bool)
    lent[field.needs[_is_one_of(field, "loan", "leasing")]] = True
    return lent


def _is_one_of(field: FieldValues, *values: str) -> NDArray[np.bool_]:
    """For each place of the field whether its value is usable and one of these."""
    found: NDArray[np.bool_] = _at_places(
        field, np.array([value in values for value in field.distinct], dtype=bool), False
    )
    return found


def _claimed_metrics(filing: Filing) -> pd.Categorical:
    """Names of the usable benefit metrics above zero, between semicolons."""
    claims = np.zeros(filing.size, dtype=np.int64)
    for place, path in enumerate(METRICS):
        field = filing.fields[path]
        claims |= (_at_places(field, np.asarray(field.distinct, dtype=np.int64), 0) > 0).astype(np.int64) << place
    codes, distinct = pd.factorize(claims)
    names = list(METRICS.values())
    told = [
        "".join((";", *(f"{name};" for at, name in enumerate(names) if claim >> at & 1))) for claim in distinct.tolist()
    ]
    return categorical(codes, told)

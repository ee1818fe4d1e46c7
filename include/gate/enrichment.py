"""Enrich, then expect: what the register and other needs say of each need, as columns that the suites can look at.

Each column counts or measures one thing; the suites `factories` and `history` say how much of it is too much or too little. A
value is missing where the rule is not evaluated.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import date
from typing import Any

from include.domain.calendar import add_years
from include.domain.canonical import canonical_sha256
from include.domain.identifiers import name_key
from include.gate.cases import CaseFrame, Column, case_frame
from include.gate.columns import FieldValues, listed_values
from include.gate.fingerprints import Fingerprint, usable_values
from include.gate.heads import Heads
from include.gate.history import SHARED, History
from include.gate.reading import Filing
from include.gate.register import Register
from include.reference import Policy

_USCC = "enterprise.uscc"
_SHARED_FIELDS = dict(zip(SHARED, ("project.content", "benefit", "enterprise.contact.mobile"), strict=True))
_METRIC_FIELDS = {"saving": "benefit.energy_saving_tce", "carbon": "benefit.carbon_reduction_tco2"}


def register_frame(
    filing: Filing, heads: Heads, register: Register, history: History, policy: Policy
) -> dict[str, CaseFrame]:
    """The frame of suite `factories`: the register as of the day of the recommendation."""
    years = policy.integer("lookback_years")
    usccs = usable_values(filing.fields[_USCC])
    known = {
        case: register.membership(*case, years)
        for case in set(zip(usccs, heads.judged_on, strict=True))
        if case[0] is not None
    }
    found = [known.get(case) for case in zip(usccs, heads.judged_on, strict=True)]
    active = [one if one is not None and one.active else None for one in found]
    names = usable_values(filing.fields["enterprise.name"], name_key)
    levels = usable_values(filing.fields["enterprise.factory_level"])
    batches = usable_values(filing.fields["enterprise.factory_batch"], name_key)
    rows_of_the_department = [
        None if one is None or code is None else sum(row.department_code == code for row in one.active)
        for one, code in zip(active, heads.department, strict=True)
    ]
    rows_of_the_level = [
        None if one is None or level is None else sum(row.level == level for row in one.active)
        for one, level in zip(active, levels, strict=True)
    ]
    bad_records = [
        None if one is None else one.recent_removals + _false_information(history, uscc, day, years)
        for one, uscc, day in zip(found, usccs, heads.judged_on, strict=True)
    ]
    return {
        "factories": _frame(
            {
                "rows_in_force": (_USCC, [None if one is None else len(one.active) for one in found]),
                "names_alike": (
                    "enterprise.name",
                    _held_by(names, [None if one is None else one.names for one in active]),
                ),
                "rows_of_the_level": ("enterprise.factory_level", rows_of_the_level),
                "rows_of_the_department": ("department_code", rows_of_the_department),
                "batches_alike": (
                    "enterprise.factory_batch",
                    _held_by(batches, [None if one is None else one.batches for one in active]),
                ),
                "bad_records": (_USCC, bad_records),
            }
        )
    }


def history_frame(
    records: Sequence[Mapping[str, Any]], fingerprints: Sequence[Fingerprint], history: History, policy: Policy
) -> dict[str, CaseFrame]:
    """The frame of suite `history`: other needs and earlier revisions."""
    quarters = policy.integer("farming_quarters")
    rises = [_rises(one, history.previous(one), record) for one, record in zip(fingerprints, records, strict=True)]
    columns: dict[str, tuple[str, list[Any]]] = {
        "likeness": ("project.name", [history.same_project_similarity(one) or None for one in fingerprints]),
        "other_enterprises": (
            "project.project_code",
            [history.other_enterprises_with_the_code(one) or None for one in fingerprints],
        ),
        "other_contents": ("revision", [_contradicts(record, history) for record in records]),
    }
    for name, field in _SHARED_FIELDS.items():
        columns[f"sharing_{name}"] = (
            field,
            [history.enterprises_sharing(one, name, quarters) or None for one in fingerprints],
        )
    for metric, field in _METRIC_FIELDS.items():
        columns[f"{metric}_rise"] = (field, [rise.get(metric) for rise in rises])
    return {"history": _frame(columns)}


def _frame(columns: Mapping[str, tuple[str, list[Any]]]) -> CaseFrame:
    """One row for each distinct value of each column; a pair becomes the two columns `<name>` and `<name>_before`."""
    origins: list[FieldValues] = []
    made: dict[str, Column] = {}
    for name, (field, values) in columns.items():
        origin = listed_values(field, values)
        origins.append(origin)
        if name.endswith("_rise"):
            made[name] = _only(origin, "Int64", 0)
            made[f"{name}_before"] = _only(origin, "Int64", 1)
        else:
            made[name] = _only(origin, "Float64" if name == "likeness" else "Int64")
    return case_frame(origins, made)


def _only(origin: FieldValues, dtype: str, part: int | None = None) -> Column:
    def values_of(field: FieldValues) -> Sequence[Any]:
        if field is not origin:
            return [None] * len(field.distinct)
        return list(field.distinct) if part is None else [value[part] for value in field.distinct]

    return dtype, values_of


def _held_by(keys: Sequence[Hashable], sets: Sequence[frozenset[str] | None]) -> list[int | None]:
    """1 where the key is in its set, 0 where not, None where there is no key or no set."""
    return [None if key is None or found is None else int(key in found) for key, found in zip(keys, sets, strict=True)]


def _false_information(history: History, uscc: str, day: date, years: int) -> int:
    since = add_years(day, -years)
    return sum(since < withdrawn <= day for withdrawn in history.false_information.get(uscc, ()))


def _contradicts(record: Mapping[str, Any], history: History) -> int | None:
    """1 where the same revision was stored with another content first (DQ43)."""
    need_id, revision = record.get("need_id"), record.get("revision")
    if not isinstance(need_id, str) or type(revision) is not int:
        return None
    first = history.first_stored.get((need_id, revision))
    if first is None:
        return None
    return int(canonical_sha256({name: value for name, value in record.items() if name != "updated_at"}) != first)


def _rises(one: Fingerprint, previous: Fingerprint | None, record: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Metric → (new, old) where both are above zero and no new third-party report backs a change (G12)."""
    if previous is None:
        return {}
    benefit = record.get("benefit")
    basis = benefit.get("basis") if isinstance(benefit, dict) else None
    if basis == "third_party" and set(one.reports) - set(previous.reports):
        return {}
    pairs = {metric: (getattr(one, metric), getattr(previous, metric)) for metric in _METRIC_FIELDS}
    return {metric: (new, old) for metric, (new, old) in pairs.items() if new is not None and old is not None}

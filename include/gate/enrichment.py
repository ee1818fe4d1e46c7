"""Enrich, then expect: what the register and other needs say of each need, as columns that the suites can look at.

Each column counts or measures one thing; the suites `factories` and `history` say how much of it is too much or too little. A
value is missing where the rule is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.domain.calendar import add_years
from include.domain.canonical import canonical_sha256
from include.domain.identifiers import name_key
from include.gate.cases import CaseFrame, Column, case_frame
from include.gate.columns import ABSENT, FieldValues, listed_values
from include.gate.fingerprints import Fingerprint
from include.gate.form import choices
from include.gate.heads import Heads
from include.gate.history import SHARED, History
from include.gate.reading import Filing
from include.gate.register import Register
from include.reference import Policy

_USCC = "enterprise.uscc"
_SHARED_FIELDS = dict(zip(SHARED, ("project.content", "benefit", "enterprise.contact.mobile"), strict=True))
_METRIC_FIELDS = {"saving": "benefit.energy_saving_tce", "carbon": "benefit.carbon_reduction_tco2"}
_NEVER = date.max.toordinal() + 1
_NOTHING, _UNLISTED = -1, -2

Numbers = NDArray[np.int64]


def register_frame(
    filing: Filing, heads: Heads, register: Register, history: History, policy: Policy
) -> dict[str, CaseFrame]:
    """The frame of suite `factories`: the register as of the day of the recommendation."""
    usccs = filing.fields[_USCC]
    rows = _RegisterRows.of(usccs, register)
    at = np.where(usccs.usable, usccs.codes, len(usccs.distinct))
    years = policy.integer("lookback_years")
    # [need, row]; a date's ordinal is looked up once for each day that occurs.
    spans = {day: (add_years(day, -years).toordinal(), day.toordinal()) for day in set(heads.judged_on)}
    since, day = np.array([spans[day] for day in heads.judged_on], dtype=np.int64).reshape(-1, 2).T[:, :, None]
    listed_on, removed_on = rows.listed_on[at], rows.removed_on[at]
    active = (listed_on <= day) & (day < removed_on)
    in_force = active.sum(axis=1)
    removals = np.where(in_force > 0, ((since < removed_on) & (removed_on <= day)).sum(axis=1), 0)
    for need in _needs_with(usccs, history.false_information):
        removals[need] += _false_information(history, usccs.distinct[at[need]], heads.judged_on[need], years)

    def alike(path: str, field: FieldValues, held: Numbers, key: Callable[[str], str] | None = None) -> FieldValues:
        """How many rows in force hold the value of the field, where some row is in force."""
        wanted = rows.keys_of(field, key)[np.where(field.usable, field.codes, len(field.distinct))]
        matches = (active & (held[at] == wanted[:, None, None]).any(axis=2)).sum(axis=1)
        return _counted(path, matches, usccs.usable & (in_force > 0) & field.usable)

    fields = filing.fields
    offices = listed_values("department_code", heads.department.tolist())
    name, level, batch = "enterprise.name", "enterprise.factory_level", "enterprise.factory_batch"
    columns = {
        "rows_in_force": _counted(_USCC, in_force, usccs.usable),
        "names_alike": alike(name, fields[name], rows.names, name_key),
        "rows_of_the_level": alike(level, fields[level], rows.levels),
        "rows_of_the_department": alike("department_code", offices, rows.departments),
        "batches_alike": alike(batch, fields[batch], rows.batches, name_key),
        "bad_records": _counted(_USCC, removals, usccs.usable),
    }
    return {"factories": _frame(columns)}


def history_frame(
    records: Sequence[Mapping[str, Any]], fingerprints: Sequence[Fingerprint], history: History, policy: Policy
) -> dict[str, CaseFrame]:
    """The frame of suite `history`: other needs and earlier revisions. Needs of which there is nothing to say are left out."""
    at_least = float(policy.decimal("name_similarity_min"))
    quarters, enough = policy.integer("farming_quarters"), policy.integer("farming_min_enterprises")

    def found(path: str, measure: Callable[[Fingerprint], Any]) -> FieldValues:
        return _found(path, {need: value for need, one in enumerate(fingerprints) if (value := measure(one))})

    columns = {
        "likeness": found("project.name", lambda one: history.same_project_similarity(one, at_least)),
        "other_enterprises": found("project.project_code", history.other_enterprises_with_the_code),
        "other_contents": _found(
            "revision",
            {
                need: 1
                for need, one in enumerate(fingerprints if history.first_stored else ())
                if _contradicts(one, records[need], history)
            },
        ),
    }
    for name, path in _SHARED_FIELDS.items():
        columns[f"sharing_{name}"] = found(
            path, partial(history.enterprises_sharing, name=name, quarters=quarters, enough=enough)
        )
    rises = {
        need: _rises(one, previous, records[need])
        for need, one in enumerate(fingerprints)
        if (previous := history.previous(one)) is not None
    }
    for metric, path in _METRIC_FIELDS.items():
        columns[f"{metric}_rise"] = _found(path, {need: rise[metric] for need, rise in rises.items() if metric in rise})
    return {"history": _frame(columns)}


# --- The register --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _RegisterRows:
    """The rows of the register for each distinct credit code of a batch; the code past the last one has none.

    Days are ordinals in [code, row]; texts are numbered and stand in [code, row, spelling].
    """

    texts: dict[str, int]
    listed_on: Numbers
    removed_on: Numbers
    names: Numbers
    levels: Numbers
    batches: Numbers
    departments: Numbers

    @classmethod
    def of(cls, usccs: FieldValues, register: Register) -> _RegisterRows:
        """The rows that the register holds for these codes."""
        found = [register.rows_of(code) if type(code) is str else () for code in usccs.distinct]
        width = max(1, *map(len, found)) if found else 1
        spellings = max((1 + len(row.aliases) for rows in found for row in rows), default=1)
        shape = (len(found) + 1, width)
        made = cls(
            {},
            np.full(shape, _NEVER),
            np.full(shape, _NEVER),
            np.full((*shape, spellings), _NOTHING),
            *(np.full((*shape, 1), _NOTHING) for _ in range(3)),
        )
        for code, rows in enumerate(found):
            for place, row in enumerate(rows):
                made.listed_on[code, place] = row.listed_on.toordinal()
                if row.removed_on is not None:
                    made.removed_on[code, place] = row.removed_on.toordinal()
                for spelling, name in enumerate((row.name, *row.aliases)):
                    made.names[code, place, spelling] = made._number(name_key(name))
                made.levels[code, place, 0] = made._number(row.level)
                made.batches[code, place, 0] = made._number(name_key(row.batch))
                made.departments[code, place, 0] = made._number(row.department_code)
        return made

    def _number(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def keys_of(self, field: FieldValues, key: Callable[[str], str] | None) -> Numbers:
        """The number of each distinct value (in the form of `key`); one more, that no row holds, for what is not usable."""
        return np.array(
            [
                *(
                    self.texts.get(key(value) if key else value, _UNLISTED) if type(value) is str else _UNLISTED
                    for value in field.distinct
                ),
                _UNLISTED,
            ],
            dtype=np.int64,
        )


def _needs_with(usccs: FieldValues, known: Mapping[str, object]) -> list[int]:
    """The needs whose credit code is usable and among `known`."""
    if not known:
        return []
    among = np.array([*(type(code) is str and code in known for code in usccs.distinct), False], dtype=bool)
    return np.flatnonzero(among[np.where(usccs.usable, usccs.codes, len(usccs.distinct))]).tolist()


def _false_information(history: History, uscc: str, day: date, years: int) -> int:
    since = add_years(day, -years)
    return sum(since < withdrawn <= day for withdrawn in history.false_information.get(uscc, ()))


# --- Other needs ---------------------------------------------------------------------------------------------------------


def _contradicts(one: Fingerprint, record: Mapping[str, Any], history: History) -> bool:
    """Whether the same revision was stored with another content first (DQ43)."""
    if one.need_id is None or one.revision is None:
        return False
    first = history.first_stored.get((one.need_id, one.revision))
    if first is None:
        return False
    return canonical_sha256({name: value for name, value in record.items() if name != "updated_at"}) != first


def _rises(one: Fingerprint, previous: Fingerprint, record: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Metric → (new, old) where both are above zero and no new third-party report backs a change (G12)."""
    benefit = record.get("benefit")
    basis = benefit.get("basis") if isinstance(benefit, dict) else None
    if not isinstance(basis, str) or basis not in choices("benefit.basis"):
        return {}
    if basis == "third_party" and set(one.reports) - set(previous.reports):
        return {}
    pairs = {metric: (getattr(one, metric), getattr(previous, metric)) for metric in _METRIC_FIELDS}
    return {metric: (new, old) for metric, (new, old) in pairs.items() if new is not None and old is not None}


# --- Columns -------------------------------------------------------------------------------------------------------------


def _counted(path: str, counts: Numbers, evaluated: NDArray[np.bool_]) -> FieldValues:
    """A count for each need, absent where the question does not arise."""
    distinct = list(range(int(counts.max(initial=0)) + 1))
    return FieldValues(path, np.arange(len(counts)), np.where(evaluated, counts, ABSENT), distinct)


def _found(path: str, values: Mapping[int, Any]) -> FieldValues:
    """Values of some needs, by the number of the need."""
    listed = listed_values(path, list(values.values()))
    return FieldValues(path, np.array(list(values), dtype=np.int64), listed.codes, listed.distinct)


def _frame(columns: Mapping[str, FieldValues]) -> CaseFrame:
    """One row for each distinct value of each column; a pair becomes the two columns `<name>` and `<name>_before`."""
    made: dict[str, Column] = {}
    for name, origin in columns.items():
        if name.endswith("_rise"):
            made[name] = _only(origin, "Int64", 0)
            made[f"{name}_before"] = _only(origin, "Int64", 1)
        else:
            made[name] = _only(origin, "Float64" if name == "likeness" else "Int64")
    return case_frame(list(columns.values()), made)


def _only(origin: FieldValues, dtype: str, part: int | None = None) -> Column:
    def values_of(field: FieldValues) -> Sequence[Any]:
        if field is not origin:
            return [None] * len(field.distinct)
        return list(field.distinct) if part is None else [value[part] for value in field.distinct]

    return dtype, values_of

"""Enrich, then expect: facts from the register and other needs, as columns that the suites judge.

Each column counts or measures one thing; the suites `factories` and `history` say how much is too much or too little. A
value is missing if the rule is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.base.business_time import SHANGHAI
from include.domain.calendar import add_years
from include.domain.identifiers import name_keys
from include.gate.engine.columns import ABSENT, FieldValues, listed_values
from include.gate.engine.distinct_values import Column, DistinctFrame, distinct_frame, measures, numbers
from include.gate.engine.fingerprints import Fingerprint, Fingerprints, HashItem
from include.gate.engine.form_reader import Filing
from include.gate.engine.history import SHARED, History
from include.gate.engine.moments import moment_of
from include.gate.engine.record_head import Heads
from include.reference import Policy
from include.reference.form import choices
from include.register.in_use import Register, RegisterRow

_USCC = "enterprise.uscc"
_SHARED_FIELDS = dict(zip(SHARED, ("project.content", "benefit", "enterprise.contact.mobile"), strict=True))
_METRIC_FIELDS = {"saving": "benefit.energy_saving_tce", "carbon": "benefit.carbon_reduction_tco2"}
_NEVER = date.max.toordinal() + 1
_NOTHING, _UNLISTED = -1, -2
_PARTS = attrgetter("name", "aliases", "level", "batch", "department_code", "listed_on", "removed_on")

Numbers = NDArray[np.int64]
Keys = Callable[[Sequence[str]], Sequence[str]]
"""The normal forms in which texts are compared."""


def register_frame(
    filing: Filing, heads: Heads, register: Register, history: History, policy: Policy
) -> dict[str, DistinctFrame]:
    """The frame of suite `factories`: the register as of the day of the recommendation."""
    fields, usccs, judged_on = filing.fields, filing.fields[_USCC], heads.judged_on
    rows = _RegisterRows.of(usccs, register)
    at = np.where(usccs.usable, usccs.codes, len(usccs.distinct))
    years = policy.integer("lookback_years")
    spans = [(_years_before(day, years).toordinal(), day.toordinal()) for day in judged_on.distinct]
    # [need, row].
    since, day = np.array(spans, dtype=np.int64)[judged_on.codes].T[:, :, None]
    listed_on, removed_on = rows.listed_on[at], rows.removed_on[at]
    active = (listed_on <= day) & (day < removed_on)
    in_force = active.sum(axis=1)
    removals = np.where(in_force > 0, ((since < removed_on) & (removed_on <= day)).sum(axis=1), 0)
    for need in _needs_with(usccs, history.false_information):
        seen_on = judged_on.distinct[judged_on.codes[need]]
        removals[need] += _false_information(history, usccs.distinct[at[need]], seen_on, years)

    def alike(path: str, field: FieldValues, held: Numbers, keys: Keys | None = None) -> FieldValues:
        """How many active rows hold the value of the field, if any row is active."""
        wanted = rows.numbers_in(field, keys)[np.where(field.usable, field.codes, len(field.distinct))]
        matches = (active & (held[at] == wanted[:, None, None]).any(axis=2)).sum(axis=1)
        return _counted(path, matches, usccs.usable & (in_force > 0) & field.usable)

    name, level, batch = "enterprise.name", "enterprise.factory_level", "enterprise.factory_batch"
    columns = {
        "rows_in_force": _counted(_USCC, in_force, usccs.usable),
        "names_alike": alike(name, fields[name], rows.names, name_keys),
        "rows_of_the_level": alike(level, fields[level], rows.levels),
        "rows_of_the_department": alike("department_code", heads.department, rows.departments),
        "batches_alike": alike(batch, fields[batch], rows.batches, name_keys),
        "bad_records": _counted(_USCC, removals, usccs.usable),
    }
    return {"factories": _frame(columns)}


def history_frame(
    records: Sequence[Mapping[str, Any]], known: Fingerprints, history: History, hash_item: HashItem, policy: Policy
) -> dict[str, DistinctFrame]:
    """The frame of suite `history`: other needs and earlier revisions. Needs without any such fact are left out."""
    at_least = float(policy.decimal("name_similarity_min"))
    quarters, enough = policy.integer("farming_quarters"), policy.integer("farming_min_enterprises")

    def found(path: str, shared: str, measure: Callable[[Fingerprint], Any]) -> FieldValues:
        measured = ((need, measure(known[need])) for need in history.shared(shared, known))
        return _found(path, {need: value for need, value in measured if value})

    columns = {
        "likeness": found("project.name", "uscc", lambda one: history.same_project_similarity(one, at_least)),
        "other_enterprises": found("project.project_code", "project_code", history.other_enterprises_with_the_code),
        "other_contents": _found("revision", dict.fromkeys(_rewritten(records, known, history, hash_item), 1)),
    }
    for name, path in _SHARED_FIELDS.items():
        sharing = partial(history.enterprises_sharing, name=name, quarters=quarters, enough=enough)
        columns[f"sharing_{name}"] = found(path, name, sharing)
    rises = dict(_rises(records, known, history))
    for metric, path in _METRIC_FIELDS.items():
        columns[f"{metric}_rise"] = _found(path, {need: rise[metric] for need, rise in rises.items() if metric in rise})
    return {"history": _frame(columns)}


# --- The register --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _RegisterRows:
    """The register's rows for each distinct credit code of a batch; the code after the last has none.

    Days are ordinals in [code, row]; texts are coded, in [code, row, spelling].
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
        """The register's rows for these codes."""
        found = list(map(register.rows_of, usccs.distinct))
        rows: list[RegisterRow] = list(chain.from_iterable(found))
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        code = np.repeat(np.arange(len(found)), lengths)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        shape = (len(found) + 1, int(lengths.max(initial=1)))
        texts: dict[str, int] = {}

        def days(of_rows: Sequence[date | None]) -> Numbers:
            spread = np.full(shape, _NEVER)
            spread[code, place] = [_NEVER if day is None else day.toordinal() for day in of_rows]
            return spread

        def numbered(of_rows: Sequence[str]) -> Numbers:
            spread = np.full((*shape, 1), _NOTHING)
            spread[code, place, 0] = _numbers_of(of_rows, texts)
            return spread

        # Each row is read once: a register is larger than any cache.
        parts = list(zip(*map(_PARTS, rows), strict=True)) or [()] * 7
        given_names, aliases, levels, batches, departments, listed_on, removed_on = parts
        names = numbered(name_keys(given_names))
        renamed = [at for at, former in enumerate(aliases) if former]
        further = np.full((*shape, max((len(aliases[at]) for at in renamed), default=0)), _NOTHING)
        for at in renamed:
            further[code[at], place[at], : len(aliases[at])] = _numbers_of(name_keys(aliases[at]), texts)
        return cls(
            texts,
            listed_on=days(listed_on),
            removed_on=days(removed_on),
            names=np.concatenate([names, further], axis=2),
            levels=numbered(levels),
            batches=numbered(_few_keys(batches)),
            departments=numbered(departments),
        )

    def numbers_in(self, field: FieldValues, keys: Keys | None) -> Numbers:
        """The code of each distinct value (normalised by `keys`); one extra code, which no row has, for unusable values."""
        numbers = np.full(len(field.distinct) + 1, _UNLISTED)
        given = [at for at, value in enumerate(field.distinct) if type(value) is str]
        texts = [field.distinct[at] for at in given]
        numbers[given] = [self.texts.get(text, _UNLISTED) for text in (keys(texts) if keys else texts)]
        return numbers


def _numbers_of(texts: Sequence[str], known: dict[str, int]) -> list[int]:
    """The code of each text; unknown texts get a new one."""
    return [known.setdefault(text, len(known)) for text in texts]


def _few_keys(names: Sequence[str]) -> list[str]:
    """The name keys of a small number of names."""
    distinct = list(dict.fromkeys(names))
    keys = dict(zip(distinct, name_keys(distinct), strict=True))
    return [keys[name] for name in names]


def _needs_with(usccs: FieldValues, known: Mapping[str, object]) -> list[int]:
    """The needs whose credit code is usable and among `known`."""
    if not known:
        return []
    among = np.array([*(type(code) is str and code in known for code in usccs.distinct), False], dtype=bool)
    return np.flatnonzero(among[np.where(usccs.usable, usccs.codes, len(usccs.distinct))]).tolist()


def _years_before(day: date, years: int) -> date:
    return add_years(day, -years) if day.year > years else date.min


def _false_information(history: History, uscc: str, day: date, years: int) -> int:
    since = _years_before(day, years)
    return sum(since < withdrawn <= day for withdrawn in history.false_information.get(uscc, ()))


# --- Other needs ---------------------------------------------------------------------------------------------------------


def _rewritten(
    records: Sequence[Mapping[str, Any]], known: Fingerprints, history: History, hash_item: HashItem
) -> Iterator[int]:
    """The needs whose revision was stored with another content first (DQ43)."""
    if not history.first_stored:
        return
    for need, revision in enumerate(zip(known.of_field["need_id"], known.of_field["revision"], strict=True)):
        first = history.first_stored.get(revision)
        if first is not None and hash_item(records[need]) != first:
            yield need


def _rises(
    records: Sequence[Mapping[str, Any]], known: Fingerprints, history: History
) -> Iterator[tuple[int, dict[str, tuple[int, int]]]]:
    """For each need with an earlier revision: metric → (new, old) if both are above zero and no report supports the
    change (G12)."""
    for need, revision in enumerate(known.of_field["revision"]):
        if revision is None or revision == 1:
            continue
        one = known[need]
        previous = history.previous(one)
        if previous is not None and not _is_backed(one, previous, records[need]):
            pairs = {metric: (getattr(one, metric), getattr(previous, metric)) for metric in _METRIC_FIELDS}
            yield need, {metric: pair for metric, pair in pairs.items() if None not in pair}


def _is_backed(one: Fingerprint, previous: Fingerprint, record: Mapping[str, Any]) -> bool:
    """Whether a new third-party report supports the benefits, or their basis is not usable."""
    benefit = record.get("benefit")
    basis = benefit.get("basis") if isinstance(benefit, dict) else None
    if not isinstance(basis, str) or basis not in choices("benefit.basis"):
        return True
    return basis == "third_party" and bool(set(one.reports) - set(previous.reports))


def answer_until(known: Fingerprints, history: History) -> Numbers:
    """For each need the first second after the day by which the return of its previous revision asked for an answer, as
    a Moment counts it; 0 if nothing was returned (DQ52)."""
    until = np.zeros(len(known), dtype=np.int64)
    for need, revision in enumerate(known.of_field["revision"]):
        if revision is not None and revision > 1 and (due := history.answer_due(known[need])):
            until[need] = moment_of(datetime.combine(due + timedelta(days=1), time(), SHANGHAI))[0]
    return until


# --- Columns -------------------------------------------------------------------------------------------------------------


def _counted(path: str, counts: Numbers, evaluated: NDArray[np.bool_]) -> FieldValues:
    """A count for each need, absent if undefined."""
    distinct = list(range(int(counts.max(initial=0)) + 1))
    return FieldValues(path, np.arange(len(counts)), np.where(evaluated, counts, ABSENT), distinct)


def _found(path: str, values: Mapping[int, Any]) -> FieldValues:
    """Values of some needs, by the need's index."""
    listed = listed_values(path, list(values.values()))
    return FieldValues(path, np.array(list(values), dtype=np.int64), listed.codes, listed.distinct)


def _frame(columns: Mapping[str, FieldValues]) -> DistinctFrame:
    """One row for each distinct value of each column; a pair becomes the two columns `<name>` and `<name>_before`."""
    made: dict[str, Column] = {}
    for name, origin in columns.items():
        if name.endswith("_rise"):
            made[name] = numbers(_only(origin, lambda pair: pair[0]))
            made[f"{name}_before"] = numbers(_only(origin, lambda pair: pair[1]))
        else:
            made[name] = (measures if name == "likeness" else numbers)(_only(origin, lambda value: value))
    return distinct_frame(list(columns.values()), made)


def _only(origin: FieldValues, part: Callable[[Any], Any]) -> Callable[[FieldValues], Sequence[Any]]:
    def told(field: FieldValues) -> Sequence[Any]:
        return [part(value) if field is origin else None for value in field.distinct]

    return told

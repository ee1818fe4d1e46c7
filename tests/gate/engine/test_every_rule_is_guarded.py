"""Breaking any one rule turns a test red: proven by breaking each of them, in every way its suite allows.

The true findings of all cases are taken once: of the case tables of records, batches, events, cases and the
register, and of the sandbox's scenario, whose answer key says what each need must give. A mutant is a rule as its suite states
it, with one thing changed. It is run on the frames of those cases; where its rows are the true ones, no test would have noticed,
and it is named here. A rule turned round finds none of the rows that it should, so that a rule that fires in some case is
guarded against that too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from include.gate.engine.judge import judge as judge_scenario
from include.local.postgres import PostgresServer
from include.reference import policy
from include.register.rules import judge_snapshot
from include.rule_book import suites as rule_book
from include.rule_book.suites import Breach, RuleBook, RuleBookError, suites
from include.sandbox.scenario.stage import make_scenario
from include.store.database import connect, migrate
from include.store.tables import metadata
from tests.support.clean_need import CHECKED_AT, clean_need, judge
from tests.support.matching import push
from tests.support.register import list_factory, pushed_of_it, watch
from tests.support.rows import AUDIT_KEYS, add_case
from tests.support.rule_cases import batch, case, event, record, register
from tests.support.scenario_surroundings import records_of, surroundings_of

pytestmark = pytest.mark.slow

RULES = sorted(one["meta"]["rule"] for suite in suites().values() for one in suite["expectations"])

SWITCHED_OFF = {"DQ18"}
"""Rules that find nothing under the policy in force: the catalogue is complete. test_judge.py has their case."""

EQUIVALENT = {
    ("DQ42", "limit moved to 0.8910"): "the gate only tells of likenesses from the policy's limit on",
    ("DQ43", "max_value moved to -1"): "where there is no other content the column is empty, never 0",
    ("DQ23", "columns swapped"): "equality has no direction",
    ("G01", "max_value moved to -1"): "where no other enterprise has the code the column is empty, never 0",
    ("G13", "first two columns swapped"): "what enterprises share counts alike, whichever of the three it is",
    (
        "T05",
        "from_rows moved to 0",
    ): "where no row was in use a snapshot has lost none, and an empty one is counted as one lost",
}
"""Mutants that state the same rule in other words."""

_OPPOSITE = {
    "expect_column_values_to_be_in_set": "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_in_set": "expect_column_values_to_be_in_set",
    "expect_column_values_to_match_regex": "expect_column_values_to_not_match_regex",
}
_OTHER_TEXT = {"group": "entry", "entry": "group", "true": "false", "false": "true"}
_NO_CONDITION = ("row_condition", "condition_parser", "ignore_row_if", "column", "column_list", "column_A", "column_B")


@dataclass(frozen=True)
class Mutant:
    """A rule with one thing changed."""

    rule: str
    change: str
    expectation: Mapping[str, Any]


class Judged:
    """What the suites saw and found while cases were judged: of each suite one frame with the rows of all cases."""

    def __init__(self) -> None:
        self._frames: dict[str, list[pd.DataFrame]] = {}
        self._rows: dict[str, list[int]] = {}

    def add(self, suite: str, frame: pd.DataFrame, breaches: Sequence[Breach]) -> None:
        before = sum(map(len, self._frames.get(suite, ())))
        for breach in breaches:
            self._rows.setdefault(breach.rule.rule_id, []).extend(before + row for row in breach.rows)
        self._frames.setdefault(suite, []).append(frame.copy())

    def rows(self, rule: str) -> list[int]:
        """The rows of its suite's frame that break the rule."""
        return sorted(self._rows.get(rule, ()))

    def frames(self) -> dict[str, pd.DataFrame]:
        """By suite; no rule looks at more than one row."""
        return {suite: pd.concat(frames, ignore_index=True) for suite, frames in self._frames.items()}


# --- Mutants -------------------------------------------------------------------------------------------------------------


def mutants(expectation: Mapping[str, Any]) -> Iterator[Mutant]:
    """Every way to change what a suite says of a rule."""
    rule, kwargs = expectation["meta"]["rule"], expectation["kwargs"]

    def mutant(change: str, *, type_: str | None = None, **changed: Any) -> Mutant:
        meta = expectation["meta"] | {"rule": f"{rule} {change}"}
        kept = {name: value for name, value in (kwargs | changed).items() if value is not ...}
        return Mutant(rule, change, {**expectation, "type": type_ or expectation["type"], "kwargs": kept, "meta": meta})

    if expectation["type"] in _OPPOSITE:
        yield mutant("condition inverted", type_=_OPPOSITE[expectation["type"]])
    if "row_condition" in kwargs:
        yield mutant("row condition dropped", row_condition=..., condition_parser=...)
    if "column_A" in kwargs:
        yield mutant("columns swapped", column_A=kwargs["column_B"], column_B=kwargs["column_A"])
    if len(columns := kwargs.get("column_list", ())) > 1:
        yield mutant("first two columns swapped", column_list=[columns[1], columns[0], *columns[2:]])
    for name, value in kwargs.items():
        if name in _NO_CONDITION:
            continue
        for change, other in _changes(_resolved(value)):
            yield mutant(f"{name} {change}", **{name: other})
    if expectation["type"].endswith("_greater_than_b") and "or_equal" not in kwargs:
        yield mutant("equality let through", or_equal=True)


def _resolved(value: Any) -> Any:
    """The policy value where a suite names its key, as the rule book hands it over."""
    if isinstance(value, dict) and set(value) == {"$PARAMETER"}:
        return rule_book._parameters(policy())[value["$PARAMETER"]]
    return value


def _changes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, bool):
        yield "flipped", not value
    elif isinstance(value, int):
        yield from ((f"moved to {other}", other) for other in (value - 1, value + 1))
    elif isinstance(value, str):
        yield from _changes_of_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from ((f"{key} {change}", value | {key: other}) for change, other in _changes(inner))
    elif isinstance(value, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in value):
        for at, inner in enumerate(value):
            for change, other in _changes(inner):
                yield f"[{at}] {change}", [*value[:at], other, *value[at + 1 :]]
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        yield from ((f"without {one}", [kept for kept in value if kept != one] or ["?"]) for one in value)


def _changes_of_text(value: str) -> Iterator[tuple[str, Any]]:
    """A number moves by one part in a hundred, a name becomes another one; a pattern stays."""
    if value in _OTHER_TEXT:
        yield "turned round", _OTHER_TEXT[value]
    elif value.replace(".", "", 1).isdigit():
        for factor in ("0.99", "1.01"):
            other = str(Decimal(value) * Decimal(factor)) if Decimal(value) else str(Decimal(factor) - 1)
            yield f"moved to {other}", other
    elif value.replace("_", "").isalpha() and value.isascii():
        yield "another list", "carbon_words" if value != "carbon_words" else "trade_use"


# --- Cases -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(postgres: PostgresServer) -> Judged:
    """All case tables and the sandbox's quarter, judged."""
    seen = Judged()
    breaches = RuleBook.breaches

    def watching(self: RuleBook, suite: str, frame: pd.DataFrame) -> list[Breach]:
        found = breaches(self, suite, frame)
        seen.add(suite, frame, found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RuleBook, "breaches", watching)
        judge([clean_need(spoilt) for _, spoilt, _ in record.CASES], checked_at=CHECKED_AT, policy=policy())
        _judge_scenario()
        for row, _ in batch.CASES:
            batch.found(row)
        for rows, _ in register.ROWS:
            register.found(*rows)
        for active, before, _ in register.SNAPSHOTS:
            judge_snapshot(active, before, policy())
        _play_on_a_database(postgres)
    return seen


def _judge_scenario() -> None:
    made = make_scenario()
    surroundings = surroundings_of(made, made.cut_off)
    judge_scenario(records_of(made.needs), checked_at=made.cut_off, policy=policy(), surroundings=surroundings)


def _play_on_a_database(postgres: PostgresServer) -> None:
    postgres.create_database("event_cases")
    database = connect(postgres.url("event_cases"), audit_keys=AUDIT_KEYS)
    migrate(database)
    for play in _plays():
        _empty(database)
        play(database)
    database.dispose()


def _plays() -> Iterator[Callable[[sa.Engine], object]]:
    for events, _ in event.CASES:
        yield partial(_report_on_a_push, events=events)
    for events, _ in case.SUSPICIONS:
        yield partial(case.alerts_on, events=events)
    for filed, reported, _ in case.GREEN_LABELS:
        yield partial(case.alerts_on_label, filed=filed, reported=reported)
    for approved, contracted, drawn, _ in case.SUMS:
        yield partial(case.alerts_on_sums, approved=approved, contracted=contracted, drawn=drawn)
    yield case.reports_owed
    yield partial(_watch_the_register, removed_on=None, state="pushed")
    yield partial(_watch_the_register, removed_on=date(2026, 10, 21), state="pushed")
    yield partial(_watch_the_register, removed_on=date(2026, 10, 1), state="credit_approved")


def _report_on_a_push(database: sa.Engine, events: Sequence[dict[str, Any]]) -> None:
    push(database)
    event.found(database, *events)


def _watch_the_register(database: sa.Engine, removed_on: date | None, state: str) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=removed_on)
        pushed_of_it(connection)
        add_case(connection, 1, state=state)
    watch(database)


def _empty(database: sa.Engine) -> None:
    """Quicker than a database for each case."""
    with database.begin() as connection:
        connection.execute(sa.text("set local session_replication_role = replica"))
        for table in metadata.sorted_tables:
            connection.execute(sa.delete(table))


@pytest.fixture(scope="module")
def survivors(judged: Judged) -> list[Mutant]:
    """The mutants that change no row of any case."""
    frames = judged.frames()
    left: list[Mutant] = []
    for name, suite in suites().items():
        alive = [mutant for expectation in suite["expectations"] for mutant in mutants(expectation)]
        changed = _changed(name, alive, frames[name], judged)
        left += [mutant for mutant in alive if mutant not in changed]
    return left


_numbers = itertools.count()


def _changed(suite: str, alive: Sequence[Mutant], frame: pd.DataFrame, judged: Judged) -> list[Mutant]:
    """Those of `alive` that find other rows of the frame than their rule does, or cannot be evaluated at all."""
    if not alive:
        return []
    name = f"{suite}-mutants-{next(_numbers)}"
    stated = {"name": name, "expectations": [mutant.expectation for mutant in alive], "meta": {}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_book, "suites", lambda: {name: stated})
        try:
            found = {one.rule.rule_id: sorted(one.rows) for one in RuleBook(policy()).breaches(name, frame)}
        except (RuleBookError, TypeError, ValueError):
            if len(alive) == 1:
                return list(alive)
            half = len(alive) // 2
            return [*_changed(suite, alive[:half], frame, judged), *_changed(suite, alive[half:], frame, judged)]
    return [one for one in alive if found.get(f"{one.rule} {one.change}", []) != judged.rows(one.rule)]


def test_the_cases_reach_every_suite(judged: Judged) -> None:
    assert set(judged.frames()) == set(suites())


@pytest.mark.parametrize("rule", sorted(set(RULES) - SWITCHED_OFF))
def test_a_rule_that_never_fires_is_noticed(rule: str, judged: Judged) -> None:
    assert judged.rows(rule)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_with_another_condition_is_noticed(rule: str, survivors: list[Mutant]) -> None:
    unnoticed = {one.change for one in survivors if one.rule == rule}
    assert unnoticed - {change for name, change in EQUIVALENT if name == rule} == set()

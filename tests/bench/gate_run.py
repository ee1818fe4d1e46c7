"""One measurement in this process: python -m tests.bench.gate_run <measurement> <needs>; prints seconds and peak memory.

Needs are made before the clock runs; chunks bound the memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pandas as pd

from include.base.canonical import read_json
from include.gate.engine import judge as gate
from include.gate.engine.enrichment import answer_until, history_frame, register_frame
from include.gate.engine.fingerprints import read_fingerprints
from include.gate.engine.form_reader import read_filing
from include.gate.engine.frames import format_frames, presence_frames, value_frames
from include.gate.engine.gc_pause import gc_paused
from include.gate.engine.history import History
from include.gate.engine.needs_frame import needs_frame
from include.gate.engine.record_head import read_heads
from include.reference import policy
from include.register.in_use import Register
from include.rule_book.suites import RuleBook, suites
from tests.bench import peers
from tests.bench.generated import CHECKED_AT, needs, register_row
from tests.bench.stored import CIPHER, judge_stored, read_listings, store_as_documented

CHUNK = 20_000
_POLICY = policy()


class Clock:
    """Adds up the time in which it runs: this process's CPU, so that other processes do not count, or the wall's."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._now = now

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time within."""
        begun = self._now()
        yield
        self.seconds += self._now() - begun


Measurement = Callable[[int, Clock], None]
"""Measures so many needs."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Needs as JSON, with what the register holds of their factories: as many as the stage has in memory at once."""

    raws: list[bytes]
    register: Register

    def records(self) -> list[dict[str, Any]]:
        """The needs as parsed anew."""
        return list(map(read_json, self.raws))

    def among_themselves(self) -> gate.Surroundings:
        """What the gate is told beside the records: the register, and the records themselves as each other's history."""
        records = self.records()
        known = gate.fingerprints(records, checked_at=CHECKED_AT, policy=_POLICY, keyed_hash=CIPHER.fingerprint)
        return gate.Surroundings.of(self.register, History(open_needs=known, window=known), CIPHER)


def chunks(size: int) -> Iterator[Chunk]:
    """The needs, chunk by chunk."""
    made = needs(size)
    while chunk := list(islice(made, CHUNK)):
        raws = [json.dumps(need, ensure_ascii=False).encode() for need in chunk]
        yield Chunk(raws, Register.of(map(register_row, chunk)))


def frames(records: list[dict[str, Any]], surroundings: gate.Surroundings) -> dict[str, pd.DataFrame]:
    """The frames of all suites that judge records."""
    heads, filing, book = read_heads(records, CHECKED_AT, _POLICY), read_filing(records), RuleBook(_POLICY)
    made = presence_frames(filing, heads) | format_frames(filing)
    list(gate._case_findings(book, made, _POLICY))
    made |= value_frames(filing, heads)
    made |= register_frame(filing, heads, surroundings.register, surroundings.history, _POLICY)
    known = read_fingerprints(records, filing, heads, CIPHER.fingerprint)
    made |= history_frame(records, known, surroundings.history, surroundings.hash_item, _POLICY)
    found = {name: cases.frame for name, cases in made.items()}
    return found | {
        "needs": needs_frame(filing, heads, answer_until(known, surroundings.history), _POLICY.flag("cutoff_inclusive"))
    }


def from_columns(size: int, clock: Clock) -> None:
    """FieldValues → findings."""
    for chunk in chunks(size):
        surroundings = chunk.among_themselves()
        records = chunk.records()
        heads, filing = read_heads(records, CHECKED_AT, _POLICY), read_filing(records)
        with clock.running(), gc_paused():
            book = RuleBook(_POLICY)
            list(gate._case_findings(book, presence_frames(filing, heads) | format_frames(filing), _POLICY))
            list(gate._case_findings(book, value_frames(filing, heads), _POLICY))
            registered = register_frame(filing, heads, surroundings.register, surroundings.history, _POLICY)
            list(gate._case_findings(book, registered, _POLICY))
            known = read_fingerprints(records, filing, heads, CIPHER.fingerprint)
            compared = history_frame(records, known, surroundings.history, surroundings.hash_item, _POLICY)
            list(gate._case_findings(book, compared, _POLICY))
            book.breaches(
                "needs",
                needs_frame(filing, heads, answer_until(known, surroundings.history), _POLICY.flag("cutoff_inclusive")),
            )


def from_json(size: int, clock: Clock) -> None:
    """JSON bytes → verdicts."""
    for chunk in chunks(size):
        surroundings = chunk.among_themselves()
        with clock.running(), gc_paused():
            gate.judge(chunk.records(), checked_at=CHECKED_AT, policy=_POLICY, surroundings=surroundings)


def on_frames(run: Callable[[str, pd.DataFrame], object]) -> Measurement:
    """Measure `run(suite, frame)` on each frame of each chunk."""

    def measured(size: int, clock: Clock) -> None:
        for chunk in chunks(size):
            for name, frame in frames(chunk.records(), chunk.among_themselves()).items():
                if not frame.empty:
                    with clock.running():
                        run(name, frame)

    return measured


def on_plain_columns(run: Callable[[Any], object], as_polars: bool) -> Measurement:
    """Measure `run` on the columns that the plain rules look at."""

    def measured(size: int, clock: Clock) -> None:
        for chunk in chunks(size):
            frame: Any = frames(chunk.records(), chunk.among_themselves())["needs"][peers.columns()]
            if as_polars:
                frame = peers.as_polars(frame)
            run(frame.head(10))
            with clock.running():
                run(frame)

    return measured


def _ours(name: str, frame: pd.DataFrame) -> object:
    return RuleBook(_POLICY).breaches(name, frame)


def _ours_plain(frame: pd.DataFrame) -> object:
    from include.rule_book.metrics import CompiledSuite
    from include.rule_book.suites import _loaded, _parameters

    if "plain" not in _COMPILED:
        chosen = [one for one in _loaded("needs").expectations if one.meta["rule"] in peers.PLAIN_RULES]
        _COMPILED["plain"] = CompiledSuite.of(chosen, _parameters(_POLICY))
    return _COMPILED["plain"].run(frame)


_COMPILED: dict[str, Any] = {}


def _as_documented(whole: bool) -> Callable[[str, pd.DataFrame], object]:
    """Great Expectations as its documentation uses it: a batch, and its expectations one by one or as a suite."""
    import great_expectations as gx

    import expectations.custom  # noqa: F401 - registers the classes
    from include.rule_book.suites import _parameters

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    source = context.data_sources.add_pandas("documented")
    made: dict[str, Any] = {}

    def run(name: str, frame: pd.DataFrame) -> object:
        if name not in made:
            suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=suites()[name]["expectations"]))
            made[name] = (suite, source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows"))
        suite, rows = made[name]
        batch = rows.get_batch({"dataframe": frame})
        told: dict[str, Any] = {"result_format": "COMPLETE", "expectation_parameters": _parameters(_POLICY)}
        if whole:
            return batch.validate(suite, **told)
        return [batch.validate(expectation, **told) for expectation in suite.expectations]

    return run


def documented(size: int, clock: Clock) -> None:
    """JSON → frames → findings by the documented validation → verdicts and findings by DataFrame.to_sql.

    Register and history cost nothing here, nothing is encrypted, and nothing is queued.
    """
    validate = _as_documented(whole=True)
    prepared = [(chunk, chunk.among_themselves()) for chunk in chunks(size)]

    def tables() -> Iterator[tuple[str, pd.DataFrame]]:
        for chunk, surroundings in prepared:
            found: list[tuple[str, str, int]] = []
            for name, frame in frames(chunk.records(), surroundings).items():
                if frame.empty:
                    continue
                results = validate(name, frame).results  # type: ignore[attr-defined]
                for result in results:
                    rule_id = result.expectation_config.meta["rule"]
                    found += [(name, rule_id, row) for row in result.result.get("unexpected_index_list") or ()]
            verdicts = [(row, "passed") for row in range(len(chunk.raws))]
            yield "documented_verdict", pd.DataFrame(verdicts, columns=["row", "verdict"])
            yield "documented_finding", pd.DataFrame(found, columns=["suite", "rule_id", "row"])

    store_as_documented(clock, tables())


def main(name: str, size: int) -> None:
    """Run a measurement; the last line printed is JSON."""
    measurements: dict[str, Callable[[], Measurement]] = {
        "columns": lambda: from_columns,
        "rules": lambda: on_frames(_ours),
        "json": lambda: from_json,
        "stored": lambda: judge_stored,
        "pull": lambda: read_listings,
        "documented": lambda: documented,
        "one_by_one": lambda: on_frames(_as_documented(whole=False)),
        "plain_suite": lambda: on_frames(_as_documented(whole=True)),
        "ours_plain": lambda: on_plain_columns(_ours_plain, as_polars=False),
        "pandera": lambda: on_plain_columns(peers.pandera, as_polars=False),
        "pointblank": lambda: on_plain_columns(peers.pointblank, as_polars=True),
        "polars": lambda: on_plain_columns(peers.polars, as_polars=True),
    }
    some = next(chunks(10))
    gate.judge(some.records(), checked_at=CHECKED_AT, policy=_POLICY, surroundings=some.among_themselves())
    # The database works in processes of its own.
    clock = Clock(time.perf_counter if name in ("stored", "pull", "documented") else time.process_time)
    measurements[name]()(size, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": clock.seconds, "peak_mib": peak}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

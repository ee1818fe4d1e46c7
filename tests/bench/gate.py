"""The gate beside its peers: needs per second and peak memory, each measurement in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.peers import PLAIN_RULES

MEASUREMENTS = {
    "columns": "our gate, from the parsed columns to findings",
    "rules": "our gate, rules alone, from frames to rows",
    "json": "our gate, from JSON bytes to verdicts",
    "pull": "our intake, from listings to stored needs with their fingerprints",
    "stored": "our gate, from stored JSON to stored verdicts",
    "documented": "batch.validate(suite) and DataFrame.to_sql, JSON to stored findings",
    "one_by_one": "(a) batch.validate(expectation), same suites, frames to rows",
    "plain_suite": "(b) batch.validate(suite), same suites, frames to rows",
    "ours_plain": f"our gate, the {len(PLAIN_RULES)} plain rules alone",
    "pandera": "(c) pandera on pandas, the plain rules",
    "pointblank": "(c) pointblank on polars, the plain rules",
    "polars": "(d) polars expressions, the plain rules",
}
_LARGEST_ONE_BY_ONE = 100_000


def report(sizes: Sequence[int]) -> None:
    """Measure each size and print a table, the ratios and the aim beside each."""
    print(f"plain rules, with which the peers are compared: {', '.join(PLAIN_RULES)}\n")
    for size in sizes:
        print(f"{size:,} needs")
        found: dict[str, Mapping[str, Any]] = {}
        for name, title in MEASUREMENTS.items():
            if name == "one_by_one" and size > _LARGEST_ONE_BY_ONE:
                print(f"  {title:66}  left out beyond {_LARGEST_ONE_BY_ONE:,}")
                continue
            found[name] = one = _measured(name, size)
            print(f"  {title:66} {one['seconds']:8.2f} s {size / one['seconds']:11,.0f}/s {one['peak_mib']:6,.0f} MiB")
        for line in _aims(size, found):
            print(f"  {line}")
        print()


def _measured(name: str, size: int) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.gate_run", name, str(size)], stdout=subprocess.PIPE, text=True, check=True
    )
    measured: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _aims(size: int, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    seconds = {name: one["seconds"] for name, one in found.items()}
    lines = [
        _aim("from parsed columns, needs/s", size / seconds["columns"], 40_000),
        _aim("from listings to stored needs, needs/s", size / seconds["pull"], 5_000),
        _aim("from stored JSON to stored verdicts, needs/s", size / seconds["stored"], 10_000),
        _aim("times what a user would write instead", seconds["documented"] / seconds["stored"], 5),
        _aim("times (b)", seconds["plain_suite"] / seconds["rules"], 4),
        _aim("pandera's time / ours, plain rules", seconds["pandera"] / seconds["ours_plain"], 1 / 3),
        f"peak memory from JSON bytes: {found['json']['peak_mib']:,.0f} MiB (aim: at most 2,048 at 1,000,000)",
    ]
    if "one_by_one" in seconds:
        lines.insert(2, _aim("times (a)", seconds["one_by_one"] / seconds["rules"], 20))
    return lines


def _aim(title: str, value: float, aim: float) -> str:
    return f"{title}: {value:,.2f} (aim: at least {aim:,.2f}) {'reached' if value >= aim else 'MISSED'}"

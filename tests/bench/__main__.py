"""Runs one part of the benchmark: python -m tests.bench gate|delivery|cases|escalation [--sizes 10000,100000], or quarter [--runs 5]."""

from __future__ import annotations

import argparse

from tests.bench import cases, delivery, escalation, gate
from tests.bench.answer_key import print_answer_key
from tests.bench.quarter import measure_quarter

PARTS = {"cases": cases.report, "delivery": delivery.report, "escalation": escalation.report, "gate": gate.report}


def main() -> None:
    """Measure a part at each size and print its table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", choices=sorted([*PARTS, "quarter"]))
    parser.add_argument("--sizes", default="10000,100000", help="numbers of items, separated by commas")
    parser.add_argument("--runs", type=int, default=5, help="how often the quarter is played")
    arguments = parser.parse_args()
    if arguments.part == "quarter":
        measure_quarter(arguments.runs)
        return
    PARTS[arguments.part]([int(size) for size in arguments.sizes.split(",")])
    if arguments.part == "gate":
        print_answer_key()


if __name__ == "__main__":
    main()

"""The wall time of `quarterly_intake` on real Airflow: a country's quarter, the stack of `make demo`, one intake after another.

`python -m tests.bench quarter --runs 5` prints the seconds of each run, their median, and where the time goes by task.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from include.local import databases
from include.local.environment import Environment, Layout
from include.local.plan import Step, quarter_plan
from include.local.sandbox_client import SandboxClient
from include.local.stack import QUARTER, Stack
from include.reference.calendar import china_calendar

_POLL_S = 0.1


def measure_quarter(runs: int) -> None:
    """Play the intake `runs` times on an empty business database each time, after one run that warms Airflow up."""
    # PostgreSQL's account must be able to enter the folder.
    with tempfile.TemporaryDirectory(prefix="bench-quarter-", dir="/var/tmp") as folder:
        layout = Layout(Path(folder).resolve())
        environment = Environment.of(layout)
        environment.postgres.start()
        stack = Stack(environment, environment.for_demo(), print)
        try:
            stack.start_databases()
            stack.start_services()
            step = next(one for one in quarter_plan(QUARTER, china_calendar()) if one.dag_id == "quarterly_intake")
            SandboxClient(environment).set_clock(step.moment)
            _run(stack, step, 0)
            measured = [_run(stack, step, number) for number in range(1, runs + 1)]
        finally:
            Stack.stop_all(layout)
            environment.postgres.stop()
    print("seconds a run:", " ".join(f"{seconds:.1f}" for seconds, _ in measured))
    print(f"median {statistics.median(seconds for seconds, _ in measured):.1f} s")
    _, tasks = sorted(measured, key=lambda one: one[0])[len(measured) // 2]
    _print_tasks(tasks)


def _run(stack: Stack, step: Step, number: int) -> tuple[float, list[dict[str, Any]]]:
    """One intake on an empty business database: its wall time in seconds, and its task instances."""
    databases.renew_business_database(stack.environment)
    run_id = f"bench-{number}"
    began = time.monotonic()
    stack.api.trigger(step.dag_id, run_id, step.conf, step.quarter)
    while not stack.api.is_final(state := stack.api.run_state(step.dag_id, run_id)):
        time.sleep(_POLL_S)
    seconds = time.monotonic() - began
    assert state == "success", f"{run_id} ended as {state}"
    return seconds, stack.api.tasks(step.dag_id, run_id)


def _print_tasks(tasks: Sequence[dict[str, Any]]) -> None:
    """By task: how many, from when to when since the first start, and the sum of their own seconds."""
    started = [one for one in tasks if one["start_date"]]
    first = min(datetime.fromisoformat(one["start_date"]) for one in started)
    print("| task | count | starts at s | ends at s | own seconds |\n|--|--|--|--|--|")
    for task_id in dict.fromkeys(one["task_id"] for one in sorted(started, key=lambda one: one["start_date"])):
        own = [one for one in started if one["task_id"] == task_id]
        begins = min((datetime.fromisoformat(one["start_date"]) - first).total_seconds() for one in own)
        ends = max((datetime.fromisoformat(one["end_date"]) - first).total_seconds() for one in own)
        print(f"| {task_id} | {len(own)} | {begins:.1f} | {ends:.1f} | {sum(one['duration'] for one in own):.1f} |")

"""Runs DAGs one after another by `dag.test()` in a process of its own, as the caller's environment says.

Reads a JSON list of {"dag_id", "conf", "logical_date", "clocks"} on standard input, where `clocks` are addresses at which the
sandbox's clock is set first; writes the state of each run and of its tasks to the file named as the only argument.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import requests


def main(answer: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.configuration import conf

    plan: list[dict[str, Any]] = json.load(sys.stdin)
    bag = DagBag(dag_folder=conf.get("core", "dags_folder"))
    if bag.import_errors:
        raise SystemExit(json.dumps(bag.import_errors, ensure_ascii=False))
    results = []
    for step in plan:
        moment = datetime.fromisoformat(step["logical_date"])
        for clock in step["clocks"]:
            requests.post(clock, json={"now": step["logical_date"]}, timeout=10).raise_for_status()
        run = bag.dags[step["dag_id"]].test(logical_date=moment, run_conf=step["conf"])
        tasks = {f"{ti.task_id}[{ti.map_index}]": ti.state for ti in run.get_task_instances()}
        tries = max(ti.try_number for ti in run.get_task_instances())
        results.append({"dag_id": step["dag_id"], "state": run.state, "tasks": tasks, "tries": tries})
        answer.write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

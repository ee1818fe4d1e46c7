"""Plays missed cut-offs on Airflow's own scheduler and LocalExecutor: what is run, in which order, with which partitions.

Quarters of 2024, which have all ended: `quarterly_intake` failed at the first one's cut-off, and was paused over the next two. Takes
a folder; writes the runs of both DAGs as JSON to the file `runs.json` in it, the logs of the processes beside it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_INTAKE, _MAKE_UP = "quarterly_intake", "missed_quarters"
_PATIENCE_S = 100


def main(folder: Path) -> None:
    _know_the_dags()
    with _service(folder, "api-server", "--apps", "execution"), _service(folder, "scheduler", "--skip-serve-logs"):
        _pause(_MAKE_UP, False)
        _wait_for(lambda: _final(_MAKE_UP, 1))
        _pause(_INTAKE, False)
        _wait_for(lambda: _final(_INTAKE, 3))
        _run(_MAKE_UP)
        _wait_for(lambda: _final(_MAKE_UP, 2) and _final(_INTAKE, 4))
    (folder / "runs.json").write_text(json.dumps({dag_id: _runs(dag_id) for dag_id in (_INTAKE, _MAKE_UP)}))


def _know_the_dags() -> None:
    """Both DAGs, paused, as the DAG processor makes them known; the newest scheduled intake is one that failed."""
    import pendulum
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.sdk.configuration import conf
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    DagBundlesManager().sync_bundles_to_db()
    for dag_id in (_INTAKE, _MAKE_UP):
        bag = DagBag(dag_folder=f"{conf.get('core', 'dags_folder')}/{dag_id}.py")
        assert not bag.import_errors, bag.import_errors
        bag.dags[dag_id].is_paused_upon_creation = True
        if dag_id == _INTAKE:
            # Whatever the machine's clock says: no quarter after these.
            bag.dags[dag_id].end_date = pendulum.datetime(2024, 12, 1, tz="Asia/Shanghai")
        sync_bag_to_db(bag, "dags-folder", None)
        if dag_id == _INTAKE:
            known = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags[dag_id]))
            (first,) = known.timetable.iter_partition_dagrun_infos(
                earliest=pendulum.datetime(2024, 1, 1, tz="Asia/Shanghai"),
                latest=pendulum.datetime(2024, 3, 1, tz="Asia/Shanghai"),
            )
            with create_session() as session:
                known.create_dagrun(
                    run_id="scheduled__2024Q1",
                    logical_date=first.logical_date,
                    data_interval=first.data_interval,
                    run_after=first.run_after,
                    start_date=first.run_after,
                    run_type=DagRunType.SCHEDULED,
                    triggered_by=DagRunTriggeredByType.TIMETABLE,
                    state=DagRunState.FAILED,
                    partition_key=first.partition_key,
                    partition_date=first.partition_date,
                    session=session,
                )
            sync_bag_to_db(bag, "dags-folder", None)


def _pause(dag_id: str, paused: bool) -> None:
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.get(DagModel, dag_id).is_paused = paused


def _run(dag_id: str) -> None:
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.utils.types import DagRunTriggeredByType

    trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.REST_API)


def _runs(dag_id: str) -> list[dict[str, Any]]:
    """The runs in the order in which they were started."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        runs = session.query(DagRun).filter_by(dag_id=dag_id).order_by(DagRun.start_date)
        return [
            {
                "run_id": run.run_id,
                "type": run.run_type,
                "partition": run.partition_key,
                "state": run.state,
                "tasks": {f"{ti.task_id}[{ti.map_index}]": ti.state for ti in run.get_task_instances()},
            }
            for run in runs
        ]


def _final(dag_id: str, number: int) -> bool:
    return sum(run["state"] in ("success", "failed") for run in _runs(dag_id)) >= number


def _wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(json.dumps({dag_id: _runs(dag_id) for dag_id in (_INTAKE, _MAKE_UP)}, indent=1))
        time.sleep(0.3)


@contextmanager
def _service(folder: Path, *command: str) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *command], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Policy for every DAG: it parses, it is registered whole, it says what it is for and what to do when it is red."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from include.local.stages import PLAYED, Stages
from tests.support.verbs import calls_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
EXPECTED = {
    "quarterly_intake",
    "daily_review",
    "major_intake",
    "missed_quarters",
    "decide_stopped_department",
    "rejudge",
    "deliver",
    "rerun_deliveries",
    "bank_feedback",
    "escalate_stalled",
    "remind_departments",
    "urgent_mails",
    "weekly_summary",
    "reconcile",
    "quarterly_circular",
    "housekeeping",
}


@pytest.fixture(scope="module")
def dag_bag(airflow_home: Path, repository: Path):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(repository / "dags"))


def test_every_dag_of_the_house_parses(dag_bag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == EXPECTED


def test_every_dag_can_be_serialised(dag_bag) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dag_bag.dags.values():
        assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == dag.dag_id


def test_every_dag_says_when_it_runs_and_how_to_mend_it(dag_bag) -> None:
    for dag in dag_bag.dags.values():
        assert "**Triage**" in dag.doc_md, dag.dag_id
        if "**By hand only" not in dag.doc_md:
            assert "**When**" in dag.doc_md and "**By hand**" in dag.doc_md, dag.dag_id
        assert "绿厂融通" in dag.tags, dag.dag_id


def test_every_task_has_an_owner_a_time_limit_and_its_own_words(dag_bag) -> None:
    for dag in dag_bag.dags.values():
        for task in dag.tasks:
            name = f"{dag.dag_id}.{task.task_id}"
            assert task.owner == "green-factory-finance", name
            assert task.execution_timeout is not None, name
            if hasattr(task, "python_callable"):
                assert task.python_callable.__doc__, name


def test_no_task_waits_for_a_start_that_a_quarter_may_precede(dag_bag) -> None:
    for dag in dag_bag.dags.values():
        assert all(task.start_date <= datetime(2024, 1, 1, tzinfo=SHANGHAI) for task in dag.tasks), dag.dag_id


@pytest.mark.parametrize(
    ("missing", "paused"), [(None, False), ("credit_market", None)], ids=["all set", "one missing"]
)
def test_a_new_dag_starts_by_itself_where_the_four_connections_are_set(
    monkeypatch: pytest.MonkeyPatch, airflow_home: Path, missing: str | None, paused: bool | None
) -> None:
    from green_finance.defaults import dag_defaults
    from include.base.settings import CONNECTION_IDS, environment_name

    for name in CONNECTION_IDS:
        monkeypatch.setenv(environment_name(name), '{"conn_type": "http", "host": "127.0.0.1"}')
    if missing:
        monkeypatch.delenv(environment_name(missing))
    assert dag_defaults()["is_paused_upon_creation"] is paused


def test_every_dag_tells_operators_of_a_failed_run_and_no_task_does_so_by_itself(dag_bag) -> None:
    from green_finance.failure_mails import RunFailureNotifier

    for dag in dag_bag.dags.values():
        assert isinstance(dag.on_failure_callback, RunFailureNotifier), dag.dag_id
        assert not any(task.on_failure_callback for task in dag.tasks), dag.dag_id


def test_a_rerun_is_a_preview_unless_asked_otherwise_and_needs_a_reason(dag_bag) -> None:
    params = dag_bag.dags["rerun_deliveries"].params
    assert params["dry_run"] is True
    with pytest.raises(Exception, match="reason"):
        params.validate()


def test_a_quarter_is_the_partition_of_intake_and_circular(dag_bag) -> None:
    assert dag_bag.dags["quarterly_intake"].timetable.partitioned
    assert type(dag_bag.dags["quarterly_circular"].timetable).__name__ == "PartitionedAssetTimetable"


def test_parsing_the_dags_loads_no_heavy_library(repository: Path, airflow_home: Path) -> None:
    """What a DAG file imports is paid again at each parse."""
    code = (
        "import sys; from airflow.dag_processing.dagbag import DagBag;"
        f"bag = DagBag(dag_folder={str(repository / 'dags')!r});"
        "assert len(bag.dags) == 16, bag.import_errors;"
        "loaded = {'pandas', 'great_expectations', 'requests'} & set(sys.modules); print(sorted(loaded))"
    )
    before = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, airflow.dag_processing.dagbag;"
            "print(sorted({'pandas', 'great_expectations', 'requests'} & set(sys.modules)))",
        ],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    after = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    assert after == before


OF_AIRFLOW_ALONE = {
    "department_sets",
    "header",
    "is_due",
    "page_path",
    "quarter_is_settled",
    "record",
    "undecided",
}
"""What tasks call to decide what runs next, how many run, or to say which task it was."""


@pytest.mark.parametrize("dag_id", PLAYED)
def test_a_play_does_what_the_tasks_do_in_their_order_and_with_their_arguments(dag_bag, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    by_task = {
        task.task_id: [call for call in calls_of(task.python_callable) if call.verb not in OF_AIRFLOW_ALONE]
        for task in dag.tasks
        if hasattr(task, "python_callable")
    }
    played = calls_of(PLAYED[dag_id], Stages)
    verbs = [call.verb for call in played]
    asked = {call for calls in by_task.values() for call in calls}
    assert asked - set(played) == set(), "called by a task, and not played so"
    for task_id, calls in by_task.items():
        first = [verbs.index(call.verb) for call in calls]
        assert first == sorted(first), f"{task_id}: played in another order"
        for before in dag.get_task(task_id).get_flat_relative_ids(upstream=True):
            earlier = [verbs.index(call.verb) for call in by_task.get(before, ())]
            assert not earlier or not first or max(earlier) < min(first), f"{before} is played after {task_id}"


def test_what_health_watches_are_tasks_with_that_rhythm(dag_bag) -> None:
    from include.need_view.health import RHYTHMS

    for rhythm in RHYTHMS:
        dag_id, _, task_id = rhythm.task.partition(".")
        dag = dag_bag.dags[dag_id]
        assert task_id in dag.task_ids, rhythm.task
        timetable = getattr(dag.timetable, "timetable", dag.timetable)
        told = timetable.summary if rhythm.working_days else timetable.expression
        if rhythm.minutes:
            assert f"*/{rhythm.minutes} " in told, (rhythm.task, told)
        else:
            at = f"{rhythm.at:%H:%M}" if rhythm.working_days else f"{rhythm.at.minute} {rhythm.at.hour} "
            assert at in told, (rhythm.task, told)

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.local.postgres import PostgresServer

FOLDER = Path(__file__).parent
NAME = "审核结果页"


@pytest.mark.slow
def test_airflow_leads_from_each_mapped_task_to_its_own_page(postgres: PostgresServer, tmp_path: Path) -> None:
    postgres.create_database("links_airflow")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER / "dags_with_links"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("links_airflow"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "t" * 64,
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    process = subprocess.run(
        [sys.executable, str(FOLDER / "follow_links.py")], env=environment, capture_output=True, text=True, timeout=180
    )
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    assert json.loads(process.stdout.splitlines()[-1]) == [
        {NAME: "/green-finance/validation/2026Q3/330000"},
        {NAME: "/green-finance/validation/2026Q3/110000"},
        {NAME: None},
    ]


def test_the_judging_tasks_of_all_intakes_carry_the_link(repository: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = DagBag(dag_folder=str(repository / "dags"))
    linked = {
        (dag_id, task.task_id)
        for dag_id, dag in bag.dags.items()
        for task in DagSerialization.deserialize_dag(DagSerialization.to_dict(dag)["dag"]).tasks
        if NAME in task.extra_links
    }
    assert linked == {
        ("quarterly_intake", "judge_departments"),
        ("daily_review", "judge_departments"),
        ("major_intake", "judge_departments"),
    }

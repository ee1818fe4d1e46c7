"""Cut-offs that passed while Airflow could not work, on its own scheduler: each quarter is made up for, in order."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from include.local.postgres import PostgresServer
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from include.store.simulated_time import move_to
from tests.support.connections import connections_to
from tests.support.rows import add_intake, moment

NOW = moment("2024-10-08 09:00")
SKIPPED_ALONE = {"stopped_departments[-1]", "ask_a_person[-1]"}


@pytest.fixture(scope="module")
def business(postgres: PostgresServer) -> Iterator[sa.Engine]:
    """A system that was in use before the first cut-off."""
    postgres.create_database("missed_business")
    engine = connect(postgres.url("missed_business"))
    migrate(engine)
    with engine.begin() as connection:
        add_intake(connection, kind="major", quarter="2024Q1", started_at=moment("2024-03-20 10:00"))
    move_to(engine, NOW)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("missed")


@pytest.fixture(scope="module")
def runs(postgres: PostgresServer, business: sa.Engine, folder: Path, repository: Path) -> dict[str, Any]:
    postgres.create_database("missed_airflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "airflow" / "config"
    config.mkdir(parents=True)
    shutil.copy(repository / "include" / "local" / "airflow_local_settings.py", config)
    scenario = make_scenario(seed=11, quarter="2024Q3", needs=37, factories=400)
    with Sandbox(scenario, now=NOW, mail_dir=folder / "mail") as sandbox:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("missed_airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(repository / "dags"),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API_AUTH__JWT_SECRET": "t" * 64,
            "GFF_SANDBOX": "1",
            **connections_to(business.url, sandbox, "key of the test of missed quarters"),
        }
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True
        )
        process = subprocess.run(
            [sys.executable, "tests/end_to_end/on_a_scheduler.py", str(folder)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert process.returncode == 0, process.stderr[-4000:]
    found: dict[str, Any] = json.loads((folder / "runs.json").read_text(encoding="utf-8"))
    return found


def test_while_the_intake_is_paused_a_red_run_names_what_was_missed(runs: dict[str, Any], folder: Path) -> None:
    first, _ = runs["missed_quarters"]
    assert (first["type"], first["state"]) == ("scheduled", "failed")
    logs = [file.read_text(encoding="utf-8") for file in folder.rglob(f"*{first['run_id']}*/**/*.log")]
    assert any("2024Q1、2024Q2、2024Q3 漏办，而 quarterly_intake 处于暂停状态" in log for log in logs)


def test_each_cut_off_of_the_pause_is_run_in_order_with_its_partition(runs: dict[str, Any]) -> None:
    scheduled = [run for run in runs["quarterly_intake"] if run["type"] == "scheduled"]
    assert [(run["partition"], run["state"]) for run in scheduled] == [
        ("2024Q1", "failed"),
        ("2024Q2", "success"),
        ("2024Q3", "success"),
    ]


def test_no_task_of_a_made_up_quarter_is_left_out(runs: dict[str, Any]) -> None:
    for run in runs["quarterly_intake"][1:]:
        left_out = {name for name, state in run["tasks"].items() if state != "success"}
        assert "close_intake[-1]" in run["tasks"]
        assert left_out <= SKIPPED_ALONE, run


def test_the_quarter_whose_run_had_failed_is_made_up_for_as_well(runs: dict[str, Any]) -> None:
    made_up = runs["quarterly_intake"][-1]
    assert (made_up["run_id"], made_up["state"]) == ("missed__2024Q1", "success")
    assert runs["missed_quarters"][-1]["state"] == "success"


def test_every_quarter_was_read_whole(runs: dict[str, Any], business: sa.Engine) -> None:
    with business.connect() as connection:
        read = connection.execute(
            sa.text(
                "select quarter, count(distinct department_code) from intake join listing using (intake_id)"
                " where kind = 'quarterly' group by quarter order by min(intake_id)"
            )
        )
        assert [tuple(row) for row in read] == [("2024Q2", 37), ("2024Q3", 37), ("2024Q1", 37)]

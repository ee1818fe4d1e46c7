"""A re-run started in the console starts the DAG that sends, in a real Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.local.postgres import PostgresServer
from tests.support.outbox import deliveries, hold, queue_pushes


@pytest.mark.parametrize(("paused", "says"), [("running", "已启动 deliver 送出"), ("paused", "deliver 处于暂停状态")])
def test_a_rerun_starts_the_sending_dag_in_the_operator_s_name(
    postgres: PostgresServer, database: sa.Engine, tmp_path: Path, repository: Path, paused: str, says: str
) -> None:
    queue_pushes(database, [1])
    hold(database, 1, "exhausted")
    (number,) = [row.delivery_id for row in deliveries(database)]
    url = database.url
    business = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": {"personal_data_secret": "key of the re-run test"},
    }
    metadata = f"rerun_airflow_{paused}"
    postgres.create_database(metadata)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url(metadata),
        "AIRFLOW__CORE__DAGS_FOLDER": str(repository / "dags"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "t" * 64,
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW_CONN_BUSINESS_DB": json.dumps(business),
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    process = subprocess.run(
        [sys.executable, "tests/end_to_end/rerun_in_console.py", str(number), paused],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    assert says in process.stdout
    assert 'RUNS [["queued", "li"]]' in process.stdout
    assert [row.state for row in deliveries(database)] == ["pending"]

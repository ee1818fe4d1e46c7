"""A stopped department (B08) is decided by a person in Airflow: the question waits, the answer is recorded with who gave it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.gate import breaker
from include.local.postgres import PostgresServer
from include.reference import policy
from include.sandbox.scenario import make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect
from include.store.tables import audit_entry, delivery, department_stop
from tests import rows
from tests.gate.test_breaker import needs

CONF = {"quarter": rows.QUARTER, "department": "330000"}


@pytest.fixture(scope="module")
def airflow(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an Airflow of its own, migrated."""
    postgres.create_database("decide_airflow")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("decide")),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("decide_airflow"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "t" * 64,
        "AIRFLOW__CORE__FERNET_KEY": "",
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    return environment


def _stopped(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 3, *["returned"] * 3)
        intake_id = rows.add_intake(connection)
        assert breaker.check(
            connection,
            quarter=rows.QUARTER,
            department_code="330000",
            intake_id=intake_id,
            now=rows.TAKEN_IN,
            policy=policy(),
        )


def _environment(airflow: dict[str, str], database: sa.Engine) -> dict[str, str]:
    url = database.url
    connection = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": {"personal_data_secret": "key of the decision test"},
    }
    return {**airflow, "AIRFLOW_CONN_BUSINESS_DB": json.dumps(connection)}


def _python(environment: dict[str, str], script: str, *arguments: str, given: str | None = None) -> str:
    """Run a script of this folder in a process of its own; returns what it said."""
    process = subprocess.run(
        [sys.executable, f"tests/end_to_end/{script}", *arguments],
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=180,
    )
    said = process.stdout + process.stderr
    assert process.returncode == 0, said[-6000:]
    return said


def test_a_person_s_answer_with_its_reason_lets_the_waiting_pushes_go(
    airflow: dict[str, str], database: sa.Engine, tmp_path: Path
) -> None:
    _stopped(database)
    without_reason = {"chosen_options": ["继续推送"], "params_input": {"reason": " "}}
    answer = {"chosen_options": ["继续推送"], "params_input": {"reason": "已与主管部门核实"}}
    target = tmp_path / "runs.json"
    answers = json.dumps([without_reason, answer])
    said = _python(
        _environment(airflow, database),
        "answer_in_airflow.py",
        json.dumps(CONF),
        "zhang.wei",
        answers,
        str(target),
    )
    first, second = json.loads(target.read_text(encoding="utf-8"))
    assert (first["state"], second["state"]) == ("success", "success"), said[-6000:]
    assert first["tasks"] == {"look_up": "success", "decision": "success", "record_decision": "success"}
    assert second["tasks"]["decision"] == "skipped", "a settled stop is not asked again"
    with database.connect() as connection:
        stop = connection.execute(sa.select(department_stop)).one()
        entry = connection.execute(sa.select(audit_entry)).one()
        pushes = connection.execute(sa.select(sa.func.count()).where(delivery.c.action == "push")).scalar_one()
    assert (stop.state, stop.decided_by, stop.reason) == ("continued", "zhang.wei", "已与主管部门核实")
    assert (entry.actor, entry.role, entry.action) == ("zhang.wei", "operator", "department_stop_continued")
    assert pushes == 3


def test_the_intake_asks_a_person_once_and_waits_for_nobody(
    airflow: dict[str, str], database: sa.Engine, postgres: PostgresServer, tmp_path: Path
) -> None:
    cut_off = rows.moment("2026-10-01 00:10")
    scenario = make_scenario(seed=5, quarter=rows.QUARTER, needs=160, factories=400, stopped_department="340000")
    with Sandbox(scenario, now=cut_off, mail_dir=tmp_path / "mail") as sandbox:
        green_platform = {
            "conn_type": "http",
            "host": sandbox.green_url,
            "login": sandbox.green_client_id,
            "password": sandbox.green_client_secret,
        }
        environment = {
            **_environment(airflow, database),
            "AIRFLOW_CONN_GREEN_PLATFORM": json.dumps(green_platform),
            "GFF_SANDBOX": "1",
        }
        step = {
            "dag_id": "quarterly_intake",
            "logical_date": cut_off.isoformat(),
            "conf": {"now": cut_off.isoformat(), "quarter": rows.QUARTER, "departments": ["340000", "320000"]},
            "clocks": [],
        }
        again = {**step, "logical_date": rows.moment("2026-10-01 00:20").isoformat()}
        target = tmp_path / "answer.json"
        said = _python(environment, "run_dags.py", str(target), given=json.dumps([step, again]))
    first, second = json.loads(target.read_text(encoding="utf-8"))
    assert (first["state"], second["state"]) == ("success", "success"), said[-6000:]
    assert (first["tasks"]["ask_a_person[0]"], second["tasks"]["ask_a_person[0]"]) == ("success", "skipped")
    with database.connect() as connection:
        stop = connection.execute(sa.select(department_stop)).one()
    assert (stop.department_code, stop.state) == ("340000", "open")
    airflow_database = connect(postgres.url("decide_airflow"))
    with airflow_database.connect() as connection:
        asked = connection.execute(
            sa.text(
                "select run_id, state from dag_run where dag_id = 'decide_stopped_department' and run_id like 'stopped%'"
            )
        ).all()
    airflow_database.dispose()
    assert [tuple(run) for run in asked] == [("stopped__2026Q3__340000", "queued")]


def test_silence_keeps_the_stop() -> None:
    from green_finance.department_decision import DepartmentDecision, as_decision

    question = DepartmentDecision(task_id="decision", subject="?")
    event = {
        "chosen_options": question.defaults,
        "params_input": {"reason": ""},
        "responded_at": rows.TAKEN_IN,
        "responded_by_user": None,
        "timedout": True,
    }
    answer = question.execute_complete({}, event)
    assert as_decision(answer) == {
        "decision": "kept",
        "actor": "system",
        "role": "system",
        "reason": "逾期无人决定，维持暂停",
    }
    assert question.response_timeout.days == policy().integer("hold_decision_working_days")
    assert question.retries >= 2, "an answer that comes too fast costs a second question, not the run"

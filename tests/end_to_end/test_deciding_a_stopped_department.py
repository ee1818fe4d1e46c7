"""A stopped department (B08) is decided by a person in Airflow: the question waits, the answer is recorded with who gave it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowSkipException

from include.gate import department_stop as stops
from include.local.postgres import PostgresServer
from include.reference import policy
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store import people
from include.store.database import connect
from include.store.tables import audit_entry, delivery, department_stop
from tests.support import rows
from tests.support.judged import needs

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
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "zhang.wei:op,li.na:op,forger:user",
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    return environment


def _stopped(database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 3, *["returned"] * 3)
        intake_id = rows.add_intake(connection)
        assert stops.check(
            connection,
            quarter=rows.QUARTER,
            department_codes=["330000"],
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


NO_REASON = {"chosen_options": ["继续推送"], "params_input": {"reason": " "}}
GO_ON = {"chosen_options": ["继续推送"], "params_input": {"reason": "已与主管部门核实"}}
WAIT = {"chosen_options": ["维持暂停"], "params_input": {"reason": "主管部门尚未答复"}}
FORGED = {
    "chosen_options": ["继续推送"],
    "params_input": {"reason": "已与主管部门核实"},
    "responded_by_user": {"id": "director-li", "name": "director-li"},
    "decision": "continued",
    "actor": "director-li",
}


def _played(
    airflow: dict[str, str], database: sa.Engine, target: Path, *done: dict[str, Any], runs: int = 1
) -> tuple[list[dict[str, Any]], list[int]]:
    """The runs of the DAG while zhang.wei, and whoever else, does these things; and what the forger was told."""
    arguments = [json.dumps(CONF), "zhang.wei", json.dumps(done), str(runs), str(target)]
    said = _python(_environment(airflow, database), "answer_in_airflow.py", *arguments)
    found = json.loads(target.read_text(encoding="utf-8"))
    assert {run["state"] for run in found["runs"]} == {"success"}, said[-6000:]
    return found["runs"], found["told"]


def _decided(database: sa.Engine) -> tuple[tuple[str, str | None, str | None], list[tuple[str, str, str]], int]:
    """The stop, the audit entries, and how many pushes were queued."""
    with database.connect() as connection:
        stop = connection.execute(sa.select(department_stop)).one()
        entries = connection.execute(sa.select(audit_entry.c.actor, audit_entry.c.role, audit_entry.c.action))
        pushes = connection.execute(sa.select(sa.func.count()).where(delivery.c.action == "push")).scalar_one()
        return (stop.state, stop.decided_by, stop.reason), list(entries.tuples()), pushes


def test_a_person_s_answer_with_its_reason_lets_the_waiting_pushes_go(
    airflow: dict[str, str], database: sa.Engine, tmp_path: Path
) -> None:
    _stopped(database)
    runs, _ = _played(airflow, database, tmp_path / "runs.json", {"answer": NO_REASON}, {"answer": GO_ON}, runs=2)
    assert [run["tasks"] for run in runs] == [{"decision": "success"}, {"decision": "skipped"}], "asked once"
    assert _decided(database) == (
        ("continued", "zhang.wei", "已与主管部门核实"),
        [("zhang.wei", "operator", "department_stop_continued")],
        3,
    )
    with database.connect() as connection:
        assert people.names(connection) == {"zhang.wei": "zhang.wei"}


def test_an_answer_that_somebody_wrote_into_an_xcom_changes_nothing(
    airflow: dict[str, str], database: sa.Engine, tmp_path: Path
) -> None:
    _stopped(database)
    _, told = _played(airflow, database, tmp_path / "runs.json", {"forged": FORGED, "done": True})
    assert told == [403, 201, 201, 200], "Airflow lets a user write XComs and mark tasks, but not answer"
    assert _decided(database) == (("open", None, None), [], 0)
    _, told = _played(airflow, database, tmp_path / "again.json", {"forged": FORGED, "answer": WAIT})
    assert told == [403, 201, 201]
    kept = ("kept", "zhang.wei", "主管部门尚未答复")
    assert _decided(database) == (kept, [("zhang.wei", "operator", "department_stop_kept")], 0)


def test_what_was_decided_in_the_console_meanwhile_stands(
    airflow: dict[str, str], database: sa.Engine, tmp_path: Path
) -> None:
    _stopped(database)
    runs, _ = _played(airflow, database, tmp_path / "runs.json", {"in_console": "kept", "answer": GO_ON})
    assert runs[0]["tasks"] == {"decision": "skipped"}
    kept = ("kept", "li.na", "已在运维台决定")
    assert _decided(database) == (kept, [("li.na", "operator", "department_stop_kept")], 0)
    after_all = {**GO_ON, "chosen_options": ["改为继续推送"]}
    _played(airflow, database, tmp_path / "again.json", {"answer": after_all})
    assert _decided(database)[0] == ("continued", "zhang.wei", "已与主管部门核实")
    assert _decided(database)[2] == 3


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


def test_silence_keeps_the_stop(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from green_finance import department_decision

    @contextmanager
    def stage_run() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(engine=database, now=rows.TAKEN_IN, policy=policy())

    _stopped(database)
    monkeypatch.setattr(department_decision, "stage_run", stage_run)
    question = department_decision.DepartmentDecision(task_id="decision")
    event = {
        "chosen_options": question.defaults,
        "params_input": {"reason": ""},
        "responded_at": rows.TAKEN_IN,
        "responded_by_user": None,
        "timedout": True,
    }
    context = {"params": CONF}
    assert question.execute_complete(context, event) == 0
    assert _decided(database)[0] == ("kept", "system", "逾期无人决定，维持暂停")
    assert question.response_timeout.days == policy().integer("hold_decision_working_days")
    assert question.retries >= 2, "an answer that comes too fast costs a second question, not the run"

    with database.begin() as connection:
        connection.execute(sa.update(department_stop).values(decided_by="li.na", reason="主管部门尚未答复"))
    with pytest.raises(AirflowSkipException):
        question.execute_complete(context, {**event, "chosen_options": ["仍维持暂停"]})
    assert _decided(database)[0] == ("kept", "li.na", "主管部门尚未答复"), "silence overrules nobody"

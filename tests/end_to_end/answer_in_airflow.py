"""Runs `decide_stopped_department` by `dag.test()` and answers its question through Airflow's own REST API, as a logged-in user.

Takes the run's conf, the user's name, and a JSON list of answers, one for each time the question is asked. When the run has ended it
runs the DAG once more, with nobody to answer. Writes the states of both runs and of their tasks as JSON to the file named last.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any


def main(conf: dict[str, Any], user_name: str, answers: list[dict[str, Any]], target: Path) -> None:
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.configuration import conf as configuration
    from fastapi.testclient import TestClient

    bag = DagBag(dag_folder=configuration.get("core", "dags_folder"))
    app = create_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username=user_name, role="op"))
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})

    def answer() -> None:
        for given in answers:
            while not (waiting := _waiting(client)):
                time.sleep(0.2)
            response = client.patch(waiting, json=given)
            assert response.status_code == 200, response.text

    Thread(target=answer, daemon=True).start()
    results = []
    for _ in range(2):
        run = bag.dags["decide_stopped_department"].test(logical_date=datetime.now(UTC), run_conf=conf)
        results.append({"state": run.state, "tasks": {ti.task_id: ti.state for ti in run.get_task_instances()}})
    target.write_text(json.dumps(results), encoding="utf-8")


def _waiting(client: Any) -> str | None:
    """The address at which the open question is answered, or None while nothing waits."""
    found = client.get("/api/v2/dags/~/dagRuns/~/hitlDetails", params={"response_received": False}).json()
    for detail in found["hitl_details"]:
        ti = detail["task_instance"]
        if ti["state"] == "awaiting_input":
            return (
                f"/api/v2/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/-1/hitlDetails"
            )
    return None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), Path(sys.argv[4]))

"""Runs `decide_stopped_department` by `dag.test()` and answers its question through Airflow's own REST API, as a logged-in user.

Takes the run's conf, the user's name, a JSON list of what is done, one for each time the question is asked, how often to run the DAG, and
a file. What is done is an answer of that user; or {"forged": an answer}, which somebody with the role `user` gives himself, and writes into
XComs as if it were that user's, to mark the task as done or not; or {"in_console": a decision of somebody else, an answer follows}. Writes
the states of the runs and of their tasks, and what the forger was told, as JSON to the file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from include.base.act import Act


def main(conf: dict[str, Any], user_name: str, answers: list[dict[str, Any]], runs: int, target: Path) -> None:
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.configuration import conf as configuration
    from fastapi.testclient import TestClient

    bag = DagBag(dag_folder=configuration.get("core", "dags_folder"))
    app = create_app(apps="core")
    told: list[int] = []

    def as_user(name: str, role: str) -> TestClient:
        token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role))
        return TestClient(app, headers={"Authorization": f"Bearer {token}"})

    client, forger = as_user(user_name, "op"), as_user("forger", "user")

    def answer() -> None:
        for given in answers:
            deadline = time.monotonic() + 120
            while not (waiting := _waiting(client)):
                if time.monotonic() > deadline:
                    raise TimeoutError("no question waits after 120 s")
                time.sleep(0.2)
            task = waiting.removesuffix("/-1/hitlDetails")
            if forged := given.get("forged"):
                own = {name: forged[name] for name in ("chosen_options", "params_input")}
                told.append(forger.patch(waiting, json=own).status_code)
                for key in ("return_value", "answer"):
                    entry = {"key": key, "value": forged, "map_index": -1}
                    told.append(forger.post(f"{task}/xcomEntries", json=entry).status_code)
                if given.get("done"):
                    told.append(forger.patch(task, json={"new_state": "success"}).status_code)
                    continue
            if decision := given.get("in_console"):
                _decide_in_the_console(conf, decision)
            response = client.patch(waiting, json=given["answer"])
            assert response.status_code == 200, response.text

    Thread(target=answer, daemon=True).start()
    results = []
    for _ in range(runs):
        run = bag.dags["decide_stopped_department"].test(logical_date=datetime.now(UTC), run_conf=conf)
        results.append({"state": run.state, "tasks": {ti.task_id: ti.state for ti in run.get_task_instances()}})
    target.write_text(json.dumps({"runs": results, "told": told}), encoding="utf-8")


def _decide_in_the_console(conf: dict[str, Any], decision: str) -> None:
    from include.base.settings import Settings
    from include.gate import department_stop
    from include.reference import policy
    from include.store.database import open_database

    settings = Settings.from_environment(os.environ)
    with open_database(settings).begin() as connection:
        department_stop.decide(
            connection,
            department_stop.SeenStop(conf["quarter"], conf["department"], "open"),
            decision,  # type: ignore[arg-type]
            act=Act(actor_id="li.na", role="operator", reason="已在运维台决定", at=datetime.now(UTC)),
            policy=policy(),
        )


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
    main(json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))

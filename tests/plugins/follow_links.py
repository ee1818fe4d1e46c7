"""Runs the DAG `links` by `dag.test()`, then asks Airflow's REST API for the links of its mapped tasks; prints them as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime


def main() -> None:
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.configuration import conf
    from fastapi.testclient import TestClient

    bag = DagBag(dag_folder=conf.get("core", "dags_folder"))
    run = bag.dags["links"].test(logical_date=datetime(2026, 10, 1, tzinfo=UTC))
    app = create_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="reader", role="admin"))
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    address = f"/api/v2/dags/links/dagRuns/{run.run_id}/taskInstances/judge/links"
    answers = [client.get(address, params={"map_index": index}).json() for index in range(3)]
    print(json.dumps([answer["extra_links"] for answer in answers]))


if __name__ == "__main__":
    main()

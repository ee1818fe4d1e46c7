"""Starts a re-run in the operator console of an Airflow that knows the DAG `deliver`, as a logged-in operator.

Takes the delivery's id, and whether the DAG is `paused`. Prints the page that followed and, as JSON, the runs of `deliver`.
"""

from __future__ import annotations

import json
import sys


def main(delivery_id: str, paused: bool) -> None:
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models import DagModel, DagRun
    from airflow.sdk.configuration import conf
    from airflow.utils.session import create_session
    from fastapi.testclient import TestClient

    bag = DagBag(dag_folder=f"{conf.get('core', 'dags_folder')}/deliver.py")
    assert not bag.import_errors, bag.import_errors
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    with create_session() as session:
        session.get(DagModel, "deliver").is_paused = paused
    from green_finance.console.app import console
    from green_finance.console.form_tokens import token_for

    create_auth_manager()
    console.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="li", role="op")
    browser = TestClient(console, follow_redirects=False)
    form = {"delivery_ids": delivery_id, "reason": "平台已恢复服务", "form_token": token_for("li")}
    answer = browser.post("/reruns", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    followed = browser.get("/" + answer.headers["location"]).text
    with create_session() as session:
        runs = [(run.state, run.triggering_user_name) for run in session.query(DagRun).filter_by(dag_id="deliver")]
    print(followed)
    print("RUNS " + json.dumps(runs))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "paused")

"""The part of Airflow's REST API that the embedded stack uses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from include.base.errors import UserFacingError

_TIMEOUT_S = 30.0
_COMPONENTS = {"metadatabase": "元数据库", "scheduler": "调度器", "triggerer": "触发器", "dag_processor": "DAG 处理器"}
_FINAL = ("success", "failed")


class AirflowRefused(UserFacingError):
    """Airflow answered a request of the stack with an error."""


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task that failed. `try_number` names its log."""

    task_id: str
    map_index: int
    try_number: int
    state: str


class AirflowApi:
    """A session of one user at Airflow's API server."""

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self._base_url = base_url
        self._credentials = {"username": username, "password": password}
        self._session = requests.Session()
        # A proxy in the environment must not stand between two processes of one machine.
        self._session.trust_env = False

    def health(self, since: datetime) -> dict[str, bool]:
        """Component → whether it is healthy and sent a heartbeat after `since`; all False while nobody answers.

        A killed stack's heartbeats count as healthy for half a minute, hence `since`.
        """
        try:
            answer = self._session.get(f"{self._base_url}/api/v2/monitor/health", timeout=_TIMEOUT_S)
            found: dict[str, Any] = answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            found = {}
        return {label: _alive(name, found.get(name) or {}, since) for name, label in _COMPONENTS.items()}

    def log_in(self) -> None:
        """Get a token for the following calls."""
        answer = self._call("POST", "/auth/token", json=self._credentials)
        self._session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def warm_up(self) -> None:
        """Make the API server build its models now, so that the first task need not wait; the answer does not matter."""
        try:
            self._session.get(f"{self._base_url}/execution/openapi.json", timeout=60)
        except requests.RequestException:
            return

    def parsed_since(self, since: datetime) -> set[str]:
        """The DAGs that were parsed after `since`."""
        answer = self._call("GET", "/api/v2/dags", params={"limit": 100})
        return {
            dag["dag_id"]
            for dag in answer["dags"]
            if dag["last_parsed_time"] and datetime.fromisoformat(dag["last_parsed_time"]) > since
        }

    def import_errors(self) -> dict[str, str]:
        """File → its import error."""
        answer = self._call("GET", "/api/v2/importErrors", params={"limit": 20})
        return {error["filename"]: error["stack_trace"].strip().splitlines()[-1] for error in answer["import_errors"]}

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any], partition_key: str | None = None) -> None:
        """Start a run of a DAG."""
        body: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        if partition_key is not None:
            body["partition_key"] = partition_key
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        return str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def is_final(self, state: str) -> bool:
        """Whether a run in this state has ended."""
        return state in _FINAL

    def task_counts(self, dag_id: str, run_id: str) -> tuple[int, int]:
        """How many tasks of a run have ended, of how many."""
        states = [task["state"] for task in self.tasks(dag_id, run_id)]
        ended = sum(state in ("success", "skipped", "failed", "upstream_failed", "removed") for state in states)
        return ended, len(states)

    def failed_tasks(self, dag_id: str, run_id: str) -> list[FailedTask]:
        """The tasks of a run that failed."""
        return [
            FailedTask(task["task_id"], task["map_index"], task["try_number"], task["state"])
            for task in self.tasks(dag_id, run_id)
            if task["state"] in ("failed", "upstream_failed")
        ]

    def end_open_runs(self) -> int:
        """Mark the runs that a killed stack left behind as failed: they would block the next runs of their DAGs."""
        answer = self._call(
            "GET", "/api/v2/dags/~/dagRuns", params=[("state", "running"), ("state", "queued"), ("limit", 100)]
        )
        for run in answer["dag_runs"]:
            path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
            self._call("PATCH", path, json={"state": "failed"})
        return len(answer["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, as the API shows them."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        tasks: list[dict[str, Any]] = self._call("GET", path, params={"limit": 500})["task_instances"]
        return tasks

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        for attempt in (1, 2, 3):
            try:
                answer = self._session.request(method, self._base_url + path, timeout=_TIMEOUT_S, **arguments)
                break
            except requests.RequestException as error:
                # Only reads are repeated: what was sent may have arrived.
                if method != "GET" or attempt == 3:
                    raise AirflowRefused(
                        f"Airflow 没有应答（{method} {path}：{type(error).__name__}）。",
                        "请查看 .local/logs/api-server.log。",
                    ) from None
                time.sleep(1)
        if answer.status_code == 401 and path != "/auth/token":
            self.log_in()
            answer = self._session.request(method, self._base_url + path, timeout=_TIMEOUT_S, **arguments)
        if not answer.ok:
            raise AirflowRefused(
                f"Airflow 拒绝了请求（{method} {path}：HTTP {answer.status_code} {answer.text[:300]}）。",
                "请查看 .local/logs/api-server.log。",
            )
        found: dict[str, Any] = answer.json()
        return found


def _alive(name: str, component: Mapping[str, Any], since: datetime) -> bool:
    if component.get("status") != "healthy":
        return False
    heartbeat = component.get(f"latest_{name}_heartbeat")
    return name == "metadatabase" or (heartbeat is not None and datetime.fromisoformat(heartbeat) > since)

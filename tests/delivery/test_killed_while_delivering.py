"""SIGKILL in the middle of a run: the next run ends with an exact ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery import rerun_jobs
from include.delivery.stage import deliver
from include.reference import policy
from include.sandbox.server import Sandbox
from include.store.tables import delivery
from tests.support.outbox import KEY, Clock, attempts, need_id, queue_pushes

_RUN = """
import sys
from include.base.business_time import BusinessClock
from include.base.settings import Settings, business_moment
from include.delivery.stage import deliver
from include.reference import policy
from include.store.database import connect
clock = BusinessClock.starting_at(business_moment("2026-10-09T09:00:00+08:00"))
deliver(connect(sys.argv[1]), "market", settings=Settings.from_environment(), policy=policy(), clock=clock)
"""

_RERUN = """
from include.delivery import rerun
from include.store.database import connect
with connect(sys.argv[1], audit_keys=["key of the audit"]).begin() as connection:
    rerun.rerun(connection, rerun.Selection(quarter="2026Q3"), actor="王五", reason="平台已恢复", now=clock.now(),
                request_key="rerun_deliveries/manual__1")
"""
_RERUN_AND_SEND = _RUN.replace("deliver(connect", _RERUN + "deliver(connect")


def _start(
    settings: Settings, database_url: str, repository: Path, rate_per_s: float, program: str = _RUN
) -> subprocess.Popen[bytes]:
    market = settings.connections["credit_market"]
    connection = {
        "host": market.host,
        "login": market.login,
        "password": market.password,
        "extra": {**market.extra, "rate_per_s": rate_per_s},
    }
    environment = {
        **os.environ,
        "PYTHONPATH": str(repository),
        "AIRFLOW_CONN_CREDIT_MARKET": json.dumps(connection),
        "AIRFLOW__CORE__FERNET_KEY": KEY,
    }
    return subprocess.Popen([sys.executable, "-c", program, database_url], env=environment)


def test_the_ledger_is_exact_after_two_killed_runs(
    database: sa.Engine, database_url: str, sandbox: Sandbox, settings: Settings, repository: Path
) -> None:
    queue_pushes(database, range(1000))
    for least in (1, 250):
        process = _start(settings, database_url, repository, rate_per_s=25)
        try:
            deadline = time.monotonic() + 60
            while len(sandbox.ledger()) < least and time.monotonic() < deadline:
                time.sleep(0.002)
        finally:
            process.kill()
            process.wait()
        assert least <= len(sandbox.ledger()) < 1000
    clock = Clock()
    deliver(database, "market", settings=settings, policy=policy(), clock=clock)  # type: ignore[arg-type]
    assert sorted((entry["need_id"], entry["effects"]) for entry in sandbox.ledger()) == [
        (need_id(number), 1) for number in range(1000)
    ]
    assert sandbox.state()["market"]["outcomes"] == {"accepted": 1000}
    assert {row.outcome for row in attempts(database)} <= {"accepted", "lost_answer", "found", "not_found"}


def test_a_rerun_killed_and_made_again_by_two_at_once_leaves_an_exact_ledger(
    database: sa.Engine, database_url: str, sandbox: Sandbox, settings: Settings, repository: Path
) -> None:
    queue_pushes(database, range(600))
    with database.begin() as connection:
        connection.execute(
            sa.update(delivery).values(state="held", error_class="exhausted", outcome="unavailable", attempts=1)
        )
    killed = _start(settings, database_url, repository, 25, _RERUN_AND_SEND)
    try:
        deadline = time.monotonic() + 60
        while not sandbox.ledger() and time.monotonic() < deadline:
            time.sleep(0.002)
    finally:
        killed.kill()
        killed.wait()
    assert 0 < len(sandbox.ledger()) < 600
    again = [_start(settings, database_url, repository, 0, _RERUN_AND_SEND) for _ in range(2)]
    assert [process.wait(timeout=90) for process in again] == [0, 0]
    assert sorted((entry["need_id"], entry["effects"]) for entry in sandbox.ledger()) == [
        (need_id(number), 1) for number in range(600)
    ]
    with database.connect() as connection:
        (job,) = rerun_jobs.recent(connection)
    assert (job.number, job.delivered, job.state) == (600, 600, "done")

"""SIGKILL around a withdrawal by us: it is decided and sent exactly once, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery.stage import deliver
from include.reference import policy
from include.sandbox.server import Sandbox
from tests.support.outbox import Clock, need_id, queue_pushes
from tests.support.rows import AUDIT_KEYS
from tests.support.withdrawals import ask, person

_CONFIRM = """
import os, signal, sys
from include.store.database import connect
from include.withdrawals.two_persons import decide_withdrawal
from tests.support.withdrawals import person
transaction = connect(sys.argv[1], audit_keys=sys.argv[3:]).begin()
with transaction as connection:
    decide_withdrawal(connection, 1, decision="confirmed", act=person("li"))
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("killed", "withdrawn"), [("before", 0), ("after", 1)])
def test_a_killed_confirmation_is_whole_or_not_there(
    database: sa.Engine,
    database_url: str,
    sandbox: Sandbox,
    settings: Settings,
    repository: Path,
    killed: str,
    withdrawn: int,
) -> None:
    queue_pushes(database, [1])
    deliver(database, "market", settings=settings, policy=policy(), clock=Clock())  # type: ignore[arg-type]
    with database.begin() as connection:
        ask(connection, need_id(1))
    process = subprocess.run(
        [sys.executable, "-c", _CONFIRM, database_url, killed, *AUDIT_KEYS],
        env={**os.environ, "PYTHONPATH": str(repository)},
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    with database.connect() as connection:
        counts = connection.execute(
            sa.text(
                "select (select count(*) from withdrawal_notice), (select count(*) from withdrawal_decision),"
                " (select count(*) from delivery where action = 'withdrawal'),"
                " (select count(*) from audit_entry where action = 'confirm_withdrawal')"
            )
        ).one()
    assert set(counts) == {withdrawn}
    if not withdrawn:
        from include.withdrawals.two_persons import decide_withdrawal

        with database.begin() as connection:
            decide_withdrawal(connection, 1, decision="confirmed", act=person("li"))
    for _ in range(2):
        deliver(database, "market", settings=settings, policy=policy(), clock=Clock())  # type: ignore[arg-type]
    (entry,) = sandbox.ledger()
    assert entry["state"] == "withdrawn"
    assert sandbox.state()["market"]["withdrawn"] == 1

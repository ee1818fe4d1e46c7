"""What a scenario plays on: a database, both platforms, needs with later revisions and withdrawals, workers in processes."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.base.settings import ConnectionFields, Settings
from include.delivery.stage import deliver
from include.domain.states import Channel
from include.local.postgres import PostgresServer
from include.reference import policy
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from include.store.grants import DatabaseRole
from tests.faults import worker
from tests.support.outbox import KEY, NOW, Clock, need_id, queue_pushes, queue_withdrawal
from tests.support.rows import AUDIT_KEYS

_REVISED_EVERY, _WITHDRAWN_EVERY = 5, 10
_ROUNDS = 60
_PATIENCE_S = 240

# Workers are forked from a process that has imported everything: a kill costs a tenth of a second, not two.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["__main__", "tests.faults.worker"])


class WorkerFailed(Exception):
    """A worker met a defect of the engine; the text is its traceback."""


@dataclass
class Stage:
    """One scenario's surroundings.

    `expected`: need → (revision, state) that the platform's ledger must end with. `happened`: how often each fault really
    struck; a scenario in which one did not has shown nothing. `requests_linger`: some reach the platform after their sender has
    given up on them.
    """

    server: PostgresServer
    database: str
    folder: Path
    engine: sa.Engine
    sandbox: Sandbox
    settings: Settings
    expected: dict[str, tuple[int, str]]
    happened: Counter[str] = field(default_factory=Counter)
    read_timeout_s: float = 30.0
    requests_linger: bool = False

    def queue(self, number: int, start: int = 0) -> None:
        """Queue so many new needs."""
        numbers = range(start, start + number)
        queue_pushes(self.engine, numbers)
        self.expected |= {need_id(one): (1, "held") for one in numbers}

    def change(self, number: int, start: int = 0) -> None:
        """Some needs are revised, some withdrawn, while their first revisions are on their way."""
        numbers = range(start, start + number)
        revised = [one for one in numbers if one % _REVISED_EVERY == 0]
        queue_pushes(self.engine, revised, revision=2)
        self.expected |= {need_id(one): (2, "held") for one in revised}
        for one in numbers:
            if one % _WITHDRAWN_EVERY == 1:
                queue_withdrawal(self.engine, one)
                self.expected[need_id(one)] = (1, "withdrawn")

    def worker(
        self, hours: float, point: str | None = None, nth: int = 1, channel: Channel = "market"
    ) -> ForkServerProcess:
        """A delivery run in a process of its own, so many hours of business time later."""
        report = self.folder / f"{uuid.uuid4().hex}.txt"
        process = _PROCESSES.Process(
            target=worker.deliver,
            name=str(report),
            args=(
                self.server.url(self.database),
                self.settings,
                NOW + timedelta(hours=hours),
                channel,
                point,
                nth,
                self.read_timeout_s,
                str(report),
            ),
            daemon=True,
        )
        process.start()
        return process

    def end(self, process: ForkServerProcess) -> int:
        """Wait for a worker; returns its exit code (-9: killed). Raises WorkerFailed if it met a defect or hangs."""
        process.join(_PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            raise WorkerFailed(f"still running after {_PATIENCE_S} s")
        if process.exitcode not in (0, -signal.SIGKILL, worker.DATABASE_AWAY):
            report = Path(process.name)
            raise WorkerFailed(report.read_text("utf-8") if report.exists() else f"exit code {process.exitcode}")
        return process.exitcode

    def bury(self) -> None:
        """Wait until PostgreSQL has noticed the death of all workers: their places are free, their leases can be taken over.

        For when no worker runs. How long it takes is the machine's matter; raises WorkerFailed if it never ends.
        """
        deadline = time.monotonic() + _PATIENCE_S
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.execute(_PRESENT).scalar_one():
                if time.monotonic() > deadline:
                    raise WorkerFailed(f"PostgreSQL holds a dead worker's session after {_PATIENCE_S} s")
                time.sleep(0.02)

    def settle(self, channel: Channel = "market") -> None:
        """Deliver on, hour after hour of business time, until nothing is open. The faults are over."""
        self.sandbox.clear_faults()
        with self.engine.begin() as connection:
            # What a killed worker had PostgreSQL write is written to its end; until then its deliveries cannot be taken over.
            connection.execute(sa.text("lock table delivery in share mode"))
        clock = Clock(NOW + timedelta(days=30))
        for _ in range(_ROUNDS):
            try:
                summary = deliver(self.engine, channel, settings=self.settings, policy=policy(), clock=clock)
            except UserFacingError:
                clock.sleep(3600)
                continue
            if summary.waiting + summary.unknown == 0:
                return
            clock.sleep(3600)


_PRESENT = sa.text(
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
    " and exists (select from pg_locks where pg_locks.pid = pg_stat_activity.pid and locktype = 'advisory')"
)


@contextmanager
def staged(server: PostgresServer) -> Iterator[Stage]:
    """A fresh database and fresh platforms."""
    name = f"faults_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    owner = connect(server.url(name))
    migrate(owner)
    owner.dispose()
    engine = connect(server.url(name), role=DatabaseRole.PIPELINE, audit_keys=AUDIT_KEYS)
    scenario = make_scenario(seed=3, quarter="2026Q3", needs=40, factories=200)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        Sandbox(scenario, now=NOW, mail_dir=Path(folder)) as sandbox,
    ):
        yield Stage(server, name, Path(folder), engine, sandbox, settings_of(sandbox), {})
    engine.dispose()


def settings_of(sandbox: Sandbox, market_url: str | None = None, rate_per_s: float | None = None) -> Settings:
    """The connections to a sandbox; `market_url`: where workers find the credit-market platform instead."""
    return Settings(
        connections={
            "credit_market": ConnectionFields(
                host=market_url or sandbox.market_url,
                login=sandbox.market_app_id,
                password=sandbox.market_secret,
                extra={
                    "key_id": sandbox.market_key_id,
                    "algorithm": sandbox.market_algorithm,
                    "rate_per_s": rate_per_s,
                },
            ),
            "smtp_default": ConnectionFields(
                host="127.0.0.1",
                port=sandbox.smtp_port,
                extra={"disable_ssl": True, "disable_tls": True, "from_email": "pipeline@green-finance.example"},
            ),
        },
        fernet_key=KEY,
    )

"""What a scenario plays on: a database, both platforms, needs with later revisions and withdrawals, workers in processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from include.delivery.engine import deliver
from include.errors import UserFacingError
from include.local.postgres import PostgresServer
from include.sandbox.scenario import make_scenario
from include.sandbox.server import Sandbox
from include.settings import ConnectionFields, Settings, environment_name
from include.store.database import connect, migrate
from include.store.outbox import Channel
from tests.delivery.outbox import KEY, NOW, Clock, need_id, queue_pushes, queue_withdrawal

REPOSITORY = Path(__file__).resolve().parents[2]
_REVISED_EVERY, _WITHDRAWN_EVERY = 5, 20
_ROUNDS = 60


@dataclass
class Stage:
    """One scenario's surroundings; `expected`: need → (revision, state) that the platform's ledger must end with;
    `kills`: how many workers died."""

    server: PostgresServer
    database: str
    engine: sa.Engine
    sandbox: Sandbox
    settings: Settings
    expected: dict[str, tuple[int, str]]
    kills: int = 0

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

    def worker(self, hours: float, point: str = "none", nth: int = 1) -> subprocess.Popen[bytes]:
        """A delivery run in a process of its own, so many hours of business time later."""
        moment = (NOW + timedelta(hours=hours)).isoformat()
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker", self.server.url(self.database), moment, point, str(nth)],
            env=self._environment(),
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def settle(self, channel: Channel = "market") -> None:
        """Deliver on, hour after hour of business time, until nothing is open. The faults are over."""
        self.sandbox.clear_faults()
        clock = Clock(NOW + timedelta(days=30))
        for _ in range(_ROUNDS):
            try:
                summary = deliver(self.engine, channel, settings=self.settings, clock=clock, sleep=clock.sleep)
            except UserFacingError:
                clock.sleep(3600)
                continue
            if summary.waiting + summary.unknown == 0:
                return
            clock.sleep(3600)

    def _environment(self) -> dict[str, str]:
        connections = {
            environment_name(name): json.dumps(
                {"host": one.host, "port": one.port, "login": one.login, "password": one.password, "extra": one.extra}
            )
            for name, one in self.settings.connections.items()
        }
        return {**os.environ, **connections, "PYTHONPATH": str(REPOSITORY), "AIRFLOW__CORE__FERNET_KEY": KEY}


@contextmanager
def staged(server: PostgresServer, *, market_url: str | None = None) -> Iterator[Stage]:
    """A fresh database and fresh platforms; `market_url`: where workers find the credit-market platform instead."""
    name = f"faults_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    engine = connect(server.url(name))
    migrate(engine)
    scenario = make_scenario(seed=3, quarter="2026Q3", needs=40, factories=200)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        Sandbox(scenario, now=NOW, mail_dir=Path(folder)) as sandbox,
    ):
        yield Stage(server, name, engine, sandbox, settings_of(sandbox, market_url), {})
    engine.dispose()


def settings_of(sandbox: Sandbox, market_url: str | None = None, smtp_port: int | None = None) -> Settings:
    """The connections to a sandbox."""
    return Settings(
        connections={
            "credit_market": ConnectionFields(
                host=market_url or sandbox.market_url,
                login=sandbox.market_app_id,
                password=sandbox.market_secret,
                extra={"key_id": sandbox.market_key_id, "algorithm": sandbox.market_algorithm},
            ),
            "smtp_default": ConnectionFields(
                host="127.0.0.1",
                port=smtp_port or sandbox.smtp_port,
                extra={"disable_ssl": True, "disable_tls": True, "from_email": "pipeline@green-finance.example"},
            ),
        },
        fernet_key=KEY,
    )

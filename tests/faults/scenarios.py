"""The scenarios: what goes wrong while needs are on their way. Each plays on a stage and leaves the verdict to others."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from include.delivery.engine import deliver
from include.errors import UserFacingError
from include.local.postgres import PostgresServer
from include.sandbox.proxy import TcpProxy
from include.sandbox.server import Sandbox
from include.settings import ConnectionFields, Settings
from tests.delivery.outbox import NOW, Clock
from tests.faults.stage import Stage, settings_of, staged
from tests.faults.worker import CRASH_POINTS

_PATIENCE_S = 120


def _ended(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all; returns how many were killed."""
    return sum(process.wait(timeout=_PATIENCE_S) == -signal.SIGKILL for process in processes)


def killed(server: PostgresServer, seed: int, needs: int, seeds: int) -> Iterator[Stage]:
    """SIGKILL at each crash point, `seeds` times each, two runs at a time, each with new needs before it; at last one undisturbed."""
    chance = random.Random(seed)
    with staged(server) as stage:
        plans = [(point, chance.choice((1, 1, 1, 2))) for point in CRASH_POINTS for _ in range(seeds)]
        chance.shuffle(plans)
        portion = -(-needs * 2 // len(plans))
        for number in range(0, len(plans), 2):
            start = number // 2 * portion
            stage.queue(portion, start)
            if number:
                stage.change(portion, start - portion)
            runs = [stage.worker(hours=number, point=point, nth=nth) for point, nth in plans[number : number + 2]]
            stage.kills += _ended(runs)
        stage.settle()
        yield stage


def lost_answers(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """One answer in five is lost after the platform has taken what was sent, and one in ten arrives cut short."""
    with staged(server) as stage:
        stage.sandbox.fault_share("/v1/need-batches", "reset_after_commit", 0.2, seed)
        stage.sandbox.fault_share("/v1/need-batches", "cut_body", 0.1, seed + 1)
        stage.queue(needs)
        processes = [stage.worker(hours=0) for _ in range(2)]
        stage.change(needs)
        _ended(processes)
        stage.settle()
        yield stage


def database_away(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """PostgreSQL stops again and again for some seconds while workers run and are started anew."""
    chance = random.Random(seed)
    with staged(server) as stage:
        stage.queue(needs)
        for number in range(4):
            processes = [stage.worker(hours=number * 2) for _ in range(2)]
            time.sleep(chance.uniform(1.0, 3.0))
            server.stop()
            time.sleep(chance.uniform(0.2, 2.0))
            server.start()
            _ended(processes)
            stage.engine.dispose()
            if number == 1:
                stage.change(needs)
        stage.settle()
        yield stage


def broken_network(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """A third of the connections are reset, cut, slow or half open."""
    with staged(server) as stage:
        address = urlsplit(stage.sandbox.market_url)
        assert address.hostname is not None and address.port is not None
        with TcpProxy((address.hostname, address.port), seed=seed) as proxy:
            straight = stage.settings
            stage.settings = settings_of(stage.sandbox, f"http://127.0.0.1:{proxy.port}")
            proxy.broken = 1 / 3
            stage.queue(needs)
            for number in range(3):
                _ended([stage.worker(hours=number * 3) for _ in range(2)])
                if number == 0:
                    stage.change(needs)
            stage.settings = straight
        stage.settle()
        yield stage


def long_outage(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """The platform is away for 76 hours of business time, and asked every half hour."""
    with staged(server) as stage:
        stage.queue(needs)
        market = stage.settings.connections["credit_market"]
        nowhere = Settings(
            connections={
                **stage.settings.connections,
                "credit_market": ConnectionFields(
                    host="http://127.0.0.1:9", login=market.login, password=market.password, extra=market.extra
                ),
            },
            fernet_key=stage.settings.fernet_key,
        )
        clock = Clock()
        while clock.now() < NOW + timedelta(hours=76):
            deliver(stage.engine, "market", settings=nowhere, clock=clock, sleep=clock.sleep)
            clock.sleep(1800)
        stage.change(needs)
        stage.settle()
        yield stage


def many_workers(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """Eight runs at once, twice over: two schedulers' worth of doubled runs of four workers each."""
    with staged(server) as stage:
        stage.queue(needs)
        processes = [stage.worker(hours=0) for _ in range(8)]
        stage.change(needs)
        _ended(processes)
        _ended([stage.worker(hours=1) for _ in range(8)])
        stage.settle()
        yield stage


def troubled_mail(server: PostgresServer, mails: int) -> tuple[int, int, int, int]:
    """Mails to a server that goes away, says not now, knows no such recipient, and takes one without a word.

    Returns (queued, received, received twice, neither received nor in sight).
    """
    from tests.delivery.test_delivering_mails import queue_mails

    with staged(server) as stage:
        queue_mails(stage.engine, range(mails))
        for kind in ("421", "451", "550", "drop_after_data"):
            stage.sandbox.mail_fault(kind)
        clock = Clock()
        for _ in range(12):
            with contextlib.suppress(UserFacingError):
                deliver(stage.engine, "mail", settings=stage.settings, clock=clock, sleep=clock.sleep)
            clock.sleep(3600)
        return _count_mails(stage, stage.sandbox, mails)


def _count_mails(stage: Stage, sandbox: Sandbox, mails: int) -> tuple[int, int, int, int]:
    received = [one["message_id"] for one in sandbox.mails()]
    with stage.engine.connect() as connection:
        in_sight = connection.execute(
            sa.text("select count(*) from delivery where channel = 'mail' and state in ('held', 'unknown')")
        ).scalar_one()
        delivered = connection.execute(
            sa.text("select count(*) from delivery where channel = 'mail' and state = 'delivered'")
        ).scalar_one()
    return mails, len(set(received)), len(received) - len(set(received)), mails - delivered - in_sight

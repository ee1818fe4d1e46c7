"""The scenarios: what goes wrong while needs are on their way. Each plays on a stage and leaves the verdict to others."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from urllib.parse import urlsplit

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.base.settings import ConnectionFields, Settings
from include.delivery.mail_message import message_id
from include.delivery.stage import deliver
from include.local.postgres import PostgresServer
from include.reference import policy
from include.sandbox.proxy import KINDS, TcpProxy
from tests.faults.stage import Stage, settings_of, staged
from tests.faults.worker import CRASH_POINTS, DATABASE_AWAY, DAWDLING, GO, MAIL_CRASH_POINTS
from tests.support.mails import queue_mails
from tests.support.outbox import NOW, Clock

_NETWORK = {"reset": "复位", "cut": "截断", "slow": "缓慢", "half_open": "半开"}


_AFTER_AN_INTERRUPTION = frozenset({"looked_up", "taken_over"})


def killed(server: PostgresServer, seed: int, needs: int, seeds: int) -> Iterator[Stage]:
    """SIGKILL at each crash point, `seeds` times each, two runs at a time, each with new needs before it.

    A run that did not come to its point (the other one had taken the work) is made again, so that each point is met as often as
    it should. What follows an interrupted run is met only where one was interrupted: if need be by one more kill, not counted.
    No round begins before PostgreSQL has noticed the deaths of the one before, which a slow machine may be late with.
    """
    chance = random.Random(seed)
    with staged(server) as stage:
        stage.happened.update(dict.fromkeys(CRASH_POINTS.values(), 0))
        left = [(point, chance.choice((1, 1, 1, 2))) for point in CRASH_POINTS for _ in range(seeds)]
        chance.shuffle(left)
        rounds, most, interrupted = 0, 2 * len(left), False
        portion = max(10, -(-needs * 2 // len(left)))
        while left and rounds < most:
            stage.queue(portion, rounds * portion)
            if rounds:
                stage.change(portion, (rounds - 1) * portion)
            points, left = left[:2], left[2:]
            if rounds and not interrupted and _AFTER_AN_INTERRUPTION.issuperset(point for point, _ in points):
                stage.end(stage.worker(rounds - 1, "sent"))
                stage.bury()
            interrupted = False
            runs = [(point, stage.worker(rounds, point, nth)) for point, nth in points]
            for point, process in runs:
                if stage.end(process) == -signal.SIGKILL:
                    stage.happened[CRASH_POINTS[point]] += 1
                    interrupted = True
                else:
                    left.insert(chance.randint(0, len(left)), (point, 1))
            stage.bury()
            rounds += 1
        stage.settle()
        yield stage


def lost_answers(server: PostgresServer, seed: int, needs: int, rounds: int = 10) -> Iterator[Stage]:
    """One answer in five is lost after the platform has taken what was sent, one in ten arrives cut short, and one request in ten is
    broken off before the platform has taken anything: who sent them cannot tell them apart."""
    with staged(server) as stage:
        for path, shift in (("/v1/need-batches", 0), ("/v1/withdrawals", 3)):
            for number, (kind, share) in enumerate((("reset_after_commit", 0.2), ("cut_body", 0.1), ("reset", 0.1))):
                stage.sandbox.fault_share(path, kind, share, seed + shift + number)
        portion = -(-needs // rounds)
        for number in range(rounds):
            stage.queue(portion, number * portion)
            processes = [stage.worker(hours=number) for _ in range(2)]
            if number:
                stage.change(portion, (number - 1) * portion)
            for process in processes:
                stage.end(process)
        stage.settle()
        stage.happened["回答丢失"] = _attempts(stage, "lost_answer")
        yield stage


def database_away(server: PostgresServer, seed: int, needs: int, stops: int = 5, pace: float = 1.0) -> Iterator[Stage]:
    """PostgreSQL stops every 5 to 20 s for up to 5 s, shut down or killed, while two workers at a time go on and on.

    `pace`: of all times; less than 1 for a short play. Where no run was in the middle of things, it stops again, twice as often
    at most.
    """
    chance = random.Random(seed)
    with staged(server) as stage:
        # Slow enough to be in the middle of things when the database goes.
        stage.settings = settings_of(stage.sandbox, rate_per_s=20)
        portion = -(-needs // (2 * stops))
        running: list[ForkServerProcess] = []
        for number in range(2 * stops):
            if number >= stops and stage.happened["运行因此中断"]:
                break
            stage.queue(portion, 2 * number * portion)
            ends = time.monotonic() + chance.uniform(5, 20) * pace
            while time.monotonic() < ends:
                running = _kept_running(stage, running, hours=number)
                time.sleep(0.1)
            stage.queue(portion, (2 * number + 1) * portion)
            stage.change(2 * portion, 2 * number * portion)
            running = _kept_running(stage, running, hours=number)
            _wait_until_leased(stage)
            time.sleep(chance.uniform(0.1, 0.5))
            _stop(server, chance.choice((True, False)))
            stage.happened["数据库停止"] += 1
            time.sleep(chance.uniform(0.5, 5) * pace)
            server.start()
            stage.engine.dispose()
            if number >= stops - 1:
                for process in running:
                    stage.happened["运行因此中断"] += stage.end(process) == DATABASE_AWAY
                running = []
        stage.settings = settings_of(stage.sandbox)
        stage.settle()
        yield stage


def _kept_running(stage: Stage, running: list[ForkServerProcess], hours: float) -> list[ForkServerProcess]:
    """Two workers, those that ended replaced."""
    alive = [process for process in running if process.is_alive()]
    for process in running:
        if process not in alive:
            stage.happened["运行因此中断"] += stage.end(process) == DATABASE_AWAY
    return alive + [stage.worker(hours) for _ in range(2 - len(alive))]


def _stop(server: PostgresServer, orderly: bool) -> None:
    """Shut PostgreSQL down, or let it crash: it recovers from its log when it starts."""
    if orderly:
        server.stop()
        return
    pid = int((server.home / "data" / "postmaster.pid").read_text("utf-8").split()[0])
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 60
    while server.is_running():
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL goes on after SIGQUIT")
        time.sleep(0.05)


def broken_network(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """Six in ten connections are reset, cut, slow or half open; who waits for an answer gives up after a second.

    It goes on until each kind of fault was met, three times as long at most.
    """
    with staged(server) as stage:
        address = urlsplit(stage.sandbox.market_url)
        assert address.hostname is not None and address.port is not None
        with TcpProxy((address.hostname, address.port), seed=seed) as proxy:
            straight, stage.read_timeout_s, stage.requests_linger = stage.settings, 1.0, True
            stage.settings = settings_of(stage.sandbox, f"http://127.0.0.1:{proxy.port}")
            proxy.broken = 0.6
            rounds = 12
            portion = -(-needs // rounds)
            for number in range(3 * rounds):
                if number >= rounds and all(proxy.played.get(kind) for kind in KINDS):
                    break
                stage.queue(portion, number * portion)
                if number:
                    stage.change(portion, (number - 1) * portion)
                for process in [stage.worker(hours=number) for _ in range(2)]:
                    stage.end(process)
            stage.settings = straight
        stage.settle()
        stage.happened.update({_NETWORK[kind]: proxy.played.get(kind, 0) for kind in KINDS})
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
            deliver(stage.engine, "market", settings=nowhere, policy=policy(), clock=clock)
            clock.sleep(1800)
        stage.happened["试连失败"] = _attempts(stage, "unavailable")
        stage.change(needs)
        stage.settle()
        yield stage


def many_workers(server: PostgresServer, seed: int, needs: int) -> Iterator[Stage]:
    """Eight runs at once, twice over: two schedulers' worth of doubled runs of four workers each.

    One of the first eight waits for the others with what it has leased, of which there are later revisions and withdrawals by then.
    """
    with staged(server) as stage:
        stage.queue(needs)
        dawdling = stage.worker(hours=0, point=DAWDLING)
        _wait_until_leased(stage)
        stage.change(needs)
        processes = [stage.worker(hours=0) for _ in range(7)]
        for process in processes:
            stage.end(process)
        (stage.folder / GO).touch()
        stage.end(dawdling)
        for process in [stage.worker(hours=1) for _ in range(8)]:
            stage.end(process)
        with stage.engine.connect() as connection:
            workers = connection.execute(sa.text("select count(distinct worker) from delivery_attempt")).scalar_one()
        stage.happened["分担发送的工作单元"] = workers
        stage.settle()
        yield stage


def _wait_until_leased(stage: Stage) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with stage.engine.connect() as connection:
            if connection.execute(
                sa.text("select exists (select from delivery where lease_owner is not null)")
            ).scalar():
                return
        time.sleep(0.05)


def _attempts(stage: Stage, outcome: str) -> int:
    with stage.engine.connect() as connection:
        found: int = connection.execute(
            sa.text("select count(*) from delivery_attempt where outcome = :outcome"), {"outcome": outcome}
        ).scalar_one()
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MailVerdict:
    """Of `queued` mails: `received` different ones, `twice` those more than once, `unreceived` said to be handed over and not
    there, `unattempted` there without a try noted, `out_of_sight` neither handed over nor waiting for a person."""

    queued: int
    received: int
    twice: int
    unreceived: int
    unattempted: int
    out_of_sight: int
    happened: Counter[str]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not (self.twice or self.unreceived or self.unattempted or self.out_of_sight)


def troubled_mail(server: PostgresServer, mails: int, kills: int = 10) -> MailVerdict:
    """Runs are killed before and after a mail's data; the server goes away, says not now, knows no such recipient, and takes
    one without a word.

    A run that did not come to its point is made again with mails of its own before it, three times as often as needed at most.
    """
    with staged(server) as stage:
        queue_mails(stage.engine, range(mails))
        left = [(point, 1 + number % 3) for number in range(kills) for point in MAIL_CRASH_POINTS]
        for number in range(3 * len(left)):
            if not left:
                break
            (point, nth), left = left[0], left[1:]
            process = stage.worker(number / 120, point, nth, channel="mail")
            if stage.end(process) == -signal.SIGKILL:
                stage.happened[MAIL_CRASH_POINTS[point]] += 1
            else:
                queue_mails(stage.engine, range(mails, mails + nth))
                mails += nth
                left.append((point, nth))
            stage.bury()
        for kind in ("421", "451", "550", "drop_after_data"):
            stage.sandbox.mail_fault(kind)
            stage.happened[kind] += 1
        clock = Clock(NOW + timedelta(hours=2))
        for _ in range(12):
            with contextlib.suppress(UserFacingError):
                deliver(stage.engine, "mail", settings=stage.settings, policy=policy(), clock=clock)
            clock.sleep(3600)
        return _judged(stage, mails)


def _judged(stage: Stage, mails: int) -> MailVerdict:
    received = Counter(one["message_id"] for one in stage.sandbox.mails())
    with stage.engine.connect() as connection:
        rows = connection.execute(sa.text("select idempotency_key, state, attempts from delivery")).all()
        begun = connection.execute(_BEGUN).scalars()
        attempted = {message_id(key) for key in begun}
    states = {message_id(row.idempotency_key): row.state for row in rows}
    return MailVerdict(
        queued=mails,
        received=len(received),
        twice=sum(number > 1 for number in received.values()),
        unreceived=sum(state == "delivered" and key not in received for key, state in states.items()),
        unattempted=len(received.keys() - attempted),
        out_of_sight=sum(state not in ("delivered", "held") for state in states.values()),
        happened=stage.happened,
    )


_BEGUN = sa.text("select distinct idempotency_key from delivery join delivery_attempt using (delivery_id)")

"""The sandbox as running servers: both platforms, the mailbox's page and its SMTP port, in one event loop in one thread."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvicorn
from aiosmtpd.smtp import SMTP
from fastapi import FastAPI

from include.sandbox.banks.feed import BankFeed
from include.sandbox.banks.plan import MANNERS, Manner
from include.sandbox.mailbox import Mailbox, mailbox_app
from include.sandbox.people.resubmission import Resubmissions
from include.sandbox.platforms.clock import SandboxClock
from include.sandbox.platforms.control import control_router
from include.sandbox.platforms.faults import Fault, FaultMiddleware, FaultPlan, ResettableProtocol
from include.sandbox.platforms.green import TOKEN_SECONDS, GreenPlatform, Tokens
from include.sandbox.platforms.green_api import green_app
from include.sandbox.platforms.hostility import HostileMiddleware, HostilePlan, Rewrite
from include.sandbox.platforms.market import CreditMarket
from include.sandbox.platforms.market_api import market_app
from include.sandbox.platforms.signature import LiveKey, SignatureCheck
from include.sandbox.scenario.stage import Scenario

T = TypeVar("T")
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The clients' credentials; secrets are random unless given."""

    client_id: str = "green-factory-pipeline"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    app_id: str = "GFF"
    key: LiveKey = field(default_factory=lambda: LiveKey("k1", secrets.token_urlsafe(24)))
    next_key: LiveKey = field(default_factory=lambda: LiveKey("k2", secrets.token_urlsafe(24)))


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the sandbox listens; 0 asks for any free port."""

    host: str = "127.0.0.1"
    green: int = 0
    market: int = 0
    mailbox: int = 0
    smtp: int = 0


class Sandbox:
    """A running sandbox; a context manager.

    Its state lives in one thread's event loop, and every method here runs in it, so that nothing needs a lock.
    `resubmit_share` of the returned needs come back corrected within the term. `manners`: how banks behave, in percent.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        now: datetime,
        mail_dir: Path,
        ports: Ports = Ports(),
        credentials: Credentials | None = None,
        resubmit_share: float = 0.0,
        manners: Mapping[Manner, int] = MANNERS,
        token_seconds: int = TOKEN_SECONDS,
    ) -> None:
        self.scenario = scenario
        credentials = credentials or Credentials()
        self.green_client_id = credentials.client_id
        self.green_client_secret = credentials.client_secret
        self.market_app_id = credentials.app_id
        self.market_key_id = credentials.key.key_id
        self.market_algorithm = "HMAC-SM3"
        self.market_secret = credentials.key.secret
        self.market_next_key = credentials.next_key
        self._clock = SandboxClock(now)
        self._green = GreenPlatform(
            scenario,
            self._clock,
            Tokens(credentials.client_id, credentials.client_secret, token_seconds),
            Resubmissions(scenario.seed, scenario.corrected, resubmit_share),
        )
        self._market = CreditMarket(self._clock, BankFeed(scenario.seed, self._clock, manners))
        self._signatures = SignatureCheck(credentials.app_id, (credentials.key, credentials.next_key))
        self._faults = {"green": FaultPlan(), "market": FaultPlan()}
        self._hostile = {"green": HostilePlan(), "market": HostilePlan()}
        self._mailbox = Mailbox(mail_dir)
        self._sockets = _bind(ports)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._stop: asyncio.Event

    # --- Where it is -----------------------------------------------------------------------------------------------

    @property
    def green_url(self) -> str:
        """Base URL of the green platform."""
        return self._url("green")

    @property
    def market_url(self) -> str:
        """Base URL of the credit-market platform."""
        return self._url("market")

    @property
    def mailbox_url(self) -> str:
        """Base URL of the mailbox's page."""
        return self._url("mailbox")

    @property
    def smtp_port(self) -> int:
        """Port of the mail server."""
        port: int = self._sockets["smtp"].getsockname()[1]
        return port

    def _url(self, name: str) -> str:
        host, port = self._sockets[name].getsockname()[:2]
        return f"http://{host}:{port}"

    # --- What a test does with it ----------------------------------------------------------------------------------

    def set_clock(self, now: datetime) -> None:
        """Move the sandbox's clock (aware); banks answer up to it."""
        self._in_loop(lambda: self._clock.set(now))

    def ring(self, need_id: str, institution_code: str) -> bool:
        """A coordinator rings a bank about a need (without an institution: asks around); whether anybody moved."""
        return self._in_loop(lambda: self._market.feed.ring(need_id, institution_code, self._clock.now))

    def fault(self, path: str, kind: str, count: int = 1, retry_after: str | None = None) -> None:
        """Plant a fault for requests to paths that begin with `path`, on whichever platform has them."""
        fault = Fault(path, kind, count, retry_after)
        self._in_loop(lambda: self._faults[_platform_of(path)].plant(fault))

    def hostile(
        self, path: str, rewrite: Rewrite, query: Mapping[str, str] | None = None, count: int | None = None
    ) -> None:
        """Rewrite the answers to requests whose path begins with `path` and whose query contains `query`; see `hostility`."""
        self._in_loop(lambda: self._hostile[_platform_of(path)].plant(path, rewrite, query, count))

    def clear_hostility(self) -> None:
        """Behave as sound partners again."""

        def clear() -> None:
            for plan in self._hostile.values():
                plan.clear()

        self._in_loop(clear)

    def fault_share(self, path: str, kind: str, share: float, seed: int) -> None:
        """Let a share of the requests to the credit-market platform meet a fault, until `clear_faults`."""
        self._in_loop(lambda: self._faults["market"].plant_share(path, kind, share, seed))

    def mail_fault(self, kind: str, count: int = 1) -> None:
        """Plant a fault of the mail server: one of `mailbox.MAIL_FAULTS`."""
        self._in_loop(lambda: self._mailbox.plant(kind, count))

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""

        def clear() -> None:
            for plan in self._faults.values():
                plan.clear()
            self._mailbox.faults.clear()

        self._in_loop(clear)

    def pending_faults(self) -> list[Fault]:
        """The faults that have not happened yet."""
        return self._in_loop(lambda: [fault for plan in self._faults.values() for fault in plan.pending])

    def ledger(self) -> list[dict[str, Any]]:
        """What the credit-market platform holds: need_id, revision, state, effects, order, payload_keys, …"""
        return self._in_loop(self._market.dump)

    def obstruction_updates(self) -> list[dict[str, Any]]:
        """The obstruction updates that it received."""
        return self._in_loop(lambda: list(self._market.updates))

    def returns(self) -> list[dict[str, Any]]:
        """The returns that the green platform received: idempotency_key, received_at, body."""
        return self._in_loop(lambda: list(self._green.returns))

    def progress(self) -> list[dict[str, Any]]:
        """The progress reports that the green platform received."""
        return self._in_loop(lambda: list(self._green.progress))

    def mails(self) -> list[dict[str, Any]]:
        """The mails received: message_id, to, from, subject, date, text, html, path."""
        return self._in_loop(lambda: [mail.summary() for mail in self._mailbox.mails])

    def state(self) -> dict[str, Any]:
        """Counters of both platforms."""
        return self._in_loop(lambda: {"green": self._green.state(), "market": self._market.state()})

    def _in_loop(self, act: Callable[[], T]) -> T:
        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=30)

    # --- Its life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on all ports; returns when all of them answer."""
        self._thread.start()
        if not self._started.wait(_START_SECONDS):
            raise TimeoutError("the sandbox did not start")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Close all ports and wait for the end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)
        for bound in self._sockets.values():
            bound.close()

    def join(self) -> None:
        """Wait until it has been stopped."""
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        apps = {
            "green": green_app(self._green, self._faults["green"]),
            "market": market_app(self._market, self._signatures, self._faults["market"]),
            "mailbox": mailbox_app(self._mailbox),
        }
        for name, plan in self._faults.items():
            apps[name].include_router(control_router(self._clock, plan, self._green, self._market, self._mailbox))
            apps[name].add_middleware(HostileMiddleware, plan=self._hostile[name])
            apps[name].add_middleware(FaultMiddleware, plan=plan)
        smtp = await self._loop.create_server(
            lambda: SMTP(self._mailbox, enable_SMTPUTF8=True, data_size_limit=33_554_432), sock=self._sockets["smtp"]
        )
        servers = {name: _server(app) for name, app in apps.items()}
        running = [asyncio.create_task(_serving(server, self._sockets[name])) for name, server in servers.items()]
        await _until(lambda: all(server.started for server in servers.values()), running)
        self._started.set()
        await self._stop.wait()
        for server in servers.values():
            server.should_exit = True
        smtp.close()
        await asyncio.gather(*running)


_GREEN_PATHS = (
    "/oauth",
    "/v1/quarters",
    "/v1/financing-needs",
    "/v1/green-factories",
    "/v1/coordinators",
    "/v1/returns",
    "/v1/progress",
)


def _platform_of(path: str) -> str:
    return "green" if path.startswith(_GREEN_PATHS) else "market"


def _server(app: FastAPI) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=ResettableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
        server_header=False,
    )
    return uvicorn.Server(config)


async def _serving(server: uvicorn.Server, bound: socket.socket) -> None:
    # Not `serve`: signals belong to the main thread.
    await server._serve([bound])


async def _until(ready: Callable[[], bool], running: list[asyncio.Task[None]]) -> None:
    while not ready():
        for task in running:
            if task.done():
                task.result()
        await asyncio.sleep(0.005)


def _bind(ports: Ports) -> dict[str, socket.socket]:
    bound: dict[str, socket.socket] = {}
    for name in ("green", "market", "mailbox", "smtp"):
        port: int = getattr(ports, name)
        # With the protocol named, asyncio turns Nagle's algorithm off; otherwise each answer waits 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((ports.host, port))
        except OSError:
            for earlier in (listening, *bound.values()):
                earlier.close()
            raise PortInUse(name, port) from None
        listening.listen(128)
        bound[name] = listening
    return bound


class PortInUse(OSError):
    """A port that the sandbox was told to use is taken."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"{name}: port {port} is in use")
        self.name = name
        self.port = port

"""Starts the stack's services in sessions of their own, watches them, and stops them with all their children."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from include.base.errors import ConfigurationError, UserFacingError
from include.local.environment import ROOT, Layout

_STOPPING_S = 8.0
_TAIL_LINES = 12


class ServiceDied(UserFacingError):
    """A service ended by itself, or did not become ready."""


class AlreadyRunning(UserFacingError):
    """Another command of the stack holds the lock."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program of the stack. `ports`: GFF_PORT_ variable → port that it listens on; `secrets`: variables for it alone."""

    name: str
    title: str
    command: tuple[str, ...]
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class _Started:
    """A started process: its number and the moment of its start, because numbers are reused."""

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        try:
            found = psutil.Process(self.pid)
            return found if abs(found.create_time() - self.created) < 2 else None
        except psutil.NoSuchProcess:
            return None


class Supervisor:
    """The services of one `.local/`; started services are recorded there, so that the next supervisor can clean up."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._record = layout.run / "services.json"
        self._services: dict[str, Service] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        """The log of a service."""
        return self._layout.logs / f"{name}.log"

    def start(self, services: Sequence[Service], variables: Mapping[str, str]) -> None:
        """Start the services. Raises ConfigurationError, and starts none, if one of their ports is taken."""
        for service in services:
            for variable, port in service.ports.items():
                _check_port(service, variable, port)
        for service in services:
            log = self.log(service.name)
            if log.exists():
                log.replace(log.with_suffix(".previous.log"))
            with log.open("wb") as output:
                self._processes[service.name] = subprocess.Popen(
                    service.command,
                    env={**variables, **service.secrets},
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._services[service.name] = service
            self._remember()

    def check(self) -> None:
        """Raise ServiceDied, with the last lines of its log, if a service has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                title = self._services[name].title
                raise ServiceDied(
                    f"{title}意外退出（退出码 {process.returncode}）。日志末尾：\n{self.tail(name)}\n",
                    f"请查看 {self.log(name)}，排除原因后重新运行。",
                )

    def wait(self, what: str, ready: Callable[[], bool], *, timeout_s: float, log: str) -> None:
        """Wait until `ready()`. Raises ServiceDied if a service dies, or after the time limit (then with the lines of
        `log`)."""
        give_up = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > give_up:
                raise ServiceDied(
                    f"{what}在 {timeout_s:.0f} 秒内没有就绪。日志末尾：\n{self.tail(log)}\n",
                    f"请查看 {self._layout.logs} 下的日志；机器很忙时可以直接重试。",
                )
            time.sleep(0.2)

    def tail(self, name: str) -> str:
        """The last lines of a service's log."""
        log = self.log(name)
        if not log.exists():
            return ""
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])

    def running(self) -> list[str]:
        """The names of the started services that still live, whoever started them."""
        return [started.name for started in self._recorded() if started.process() is not None]

    def stop(self) -> list[str]:
        """Stop every started service, of this process or an earlier one; returns their names."""
        alive = [(started, process) for started in self._recorded() if (process := started.process()) is not None]
        families = [process for _, top in alive for process in _family(top)]
        for started, _ in alive:
            _signal_group(started.pid, signal.SIGTERM)
        _, stubborn = psutil.wait_procs(families, timeout=_STOPPING_S)
        for started, _ in alive:
            _signal_group(started.pid, signal.SIGKILL)
        for process in stubborn:
            _kill(process)
        psutil.wait_procs(stubborn, timeout=5)
        for popen in self._processes.values():
            popen.poll()
        self._processes.clear()
        self._record.unlink(missing_ok=True)
        return [started.name for started, _ in alive]

    def _remember(self) -> None:
        started = {item.name: item for item in self._recorded()}
        for name, process in self._processes.items():
            try:
                started[name] = _Started(name, process.pid, psutil.Process(process.pid).create_time())
            except psutil.NoSuchProcess:
                continue
        rows = [{"name": item.name, "pid": item.pid, "created": item.created} for item in started.values()]
        making = self._record.with_suffix(".making")
        making.write_text(json.dumps(rows), encoding="utf-8")
        making.replace(self._record)

    def _recorded(self) -> list[_Started]:
        try:
            rows = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return []
        return [_Started(**row) for row in rows]


@contextmanager
def held(layout: Layout, name: str, *, refusal: UserFacingError, wait_s: float = 0) -> Iterator[None]:
    """Hold a lock of the stack; the system releases it when the process ends, however it ends.

    Raises `refusal` if another process holds it for longer than `wait_s`.
    """
    layout.run.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + wait_s
    with (layout.run / f"{name}.lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    raise refusal from None
                time.sleep(0.2)
        yield


def _family(process: psutil.Process) -> list[psutil.Process]:
    """The process, its descendants, and everything else in its session's group."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(pid: int, number: signal.Signals) -> None:
    # A service leads its own group, so that its number is the group's.
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _check_port(service: Service, variable: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError:
            pass
        probe_free = socket.socket()
        with probe_free:
            probe_free.bind(("127.0.0.1", 0))
            free = probe_free.getsockname()[1]
    holder = _holder(port)
    raise ConfigurationError(
        f"端口 {port} 已被占用{holder}，{service.title}无法启动。",
        f"请停止占用它的程序，或换一个端口，例如：{variable}={free} make demo。",
    )


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"（进程 {connection.pid}：{psutil.Process(connection.pid).name()}）"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return ""

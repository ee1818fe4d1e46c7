"""The supervisor: whatever it starts it can stop, even after it was killed itself, and what dies is reported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from include.base.errors import ConfigurationError
from include.local.environment import Layout
from include.local.supervisor import AlreadyRunning, Service, ServiceDied, Supervisor, held

# A program that ignores the polite signal and has a child in a session of its own.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
PATIENT = "import time; time.sleep(600)"


def _service(name: str, program: str, **ports: int) -> Service:
    return Service(name, f"服务{name}", (sys.executable, "-c", program), ports)


def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.fixture
def supervisor(layout: Layout) -> Supervisor:
    layout.create()
    return Supervisor(layout)


def test_a_service_that_ends_is_told_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.start([_service("a", "print('第一行'); raise SystemExit('出错了')")], os.environ)
    with pytest.raises(ServiceDied, match=r"服务a意外退出（退出码 1）[\s\S]*出错了[\s\S]*a\.log"):
        supervisor.wait("服务a", lambda: False, timeout_s=20, log="a")


def test_a_service_that_is_never_ready_is_told(supervisor: Supervisor) -> None:
    supervisor.start([_service("a", PATIENT)], os.environ)
    try:
        with pytest.raises(ServiceDied, match="没有就绪"):
            supervisor.wait("服务a", lambda: False, timeout_s=0.3, log="a")
    finally:
        supervisor.stop()


def test_stopping_ends_stubborn_services_and_their_children(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.local.supervisor._STOPPING_S", 0.3)
    supervisor.start([_service("a", STUBBORN), _service("b", PATIENT)], os.environ)
    _until(lambda: supervisor.tail("a").isdigit())
    child = int(supervisor.tail("a"))
    assert supervisor.stop() == ["a", "b"]
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert supervisor.running() == []


def test_the_next_one_cleans_up_after_one_that_was_killed(supervisor: Supervisor, layout: Layout) -> None:
    supervisor.start([_service("a", PATIENT)], os.environ)
    process = psutil.Process(supervisor._processes["a"].pid)
    following = Supervisor(layout)
    assert following.running() == ["a"]
    assert following.stop() == ["a"]
    assert process.wait(5) is not None or not process.is_running()


def test_a_number_that_belongs_to_another_program_by_now_is_left_alone(supervisor: Supervisor, layout: Layout) -> None:
    with subprocess.Popen([sys.executable, "-c", PATIENT], start_new_session=True) as stranger:
        layout.run.joinpath("services.json").write_text(f'[{{"name": "a", "pid": {stranger.pid}, "created": 1000.0}}]')
        assert supervisor.stop() == []
        assert stranger.poll() is None
        stranger.kill()


def test_a_taken_port_is_named_with_its_holder_and_nothing_is_started(supervisor: Supervisor) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"端口 {port} 已被占用.*{os.getpid()}[\s\S]*GFF_PORT_B="):
            supervisor.start([_service("a", PATIENT), _service("b", PATIENT, GFF_PORT_B=port)], os.environ)
    assert supervisor.running() == []


def test_a_lock_is_held_by_one_and_freed_when_its_holder_is_killed(layout: Layout) -> None:
    refusal = AlreadyRunning("已在运行。", "请稍候。")
    program = (
        "import time; from include.local.environment import Layout; from include.local.supervisor import *; "
        "from pathlib import Path; import sys\n"
        "with held(Layout(Path(sys.argv[1])), 'demo', refusal=AlreadyRunning('', '')):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(layout.local)], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning), held(layout, "demo", refusal=refusal):
            pass
        holder.kill()
        holder.wait()
        with held(layout, "demo", refusal=refusal):
            pass

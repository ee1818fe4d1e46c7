"""The sandbox as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from include.sandbox.scenario.stage import Scenario
from include.sandbox.server import Sandbox
from tests.support.sandbox_clients import NOW, GreenClient

SECRETS = {
    "GFF_SANDBOX_GREEN_SECRET": "green-secret",
    "GFF_SANDBOX_MARKET_SECRET": "market-secret",
    "GFF_SANDBOX_MARKET_SECRET_NEXT": "market-secret-2",
}


def _start(mail_dir: Path, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    ports = [f"--{name}-port=0" for name in ("green", "market", "mailbox", "smtp")]
    return subprocess.Popen(
        [sys.executable, "-m", "include.sandbox", *ports, f"--mail-dir={mail_dir}", "--needs=40", *arguments],
        env={**os.environ, **(SECRETS if environment is None else environment)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_says_when_it_is_ready_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    with _start(tmp_path, "--now=2026-10-01T00:10:00+08:00") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.findall(r"http://[0-9.]+:[0-9]+", line)[0]
        form = {
            "grant_type": "client_credentials",
            "client_id": "green-factory-pipeline",
            "client_secret": "green-secret",
        }
        assert requests.post(f"{url}/oauth/token", data=form, timeout=5).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert not any(secret in line for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--now=2026-10-01T00:10:00+08:00"], dict.fromkeys(SECRETS, ""), "GFF_SANDBOX_MARKET_SECRET"),
        (["--now=2026-10-01T00:10:00"], None, "--now"),
        (["--now=2026-10-01T00:10:00+08:00", "--quarter=2026-3"], None, "2026-3"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tmp_path: Path, arguments: list[str], environment: dict[str, str] | None, said: str
) -> None:
    with _start(tmp_path, *arguments, environment=environment) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert said in errors
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with _start(tmp_path, "--now=2026-10-01T00:10:00+08:00", f"--smtp-port={port}") as process:
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert f"端口 {port} 已被占用" in errors


def test_it_starts_and_stops_quickly_and_frees_its_ports(scenario: Scenario, tmp_path: Path) -> None:
    started = time.perf_counter()
    sandbox = Sandbox(scenario, now=NOW, mail_dir=tmp_path)
    with sandbox:
        assert time.perf_counter() - started < 1.5
        port = sandbox.smtp_port
        assert GreenClient(sandbox).call("GET", "/v1/coordinators").status_code == 200
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))

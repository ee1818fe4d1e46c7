"""A folder of the embedded stack, apart from the checkout's own."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local.environment import Environment, Layout


def _folder() -> Iterator[Layout]:
    """A folder that PostgreSQL's account may enter even where the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="stack-tests-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Layout(Path(name) / "local")


@pytest.fixture
def layout() -> Iterator[Layout]:
    """A layout of its own."""
    yield from _folder()


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    """An environment on free ports with a running PostgreSQL."""
    for layout in _folder():
        found = Environment.of(layout, _unused_ports())
        with found.postgres:
            yield found


def _unused_ports() -> dict[str, str]:
    """GFF_PORT_<NAME> for every port, all free."""
    sockets = {name: socket.socket() for name in ("AIRFLOW", "GREEN", "MARKET", "MAILBOX", "SMTP", "POSTGRES")}
    for one in sockets.values():
        one.bind(("127.0.0.1", 0))
    ports = {f"GFF_PORT_{name}": str(one.getsockname()[1]) for name, one in sockets.items()}
    for one in sockets.values():
        one.close()
    return ports

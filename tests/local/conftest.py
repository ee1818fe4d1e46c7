"""A folder of the embedded stack, apart from the checkout's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from include.local.environment import Environment, Layout
from tests.support.quick_disk import folder_for_databases


def _folder() -> Iterator[Layout]:
    with folder_for_databases("stack-tests-") as folder:
        yield Layout(folder / "local")


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

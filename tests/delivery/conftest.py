"""Both platforms and a mailbox on loopback, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.base.settings import Settings
from include.sandbox.scenario.stage import Scenario, make_scenario
from include.sandbox.server import Sandbox
from tests.support.mails import Mailbox, served
from tests.support.outbox import NOW, connected_to


@pytest.fixture(scope="session")
def quiet_scenario() -> Scenario:
    """A scenario of which these tests use nothing: the outbox is filled by hand."""
    return make_scenario(seed=3, quarter="2026Q3", needs=40, factories=200)


@pytest.fixture
def sandbox(quiet_scenario: Scenario, tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(quiet_scenario, now=NOW, mail_dir=tmp_path / "mail") as running:
        yield running


@pytest.fixture
def settings(sandbox: Sandbox) -> Settings:
    """The four connections, the business database left out: tests hand over an engine."""
    return connected_to(sandbox)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server that keeps what arrives."""
    yield from served(Mailbox())

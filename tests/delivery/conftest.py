"""Both platforms and a mailbox on loopback, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.sandbox.scenario import Scenario, make_scenario
from include.sandbox.server import Sandbox
from include.settings import ConnectionFields, Settings
from tests.delivery.outbox import KEY, NOW


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
    return Settings(
        connections={
            "green_platform": ConnectionFields(
                host=sandbox.green_url, login=sandbox.green_client_id, password=sandbox.green_client_secret
            ),
            "credit_market": ConnectionFields(
                host=sandbox.market_url,
                login=sandbox.market_app_id,
                password=sandbox.market_secret,
                extra={"key_id": sandbox.market_key_id, "algorithm": "HMAC-SM3"},
            ),
            "smtp_default": ConnectionFields(
                host="127.0.0.1",
                port=sandbox.smtp_port,
                extra={"disable_ssl": True, "disable_tls": True, "from_email": "pipeline@green-finance.example"},
            ),
        },
        fernet_key=KEY,
    )

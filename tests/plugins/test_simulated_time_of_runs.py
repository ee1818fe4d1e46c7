"""A run may be given a business time only where both platforms are the sandbox."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from green_finance.run import given_start
from include.base.errors import ConfigurationError, InvalidRequest
from include.base.settings import Settings, environment_name

NOW = "2099-09-30T18:00:00+08:00"


def _settings(green: str, market: str, sandbox: str = "1") -> Settings:
    hosts = {"green_platform": green, "credit_market": market}
    connections = {
        environment_name(name): json.dumps({"conn_type": "http", "host": host}) for name, host in hosts.items()
    }
    return Settings.from_environment({"GFF_SANDBOX": sandbox, **connections})


def test_a_run_of_the_sandbox_takes_place_when_it_is_told() -> None:
    sandbox = _settings("http://127.0.0.1:8601", "http://[::1]:8602")
    assert given_start(sandbox, {"now": NOW}) == datetime.fromisoformat(NOW)
    assert given_start(sandbox, {}) is None
    for odd in ("yesterday", "2099-09-30", "", "\x00", "9" * 400):
        with pytest.raises(ConfigurationError):
            given_start(sandbox, {"now": odd or " "})


@pytest.mark.parametrize(
    ("green", "market", "sandbox"),
    [
        ("https://real.example", "http://127.0.0.1:8602", "1"),
        ("http://127.0.0.1:8601", "https://real.example", "1"),
        ("http://127.0.0.1.real.example", "http://127.0.0.1:8602", "1"),
        ("http://127.0.0.1@real.example", "http://127.0.0.1:8602", "1"),
        ("http://127.0.0.1:8601", "http://127.0.0.1:8602", "0"),
        ("http://127.0.0.1:8601", "http://127.0.0.1:8602", "yes"),
    ],
)
def test_elsewhere_a_run_that_is_told_when_it_takes_place_is_refused(green: str, market: str, sandbox: str) -> None:
    settings = _settings(green, market, sandbox)
    assert not settings.may_move_time
    with pytest.raises(InvalidRequest, match="沙箱"):
        given_start(settings, {"now": NOW})

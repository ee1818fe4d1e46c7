"""What Airflow shows of the pipeline's connections to those who may see them: no secret, in its API or in a log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

from include.base.connection_fields import GivenConnection
from include.base.settings import (
    CONNECTION_IDS,
    UNHIDDEN_PERSONAL_DATA_KEY,
    ConnectionFields,
    CreditMarket,
    GreenPlatform,
    MailServer,
    Settings,
    SigningKey,
)

_SEEN_BY_OP = """
import json, os
from airflow.utils.db import initdb
initdb()
from airflow.models.connection import Connection
from airflow.utils.session import create_session
with create_session() as session:
    for given in json.loads(os.environ["GIVEN"]):
        session.add(Connection(**given))
from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient
with TestClient(create_app(apps="core"), base_url="http://localhost") as browser:
    token = browser.post("/auth/token", json={"username": "op", "password": "op"}).json()["access_token"]
    who = {"Authorization": f"Bearer {token}"}
    addresses = ["/api/v2/connections"] + [f"/api/v2/connections/{name}" for name in json.loads(os.environ["NAMES"])]
    answers = [browser.get(address, headers=who) for address in addresses]
    print(json.dumps([[answer.status_code, answer.text] for answer in answers]))
"""


def _given() -> dict[str, ConnectionFields]:
    """All four connections with every secret that the settings know; each secret says `hush`."""
    market = {
        "key_id": "k1",
        "algorithm": "HMAC-SM3",
        "next_key": {"key_id": "k2", "algorithm": "HMAC-SM3", "secret": "hush-next-key"},
    }
    database = {name: f"hush-{name}-hush, hush-{name}-older" for name in _secrets_read()} | {"sslmode": "require"}
    where = {"host": "127.0.0.1", "login": "me", "password": "hush-password"}
    return {
        "green_platform": ConnectionFields(conn_type="http", **where),
        "credit_market": ConnectionFields(conn_type="http", **where, extra=market),
        "business_db": ConnectionFields(conn_type="postgres", **where, extra=database),
        "smtp_default": ConnectionFields(conn_type="smtp", **where, extra={"from_email": "a@b.example"}),
    }


def _secrets_read() -> set[str]:
    """The extras that the settings read as secrets, as they say themselves when everything is asked of them."""
    read: set[str] = set()

    class Noting(GivenConnection):
        def secrets(self, key: str) -> tuple[str, ...]:
            read.add(key)
            return super().secrets(key)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("include.base.settings.GivenConnection", Noting)
        settings = Settings(
            connections={name: ConnectionFields(host="localhost") for name in CONNECTION_IDS},
            fernet_key="fernet-key-of-the-tests",
        )
        assert settings.personal_data_keys and settings.audit_keys
        assert settings.action_link_keys == ()
    return read - {UNHIDDEN_PERSONAL_DATA_KEY}


def test_every_name_of_a_secret_is_one_that_airflow_hides() -> None:
    assert _secrets_read() >= {"personal_data_secret", "audit_secret", "action_link_secret"}
    of_parts = {
        field.name
        for part in (SigningKey, GreenPlatform, CreditMarket, MailServer, ConnectionFields)
        for field in fields(part)
        if not field.repr and field.name != "extra"
    }
    assert of_parts == {"secret", "client_secret", "password"}
    for name in _secrets_read() | of_parts:
        assert should_hide_value_for_key(name), name


@pytest.mark.slow
def test_an_operator_of_airflow_finds_no_secret_in_the_connections(tmp_path: Path, repository: Path) -> None:
    given = _given()
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"op": "op"}))
    rows = [
        {
            "conn_id": name,
            "conn_type": one.conn_type,
            "host": one.host,
            "login": one.login,
            "password": one.password,
            "extra": json.dumps(one.extra),
        }
        for name, one in given.items()
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "op:op",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "of the tests" * 8,
        "PYTHONPATH": str(repository),
        "GIVEN": json.dumps(rows),
        "NAMES": json.dumps(list(given)),
    }
    done = subprocess.run(
        [sys.executable, "-c", _SEEN_BY_OP], env=environment, capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    assert [status for status, _ in answers] == [200] * 5
    for _, text in answers:
        assert "127.0.0.1" in text
        assert "hush" not in text
    # The settings themselves read what is hidden there.
    settings = Settings(connections=given)
    assert settings.personal_data_keys == ("hush-personal_data_secret-hush", "hush-personal_data_secret-older")
    assert settings.audit_keys == ("hush-audit_secret-hush", "hush-audit_secret-older")
    assert settings.credit_market.next_key is not None and settings.credit_market.next_key.secret == "hush-next-key"

"""Signing keys are rotated without one failed delivery, a wrong clock is explained, and secrets stay where they are."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import sqlalchemy as sa

from include.base.errors import CredentialsRefused, UserFacingError
from include.base.settings import GreenPlatform, Settings
from include.delivery.stage import deliver
from include.platforms.green_platform import GreenPlatformClient
from include.reference import policy
from include.sandbox.platforms.signature import SignatureCheck
from include.sandbox.server import Sandbox
from tests.support.everything_told import told
from tests.support.outbox import Clock, attempts, everything, queue_pushes, states, with_connection
from tests.support.scripted import Answer, scripted

ALGORITHMS = ("HMAC-SHA256", "HMAC-SM3")
UNREACHABLE = "http://127.0.0.1:9"
CANARIES = ("canary-secret-of-today", "canary-secret-of-tomorrow")


def _with_two_keys(settings: Settings, sandbox: Sandbox, algorithm: str) -> Settings:
    coming = {
        "key_id": sandbox.market_next_key.key_id,
        "secret": sandbox.market_next_key.secret,
        "algorithm": algorithm,
    }
    return with_connection(settings, "credit_market", extra={"algorithm": algorithm, "next_key": coming})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_that_the_platform_drops_in_the_middle_of_a_run_costs_nothing(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted_keys: list[str] = []
    verify = SignatureCheck.verify

    def verifying(check: SignatureCheck, *request: object) -> str:
        used = verify(check, *request)  # type: ignore[arg-type]
        accepted_keys.append(used)
        if len(accepted_keys) == 2:
            check._keys = {sandbox.market_next_key.key_id: check._keys[sandbox.market_next_key.key_id]}
        return used

    monkeypatch.setattr(SignatureCheck, "verify", verifying)
    queue_pushes(database, range(900))  # of two workers
    clock = Clock()
    summary = deliver(
        database,
        "market",
        settings=_with_two_keys(settings, sandbox, algorithm),
        policy=policy(),
        clock=clock,  # type: ignore[arg-type]
    )
    assert (summary.delivered, summary.deferred, summary.held, summary.unknown) == (900, 0, 0, 0)
    assert [(row.kind, row.error_class) for row in attempts(database)] == [("send", None)] * 900
    assert set(accepted_keys) == {sandbox.market_key_id, sandbox.market_next_key.key_id}


def test_the_client_secret_is_in_no_exception() -> None:
    secret = "canary-client-secret"
    refusal = Answer(401, b'{"title": "x", "status": 401}')
    with scripted(reply=lambda _: refusal) as server:
        for host in (server.url, UNREACHABLE):
            settings = GreenPlatform(base_url=host, client_id="pipeline", client_secret=secret)
            with (
                GreenPlatformClient(settings, sleep=lambda _: None) as client,
                pytest.raises(UserFacingError) as raised,
            ):
                client.manifest("2026Q3")
            text = told(raised.value)
            assert "_token_request" in text or "authorise" in text
            assert secret not in text
    assert secret.encode() in server.received[0].body


def test_a_wrong_clock_is_named_as_what_it_is(database: sa.Engine, settings: Settings) -> None:
    queue_pushes(database, [1])
    theirs = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    refusal = Answer(401, b'{"title": "x", "status": 401}', {"Date": theirs})
    with scripted(reply=lambda _: refusal) as server, pytest.raises(CredentialsRefused, match="校准本机时钟"):
        _run(database, with_connection(settings, "credit_market", host=server.url))
    assert states(database) == ["pending"]


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 422, 429, 500, 0])
def test_secrets_are_in_no_row_log_or_exception(
    database: sa.Engine, settings: Settings, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "sqlalchemy.engine")
    coming = {"key_id": "k2", "secret": CANARIES[1], "algorithm": "HMAC-SM3"}
    canary = with_connection(settings, "credit_market", password=CANARIES[0], extra={"next_key": coming})
    queue_pushes(database, [1])
    signatures: list[str] = []
    raised = ""

    def reply(request: object) -> Answer:
        headers = request.headers  # type: ignore[attr-defined]
        signatures.append(headers.get("X-Signature", ""))
        return Answer(status, str(dict(headers)).encode())

    with scripted(reply=reply) as server:
        host = server.url if status else UNREACHABLE
        try:
            _run(database, with_connection(canary, "credit_market", host=host))
        except Exception as error:
            raised = told(error)
    kept = everything(database) + raised + repr(canary) + repr(canary.credit_market)
    kept += "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    assert bool(signatures) == bool(status)
    assert "update delivery" in kept
    assert not [secret for secret in (*CANARIES, *signatures) if secret and secret in kept]


def _run(engine: sa.Engine, settings: Settings) -> None:
    clock = Clock()
    deliver(engine, "market", settings=settings, policy=policy(), clock=clock)  # type: ignore[arg-type]

"""Planted faults happen as often as asked, where asked, and leave what they say they leave."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from include.sandbox.server import Sandbox
from tests.support.sandbox_clients import GreenClient, MarketClient

NEEDS = "/v1/financing-needs"
BATCHES = "/v1/need-batches"


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "429"])
def test_refusals_come_as_often_as_planted_with_their_retry_after(
    sandbox: Sandbox, green: GreenClient, kind: str
) -> None:
    sandbox.fault(NEEDS, kind, count=2, retry_after="Thu, 01 Oct 2026 00:00:09 GMT")
    answers = [green.call("GET", NEEDS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [int(kind), int(kind), 200]
    assert answers[0].headers["Retry-After"] == "Thu, 01 Oct 2026 00:00:09 GMT"
    assert sandbox.pending_faults() == []


def test_a_fault_stays_on_its_path(sandbox: Sandbox, green: GreenClient) -> None:
    sandbox.fault("/v1/coordinators", "500")
    assert green.call("GET", NEEDS).status_code == 200
    assert green.call("GET", "/v1/coordinators").status_code == 500


def test_faults_can_be_planted_over_http(sandbox: Sandbox, green: GreenClient) -> None:
    control = sandbox.green_url + "/_sandbox/faults"
    fault = {"path": NEEDS, "kind": "503", "count": 1, "retry_after": 2}
    assert requests.post(control, json=fault, timeout=5).status_code == 201
    assert green.call("GET", NEEDS).headers["Retry-After"] == "2"
    requests.post(control, json=fault, timeout=5)
    assert requests.delete(control, timeout=5).status_code == 204
    assert green.call("GET", NEEDS).status_code == 200


def test_a_reset_and_a_body_cut_short_are_connection_failures(sandbox: Sandbox, green: GreenClient) -> None:
    for kind in ("reset", "cut_body"):
        sandbox.fault(NEEDS, kind)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            green.call("GET", NEEDS)
        assert green.call("GET", NEEDS).status_code == 200


def test_a_revoked_token_needs_a_new_one(sandbox: Sandbox, green: GreenClient) -> None:
    sandbox.fault(NEEDS, "revoke_token")
    assert green.call("GET", NEEDS).status_code == 401
    assert green.call("GET", "/v1/coordinators").status_code == 401
    green.sign_in(sandbox)
    assert green.call("GET", NEEDS).status_code == 200


def test_an_expired_cursor_is_gone(sandbox: Sandbox, green: GreenClient) -> None:
    cursor = green.call("GET", f"{NEEDS}?limit=5").json()["next_cursor"]
    sandbox.fault(NEEDS, "expire_cursor")
    assert green.call("GET", f"{NEEDS}?limit=5").status_code == 200
    assert green.call("GET", f"{NEEDS}?limit=5&cursor={cursor}").status_code == 410
    assert green.call("GET", f"{NEEDS}?limit=5&cursor={cursor}").status_code == 200


@pytest.mark.parametrize("limit", [20, 500])
def test_a_repeated_page_comes_twice_and_the_listing_goes_on(sandbox: Sandbox, green: GreenClient, limit: int) -> None:
    plain = [page["items"] for page in green.pages(NEEDS, f"limit={limit}")]
    sandbox.fault(NEEDS, "repeat_page")
    repeated = [page["items"] for page in green.pages(NEEDS, f"limit={limit}")]
    assert repeated == [plain[0], *plain]


def test_doubled_items_are_in_one_page(sandbox: Sandbox, green: GreenClient) -> None:
    sandbox.fault(NEEDS, "duplicate")
    page = green.call("GET", f"{NEEDS}?limit=10").json()
    assert len(page["items"]) == 20
    assert page["items"][0] == page["items"][1]


@pytest.mark.parametrize(
    ("kind", "committed"),
    [
        ("reset", 0),
        ("503", 0),
        ("reset_half_way", 2),
        ("reset_after_commit", 4),
        ("504_after_commit", 4),
        ("cut_body", 4),
    ],
)
def test_what_a_lost_answer_left_in_the_ledger(
    sandbox: Sandbox,
    market: MarketClient,
    sound: list[Mapping[str, Any]],
    item_of: Callable[..., dict[str, Any]],
    kind: str,
    committed: int,
) -> None:
    items = [item_of(need) for need in sound[:4]]
    sandbox.fault(BATCHES, kind)
    try:
        assert market.signed("POST", BATCHES, {"items": items}).status_code in (503, 504)
    except requests.RequestException:
        assert kind in ("reset", "reset_half_way", "reset_after_commit", "cut_body")
    assert len(sandbox.ledger()) == committed
    held = [market.signed("GET", f"/v1/needs/{item['need_id']}/revisions/1").status_code == 200 for item in items]
    assert sum(held) == committed
    assert [r["outcome"] for r in market.push(*items)] == ["duplicate"] * committed + ["accepted"] * (4 - committed)
    assert {entry["effects"] for entry in sandbox.ledger()} == {1}


def test_a_deferred_item_is_not_taken_in(
    sandbox: Sandbox, market: MarketClient, sound: list[Mapping[str, Any]], item_of: Callable[..., dict[str, Any]]
) -> None:
    sandbox.fault(BATCHES, "deferred")
    first, second = market.push(item_of(sound[0]), item_of(sound[1]))
    assert (first["outcome"], second["outcome"]) == ("deferred", "accepted")
    assert first["retry_after"] > 0
    assert len(sandbox.ledger()) == 1


def test_mail_faults_can_be_planted_over_http(sandbox: Sandbox) -> None:
    address = f"{sandbox.market_url}/_sandbox/mail-faults"
    assert requests.post(address, json={"kind": "550"}, timeout=5).json() == {"faults": ["550"]}
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.sendmail("a@b.example", ["c@d.example"], "Subject: x\r\n\r\nx")
    assert requests.post(address, json={"kind": "999"}, timeout=5).status_code == 422
    requests.post(address, json={"kind": "451", "count": 3}, timeout=5)
    assert requests.delete(address, timeout=5).status_code == 204
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port) as smtp:
        assert smtp.sendmail("a@b.example", ["c@d.example"], "Subject: x\r\n\r\nx") == {}


def test_the_proxy_is_a_command_that_breaks_what_it_is_told_to(sandbox: Sandbox, repository: Path) -> None:
    target = sandbox.market_url.removeprefix("http://")
    command = [sys.executable, "-m", "include.sandbox.proxy", target, "--broken", "1", "--kinds", "reset"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=repository) as process:
        try:
            assert process.stdout is not None
            listening = process.stdout.readline().split()[0]
            with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
                requests.get(f"http://{listening}/_sandbox/state", timeout=5)
        finally:
            process.kill()

"""The credit-market platform's client: key rotation, clock skew, look-up, batches, feeds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from include.base.errors import CredentialsRefused, PlatformUnavailable
from include.base.settings import CreditMarket, SigningKey
from include.platforms.credit_market import CreditMarketClient
from include.platforms.http import OutcomeUnknown, PlatformBusy
from include.platforms.signing import string_to_sign, verify
from tests.support.scripted import Answer, Received, ScriptedServer, scripted

OLD = SigningKey(key_id="k1", secret="old-secret", algorithm="HMAC-SHA256")
NEW = SigningKey(key_id="k2", secret="new-secret", algorithm="HMAC-SM3")
ENTRY = {
    "need_id": "FN000000000001", "revision": 2, "idempotency_key": "push:FN000000000001:2", "receipt_no": "X1",
    "payload_sha256": "0" * 64, "received_at": "2026-10-01T09:00:00+08:00", "state": "held", "more": 1,
}  # fmt: skip


def answer(content: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode())


def client(server: ScriptedServer, *, rotating: bool = False, **options: Any) -> CreditMarketClient:
    settings = CreditMarket(
        base_url=server.url,
        app_id="app",
        secret=OLD.secret,
        key_id=OLD.key_id,
        algorithm=OLD.algorithm,
        next_key=NEW if rotating else None,
    )
    return CreditMarketClient(settings, sleep=lambda _: None, **options)


def signed_by(key: SigningKey, request: Received) -> bool:
    headers = request.headers
    text = string_to_sign(request.method, request.target, headers["X-Timestamp"], headers["X-Nonce"], request.body)
    return headers["X-Key-Id"] == key.key_id and verify(key, text, headers["X-Signature"])


def accepting(*keys: SigningKey) -> Any:
    def reply(request: Received) -> Answer:
        if not any(signed_by(key, request) for key in keys):
            return answer({"title": "signature", "status": 401}, 401)
        return answer({"institutions": [], "branches": []})

    return reply


@pytest.mark.parametrize("live", [[OLD], [OLD, NEW], [NEW]], ids=["before", "during", "after"])
def test_a_key_is_rotated_without_a_failed_request(live: list[SigningKey]) -> None:
    with scripted(reply=accepting(*live)) as server, client(server, rotating=True) as opened:
        opened.institutions()
        opened.institutions()
        assert len(server.received) == (3 if live == [NEW] else 2)


def test_a_key_that_is_refused_ends_it_without_the_secret() -> None:
    with scripted(reply=accepting()) as server:
        for rotating, requests in ((False, 1), (True, 2)):
            server.received.clear()
            with client(server, rotating=rotating) as opened, pytest.raises(CredentialsRefused) as caught:
                opened.institutions()
            assert len(server.received) == requests
            assert "secret" not in str(caught.value)


def test_a_clock_that_is_wrong_is_told_from_a_key_that_is_wrong() -> None:
    theirs = format_datetime(datetime.now(UTC) + timedelta(minutes=20), usegmt=True)
    refused = Answer(401, b"{}", {"Date": theirs})
    with scripted(refused) as server, client(server) as opened, pytest.raises(CredentialsRefused, match="时钟"):
        opened.institutions()


def test_a_look_up_finds_or_does_not() -> None:
    with scripted(answer(ENTRY), answer({"title": "none", "status": 404}, 404)) as server, client(server) as opened:
        found = opened.look_up("FN000000000001", 2)
        assert opened.look_up("FN000000000001", 3) is None
    assert found is not None
    assert (found.receipt_no, found.state) == ("X1", "held")


def test_results_that_do_not_fit_the_items_are_no_results() -> None:
    results = {"results": [{"idempotency_key": "another", "outcome": "accepted"}]}
    with scripted(answer(results)) as server, client(server) as opened, pytest.raises(OutcomeUnknown):
        opened.push_batch([{"idempotency_key": "mine"}])


def test_a_busy_platform_says_when_to_come_back() -> None:
    busy = Answer(429, b"{}", {"Retry-After": "120"})
    with scripted(busy) as server, client(server) as opened, pytest.raises(PlatformBusy) as caught:
        opened.push_batch([{"idempotency_key": "mine"}])
    assert caught.value.retry_after_s == 120


def test_the_ledger_is_read_to_its_end_and_not_in_circles() -> None:
    pages = [answer({"items": [ENTRY], "next_cursor": "a/b="}), answer({"items": [ENTRY], "next_cursor": None})]
    with scripted(*pages) as server, client(server) as opened:
        assert [len(page.items) for page in opened.ledger("2026Q3")] == [1, 1]
        assert parse_qs(urlsplit(server.received[1].target).query)["cursor"] == ["a/b="]
        assert all(signed_by(OLD, request) for request in server.received)
    circle = answer({"items": [ENTRY], "next_cursor": "same"})
    with (
        scripted(circle, circle, circle) as server,
        client(server) as opened,
        pytest.raises(PlatformUnavailable, match="同一页"),
    ):
        list(opened.ledger("2026Q3"))


def test_feedback_comes_as_it_is_but_for_what_cannot_be_read() -> None:
    body = b'{"items": [{"rate": 3.50}, 7, {"x": "\\ud800"}], "next_cursor": "c1", "has_more": false}'
    with scripted(Answer(200, body)) as server, client(server) as opened:
        page = opened.feedback()
    assert page.items == [{"rate": Decimal("3.50")}, 7]
    assert [one.raw for one in page.set_aside] == [b'{"x": "\\ud800"}']
    assert (page.next_cursor, page.has_more) == ("c1", False)


def test_a_page_of_feedback_that_does_not_advance_is_read_again() -> None:
    stuck = answer({"items": [1], "next_cursor": "c1", "has_more": True})
    moved = answer({"items": [1], "next_cursor": "c2", "has_more": False})
    with scripted(stuck, moved) as server, client(server) as opened:
        assert opened.feedback("c1").next_cursor == "c2"
    with scripted(stuck, stuck, stuck) as server, client(server) as opened, pytest.raises(PlatformUnavailable):
        opened.feedback("c1")

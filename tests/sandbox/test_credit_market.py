"""The credit-market platform keeps its contract."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from include.sandbox.server import Sandbox
from tests.support.sandbox_clients import NOW, MarketClient, mac

Needs = list[Mapping[str, Any]]
ItemOf = Callable[..., dict[str, Any]]
SERVED = "/v1/institutions"


def _outcomes(results: list[dict[str, Any]]) -> list[str]:
    return [result["outcome"] for result in results]


@pytest.mark.parametrize("algorithm", ["HMAC-SM3", "HMAC-SHA256"])
def test_a_signed_request_is_let_in_with_either_key_and_algorithm(
    sandbox: Sandbox, market: MarketClient, algorithm: str
) -> None:
    market.algorithm = algorithm
    served = market.signed("GET", SERVED).json()
    assert (len(served["institutions"]), len(served["branches"])) == (26, 36)
    market.key_id, market.secret = sandbox.market_next_key.key_id, sandbox.market_next_key.secret
    assert market.signed("GET", SERVED).status_code == 200


def _sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def test_hmac_sm3_is_the_hmac_construction_over_the_standards_hash() -> None:
    # the first example of GB/T 32905-2016
    assert _sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    key = b"a secret".ljust(64, b"\0")
    inner = _sm3(bytes(byte ^ 0x36 for byte in key) + b"text")
    assert mac("HMAC-SM3", "a secret", "text") == _sm3(bytes(byte ^ 0x5C for byte in key) + inner).hex()


@pytest.mark.parametrize(
    "changed",
    [
        {"X-App-Id": "OTHER"},
        {"X-Key-Id": "k9"},
        {"X-Signature-Algorithm": "HMAC-SM3", "X-Signature": "0" * 64},
        {"X-Timestamp": "now"},
        {"X-Nonce": ""},
    ],
)
def test_a_signature_that_does_not_stand_is_refused(market: MarketClient, changed: dict[str, str]) -> None:
    assert market.signed("GET", SERVED, **changed).status_code == 401


@pytest.mark.parametrize("seconds_off", [-400, 400])
def test_a_timestamp_more_than_300_seconds_off_is_refused(market: MarketClient, seconds_off: int) -> None:
    moment = str(int(time.time()) + seconds_off)
    assert market.signed("GET", SERVED, **{"X-Timestamp": moment}).status_code == 401


def test_an_unknown_algorithm_is_refused(market: MarketClient) -> None:
    headers = market.headers("GET", SERVED, b"") | {"X-Signature-Algorithm": "HMAC-MD5"}
    assert market.call("GET", SERVED, headers=headers).status_code == 401


def test_a_nonce_is_good_once(market: MarketClient) -> None:
    assert market.signed("GET", SERVED, **{"X-Nonce": "n-1"}).status_code == 200
    assert market.signed("GET", SERVED, **{"X-Nonce": "n-1"}).status_code == 401


def test_the_query_and_the_body_are_signed_too(market: MarketClient, sound: Needs, item_of: ItemOf) -> None:
    headers = market.headers("GET", "/v1/ledger?quarter=2026Q3", b"")
    assert market.call("GET", "/v1/ledger?quarter=2026Q2", headers=headers).status_code == 401
    headers = market.headers("POST", "/v1/need-batches", b"{}")
    assert (
        market.call("POST", "/v1/need-batches", json={"items": [item_of(sound[0])]}, headers=headers).status_code == 401
    )


def test_same_key_same_payload_is_a_duplicate_with_the_first_receipt(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    item = item_of(sound[0])
    first, second = market.push(item)[0], market.push(item)[0]
    assert (first["outcome"], second["outcome"]) == ("accepted", "duplicate")
    assert first["receipt_no"] == second["receipt_no"]
    assert [(entry["need_id"], entry["effects"]) for entry in sandbox.ledger()] == [(item["need_id"], 1)]


def test_same_key_other_payload_is_a_conflict(market: MarketClient, sound: Needs, item_of: ItemOf) -> None:
    market.push(item_of(sound[0]))
    changed = item_of(sound[1]) | {"idempotency_key": item_of(sound[0])["idempotency_key"]}
    assert _outcomes(market.push(changed)) == ["conflict"]


def test_a_lower_revision_is_stale_and_a_higher_one_supersedes(
    market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    second = item_of(sound[0], revision=2, idempotency_key="push:second")
    third = item_of(sound[0], revision=3, idempotency_key="push:third-")
    assert _outcomes(market.push(second, item_of(sound[0]), third)) == ["accepted", "stale", "accepted"]
    path = f"/v1/needs/{sound[0]['need_id']}/revisions/"
    assert market.signed("GET", f"{path}1").status_code == 404
    assert market.signed("GET", f"{path}2").json()["state"] == "superseded"
    assert market.signed("GET", f"{path}3").json()["state"] == "held"
    assert market.signed("GET", f"{path}three").status_code == 400


def test_another_key_for_the_same_revision_shows_in_the_ledger_as_a_second_effect(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(item_of(sound[0]))
    market.push(item_of(sound[0], idempotency_key="push:another"))
    assert [entry["effects"] for entry in sandbox.ledger()] == [2]


def _with(item: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    item = copy.deepcopy(item)
    change(item["payload"])
    return item


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda p: p["enterprise"]["contact"].update(email="a@b.example"), "payload.enterprise.contact"),
        (lambda p: p["enterprise"]["contact"].pop("mobile"), "payload.enterprise.contact"),
        (lambda p: p["enterprise"].pop("contact"), "payload.enterprise.contact"),
        (lambda p: p.update(review={"opinion": "同意"}), "payload.review"),
        (lambda p: p.update(attachments=[]), "payload.attachments"),
    ],
)
def test_what_must_not_be_sent_is_rejected(
    market: MarketClient, sound: Needs, item_of: ItemOf, change: Callable[[dict[str, Any]], Any], field: str
) -> None:
    item = _with(item_of(sound[0]), change)
    item = item_of(sound[0], payload=item["payload"])
    result = market.push(item)[0]
    assert result["outcome"] == "rejected"
    assert [error["field"] for error in result["errors"]] == [field]


def test_an_item_that_is_not_what_it_claims_is_rejected_and_the_others_go_on(
    market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    bad = {
        "payload_sha256": "0" * 64,
        "branch_code": "PBC999999",
        "intended_institutions": ["TREE"],
        "quarter": "third",
        "need_id": "FN1",
    }
    items = [item_of(sound[0], **{name: value}, idempotency_key=f"push:bad:{name}") for name, value in bad.items()]
    results = market.push(*items, item_of(sound[1]))
    assert _outcomes(results) == ["rejected"] * len(bad) + ["accepted"]
    assert [result["errors"][0]["field"] for result in results[:-1]] == list(bad)


def test_a_batch_outside_the_contract_is_refused_whole(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    item = item_of(sound[0])
    for body in ({"items": []}, {"items": [item] * 101}, {}, {"items": [{**item, "revision": "1"}]}):
        assert market.signed("POST", "/v1/need-batches", body).status_code == 422
    assert sandbox.ledger() == []


def test_a_withdrawal_is_done_once_and_ends_the_need(market: MarketClient, sound: Needs, item_of: ItemOf) -> None:
    body = {
        "idempotency_key": "withdrawal:1",
        "need_id": sound[0]["need_id"],
        "revision": 1,
        "reason_code": "withdrawn_by_enterprise",
    }
    assert (
        market.signed("POST", "/v1/withdrawals", body | {"idempotency_key": "withdrawal:0"}).json()["outcome"]
        == "rejected"
    )
    market.push(item_of(sound[0]))
    answers = [market.signed("POST", "/v1/withdrawals", body).json() for _ in range(2)]
    assert _outcomes(answers) == ["accepted", "duplicate"]
    assert market.signed("POST", "/v1/withdrawals", body | {"note": "另一内容"}).json()["outcome"] == "conflict"
    assert market.signed("POST", "/v1/withdrawals", body | {"reason_code": "tired"}).status_code == 422
    assert market.signed("GET", f"/v1/needs/{sound[0]['need_id']}/revisions/1").json()["state"] == "withdrawn"
    assert _outcomes(market.push(item_of(sound[0], idempotency_key="push:late-one"))) == ["stale"]


@pytest.mark.parametrize("limit", [1, 3, 9, 10, 1000])
def test_the_ledger_pages_completely_in_its_order(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf, limit: int
) -> None:
    market.push(*(item_of(need) for need in sound[:5]))
    sandbox.set_clock(NOW + timedelta(hours=1))
    market.push(*(item_of(need) for need in reversed(sound[5:9])))
    entries, cursor = [], ""
    for _ in range(12):
        page = market.signed("GET", f"/v1/ledger?quarter=2026Q3&limit={limit}{cursor}").json()
        entries += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    order = [(entry["received_at"], entry["need_id"], entry["revision"]) for entry in entries]
    assert order == sorted(order)
    assert {entry["need_id"] for entry in entries} == {need["need_id"] for need in sound[:9]}
    assert len(entries) == 9
    assert market.signed("GET", "/v1/ledger?quarter=2026Q2").json()["items"] == []
    assert market.signed("GET", "/v1/ledger?quarter=2026Q3&cursor=made-up").status_code == 400
    assert market.signed("GET", "/v1/ledger").status_code == 400


def test_the_ledger_dump_names_what_was_sent_but_not_its_values(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(item_of(sound[0]))
    entry = sandbox.ledger()[0]
    assert "enterprise.contact.mobile" in entry["payload_keys"]
    assert sound[0]["enterprise"]["contact"]["mobile"] not in str(entry)

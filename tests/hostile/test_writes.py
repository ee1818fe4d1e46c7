"""What a platform may answer to a push, a withdrawal, a return or a look-up: what is not usable is one item's unknown outcome."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from include.base.errors import CredentialsRefused, PlatformUnavailable
from include.platforms.http import OutcomeUnknown, PlatformBusy, ProblemResponse
from include.reference import policy
from tests.hostile.listings import entry, green, market
from tests.support.scripted import Answer, Received, scripted

LONGEST = policy().integer("receiver_wait_max_minutes") * 60
KEYS = ("push:1", "push:2", "push:3")
ITEMS = [{"idempotency_key": key} for key in KEYS]
FIRST, LAST = ({"idempotency_key": key, "outcome": "accepted", "receipt_no": f"R-{key}"} for key in (KEYS[0], KEYS[2]))


def result(**changes: Any) -> bytes:
    return json.dumps({"idempotency_key": KEYS[1], "outcome": "accepted", "receipt_no": "R2"} | changes).encode()


def answered(*results: bytes) -> Answer:
    return Answer(200, b'{"results": [%b]}' % b", ".join(results))


# What comes as the second of three results, and what it means: outcome, receipt, wait; None: unknown.
RESULTS: dict[str, tuple[bytes, tuple[str, str | None, float | None] | None]] = {
    "sound": (result(), ("accepted", "R2", None)),
    "U+0000 in the receipt": (b'{"idempotency_key": "push:2", "outcome": "accepted", "receipt_no": "R\\u00001"}',
                              ("accepted", "R1", None)),
    "an escaped backslash before it": (
        b'{"idempotency_key": "push:2", "outcome": "accepted", "receipt_no": "R\\\\u00001"}',
        ("accepted", "R\\u00001", None),
    ),
    "receipt as a number": (result(receipt_no=12), ("accepted", "12", None)),
    "no receipt": (result(receipt_no=None), ("accepted", None, None)),
    "deferred for 10^15 seconds": (result(outcome="deferred", retry_after=10**15), ("deferred", "R2", LONGEST)),
    "deferred for 1e999 seconds": (result(outcome="deferred", retry_after=7).replace(b": 7", b": 1e999"),
                                   ("deferred", "R2", LONGEST)),
    "deferred for 60.0 seconds": (result(outcome="deferred", retry_after=60.0), ("deferred", "R2", 60.0)),
    "deferred for less than nothing": (result(outcome="deferred", retry_after=-5), ("deferred", "R2", 1.0)),
    "deferred till a date": (result(outcome="deferred", retry_after="9999-12-31T23:59:59Z"),
                             ("deferred", "R2", LONGEST)),
    "deferred for junk": (result(outcome="deferred", retry_after=["soon"]), ("deferred", "R2", None)),
    "errors that are none": (result(outcome="rejected", errors="all"), ("rejected", "R2", None)),
    "errors that are no objects": (result(outcome="rejected", errors=[None, 7, {"field": 1}]), ("rejected", "R2", None)),
    "an outcome beyond the contract": (result(outcome="eaten"), ("eaten", "R2", None)),
    "no outcome": (result(outcome=None), None),
    "no key": (result(idempotency_key=None), None),
    "another key": (result(idempotency_key="push:9"), None),
    "null": (b"null", None),
    "5,000 digits": (result(x=7).replace(b": 7", b": " + b"7" * 5000), None),
    "nesting": (result(x=7).replace(b": 7", b": " + b"[" * 1000 + b"]" * 1000), None),
    "GBK": (result(x=7).replace(b": 7", b': "' + "回执".encode("gbk") + b'"'), None),
    "a quotation mark too many": (result(x=7).replace(b": 7", b': "a"b"'), None),
    "left out": (b"", None),
    "contradicting itself": (result() + b", " + result(outcome="rejected"), None),
    "twice the same": (result() + b", " + result(), ("accepted", "R2", None)),
}  # fmt: skip


@pytest.mark.parametrize(("piece", "expected"), RESULTS.values(), ids=RESULTS)
def test_a_result_that_is_not_usable_leaves_its_item_alone_unknown(piece: bytes, expected: Any) -> None:
    results = [json.dumps(FIRST).encode(), *([piece] if piece else []), json.dumps(LAST).encode()]
    with scripted(answered(*results)) as server, market(server) as client:
        first, second, last = client.push_batch(ITEMS)
    assert [one and one.receipt_no for one in (first, last)] == ["R-push:1", "R-push:3"]
    assert (second and (second.outcome, second.receipt_no, second.retry_after)) == expected


def test_results_belong_to_their_items_in_whatever_order_they_come() -> None:
    with (
        scripted(answered(json.dumps(LAST).encode(), result(), json.dumps(FIRST).encode())) as server,
        market(server) as client,
    ):
        assert [one and one.receipt_no for one in client.push_batch(ITEMS)] == ["R-push:1", "R2", "R-push:3"]


@pytest.mark.parametrize(
    "answer",
    [
        answered(),
        answered(result(idempotency_key="push:7")),
        Answer(200, b"{}"),
        Answer(200, b"null"),
        Answer(200, b""),
        Answer(204, b""),
        Answer(200, b'{"results": [' + result()),
        Answer(599, b"{}"),
    ],
)
def test_an_answer_that_is_none_leaves_all_unknown(answer: Answer) -> None:
    with scripted(answer) as server, market(server) as client, pytest.raises(OutcomeUnknown):
        client.push_batch(ITEMS)


def test_what_one_item_is_answered_must_be_of_that_item() -> None:
    other = Answer(200, result(idempotency_key="withdrawal:9"))
    own = Answer(200, result(idempotency_key="withdrawal:1", outcome="deferred", retry_after=10**15))
    withdrawal = {"idempotency_key": "withdrawal:1"}
    with scripted(other, own, other) as server, market(server) as client:
        with pytest.raises(OutcomeUnknown):
            client.withdraw(withdrawal)
        assert client.withdraw(withdrawal).retry_after == LONGEST
        with pytest.raises(OutcomeUnknown):
            client.obstruction_update("OB1", withdrawal)


@pytest.mark.parametrize(
    "changes",
    [
        {"need_id": "FN202603000002"},
        {"revision": 2},
        {"revision": "1"},
        {"state": "lost"},
        {"payload_sha256": None},
        {"receipt_no": None},
        {"received_at": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_a_look_up_is_never_answered_by_what_is_not_of_it(changes: dict[str, Any]) -> None:
    with (
        scripted(reply=lambda _: Answer(200, json.dumps(entry(1) | changes).encode())) as server,
        market(server) as client,
        pytest.raises(PlatformUnavailable),
    ):
        client.look_up("FN202603000001", 1)


def test_a_look_up_is_read_however_its_numbers_are_written() -> None:
    body = json.dumps(entry(1)).replace('"revision": 1', '"revision": 1.0').replace("R1", "R\\u00001")
    with scripted(Answer(200, body.encode())) as server, market(server) as client:
        found = client.look_up("FN202603000001", 1)
    assert found is not None
    assert (found.revision, found.receipt_no) == (1, "R1")


RECEIPTS: list[tuple[bytes, str | None]] = [
    (b'{"receipt_no": "R1", "received_at": "2026-10-01T00:00:00+08:00"}', "R1"),
    (b'{"receipt_no": "R\\u00001", "received_at": "yesterday"}', "R1"),
    (b'{"receipt_no": 7, "received_at": null, "x": 1.5}', "7"),
    (b'\xef\xbb\xbf{"receipt_no": "R1"}', "R1"),
    (b'{"receipt_no": null}', None),
    (b'{"receipt_no": ""}', None),
    (b"{}", None),
    (b"null", None),
    (b'{"receipt_no": "R1", "x": NaN}', None),
]


@pytest.mark.parametrize(("body", "receipt_no"), RECEIPTS)
def test_a_return_has_its_receipt_or_is_unknown(body: bytes, receipt_no: str | None) -> None:
    def reply(request: Received) -> Answer:
        if request.target == "/oauth/token":
            return Answer(200, b'{"access_token": "t", "expires_in": 3600.0}')
        return Answer(201, body)

    with scripted(reply=reply) as server, green(server) as client:
        if receipt_no is None:
            with pytest.raises(OutcomeUnknown):
                client.send_return("key-12345", b"{}")
        else:
            assert client.send_return("key-12345", b"{}").receipt_no == receipt_no


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("0", 1.0),
        ("-30", 1.0),
        ("1000000000000000", LONGEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("soon", None),
        ("120.5", 120.5),
    ],
)
def test_a_stated_wait_is_bounded(status: int, stated: str, expected: float | None) -> None:
    busy = Answer(status, b"{}", {"Retry-After": stated})
    with scripted(busy) as server, market(server) as client, pytest.raises(PlatformBusy) as caught:
        client.push_batch(ITEMS)
    assert caught.value.retry_after_s == expected


@pytest.mark.parametrize("token", ["t\r\nX-Evil: 1", "t t", "", "绿", "x" * 9_000, None, 7])
def test_a_token_that_no_header_can_carry_is_refused_and_shown_nowhere(token: Any) -> None:
    body = json.dumps({"access_token": token, "expires_in": 3600}).encode()
    with (
        scripted(reply=lambda _: Answer(200, body)) as server,
        green(server) as client,
        pytest.raises(PlatformUnavailable) as caught,
    ):
        client.coordinators()
    assert {request.target for request in server.received} == {"/oauth/token"}
    error: BaseException | None = caught.value
    while error is not None:
        assert "X-Evil" not in f"{error!r}{error}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": NaN}',
        b'{"title": "x", "errors": [{"field": "a", "message": "' + "回执".encode("gbk") + b'"}]}',
        b"[" * 100_000,
        b'{"status": 1e99999999999999999999}',
        b"\xff\xfe",
        b'{"errors": [7]}',
    ],
)
@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_problem_that_cannot_be_read_is_one_all_the_same(status: int, body: bytes) -> None:
    with scripted(Answer(status, body)) as server, market(server) as client, pytest.raises(ProblemResponse) as caught:
        client.withdraw({"idempotency_key": "withdrawal:1"})
    assert (caught.value.status, caught.value.problem.errors) == (status, [])


def test_a_clock_of_the_platform_that_cannot_be_read_does_not_hide_the_refusal() -> None:
    refused = Answer(401, b"{}", {"Date": "Mon, 30 Nov 99999999999999999999 08:00:00 GMT"})
    with scripted(refused) as server, market(server) as client, pytest.raises(CredentialsRefused):
        client.institutions()


def test_a_list_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.platforms.green_platform._MOST_PAGES", 5)
    monkeypatch.setattr("include.platforms.credit_market._MOST_PAGES", 5)
    asked = iter(range(1_000_000))

    def reply(request: Received) -> Answer:
        if request.target == "/oauth/token":
            return Answer(200, b'{"access_token": "t", "expires_in": 3600}')
        number = next(asked)
        page = {"items": [{"need_id": str(number)}], "next_cursor": f"c{number}", "total": 9, "has_more": True}
        return Answer(200, json.dumps(page).encode())

    with scripted(reply=reply) as server, green(server) as client, market(server) as other:
        with pytest.raises(PlatformUnavailable, match="5 页"):
            list(client.need_listing(quarter="2026Q3"))
        with pytest.raises(PlatformUnavailable, match="5 页"):
            list(client.green_factories(date(2026, 9, 30)))
        with pytest.raises(PlatformUnavailable, match="5 页"):
            list(other.ledger("2026Q3"))
        with pytest.raises(PlatformUnavailable, match="5 页"):
            for _ in range(10):
                other.feedback("c")
        assert next(asked) <= 24

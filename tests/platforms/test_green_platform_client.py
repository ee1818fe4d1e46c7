"""The green platform's client: tokens, listings that come whole, items as they were sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from include.base.errors import CredentialsRefused, PlatformUnavailable
from include.base.settings import GreenPlatform
from include.platforms.green_platform import CursorExpired, GreenPlatformClient
from include.platforms.http import OutcomeUnknown, ProblemResponse
from tests.support.scripted import Answer, Received, ScriptedServer, scripted


def answer(content: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode())


class Platform:
    """Issues numbered tokens; `pages` answers everything else."""

    def __init__(self, pages: Callable[[Received, dict[str, str]], Answer], expires_in: int = 3600) -> None:
        self.pages = pages
        self.expires_in = expires_in
        self.tokens = 0
        self.revoked_up_to = 0

    def __call__(self, request: Received) -> Answer:
        parts = urlsplit(request.target)
        if parts.path == "/oauth/token":
            form = parse_qs(request.body.decode())
            if form["client_secret"] != ["hush"] or form["grant_type"] != ["client_credentials"]:
                return answer({"title": "no", "status": 401}, 401)
            self.tokens += 1
            return answer({"access_token": f"t{self.tokens}", "token_type": "Bearer", "expires_in": self.expires_in})
        token = int(request.headers["Authorization"].removeprefix("Bearer t"))
        if token <= self.revoked_up_to:
            return answer({"title": "revoked", "status": 401}, 401)
        return self.pages(request, {name: values[0] for name, values in parse_qs(parts.query).items()})


def client(server: ScriptedServer, secret: str = "hush") -> GreenPlatformClient:
    settings = GreenPlatform(base_url=server.url, client_id="id", client_secret=secret)
    return GreenPlatformClient(settings, sleep=lambda _: None)


def need(number: int | str, **more: Any) -> dict[str, Any]:
    return {"need_id": number, **more}


def page(numbers: list[int | str], cursor: str | None, total: int = 4) -> Answer:
    items = [need(number) for number in numbers]
    return answer({"items": items, "next_cursor": cursor, "total": total, "unknown": 1})


def listed(server: ScriptedServer) -> list[Any]:
    with client(server) as opened:
        return [need.record["need_id"] for one in opened.need_listing(quarter="2026Q3") for need in one.items]


def test_a_token_is_fetched_when_needed_and_used_until_it_expires() -> None:
    platform = Platform(lambda *_: answer({"items": []}))
    with scripted(reply=platform) as server, client(server) as opened:
        assert platform.tokens == 0
        opened.coordinators()
        opened.coordinators()
        assert platform.tokens == 1
    short = Platform(lambda *_: answer({"items": []}), expires_in=0)
    with scripted(reply=short) as server, client(server) as opened:
        opened.coordinators()
        opened.coordinators()
    assert short.tokens == 2


def test_a_revoked_token_is_replaced_once() -> None:
    platform = Platform(lambda *_: answer({"items": []}))
    with scripted(reply=platform) as server, client(server) as opened:
        opened.coordinators()
        platform.revoked_up_to = 1
        opened.coordinators()
        assert platform.tokens == 2
        platform.revoked_up_to = 99
        with pytest.raises(CredentialsRefused):
            opened.coordinators()
        assert platform.tokens == 3


def test_a_revoked_token_does_not_cost_a_write() -> None:
    platform = Platform(lambda *_: answer({"receipt_no": "R1", "received_at": "2026-10-01T00:00:00+08:00"}, 201))
    platform.revoked_up_to = 1
    with scripted(reply=platform) as server, client(server) as opened:
        receipt = opened.send_return("key-12345", b"{}")
        sent = [request for request in server.received if request.target == "/v1/returns"]
    assert (receipt.receipt_no, receipt.repeated) == ("R1", False)
    assert [request.headers["Idempotency-Key"] for request in sent] == ["key-12345"] * 2


def test_a_repeated_key_gives_the_first_receipt() -> None:
    platform = Platform(lambda *_: answer({"receipt_no": "R1", "received_at": "2026-10-01T00:00:00+08:00"}))
    with scripted(reply=platform) as server, client(server) as opened:
        assert opened.send_progress("key-12345", b"{}").repeated


def test_wrong_credentials_are_said_without_the_secret() -> None:
    with (
        scripted(reply=Platform(lambda *_: answer({}))) as server,
        client(server, "wrong-secret") as opened,
        pytest.raises(CredentialsRefused, match="绿色平台") as caught,
    ):
        opened.manifest("2026Q3")
    assert "wrong-secret" not in str(caught.value)


def test_a_token_that_is_not_issued_is_no_fault_of_what_was_to_be_sent() -> None:
    refused = answer({"error": "invalid_client"}, 400)
    with scripted(refused) as server, client(server) as opened, pytest.raises(CredentialsRefused, match="令牌"):
        opened.send_return("key-12345", b"{}")


def test_a_manifest_keeps_exact_amounts() -> None:
    row = {
        "department_code": "330000",
        "recommended": 2,
        "financing_need": "1234.10",
        "zero_return": False,
        "reported_at": "2026-09-30T20:00:00+08:00",
    }
    with (
        scripted(reply=Platform(lambda *_: answer({"quarter": "2026Q3", "departments": [row]}))) as server,
        client(server) as opened,
    ):
        manifest = opened.manifest("2026Q3")
    assert str(manifest.departments[0].financing_need) == "1234.10"
    assert manifest.departments[0].reported_at.utcoffset() is not None


def test_items_are_the_bytes_that_were_sent() -> None:
    body = '{"items": [ {"b": 1.50,  "a": "绿色"} , null, 7],"next_cursor":null,"total":3}'.encode()
    with scripted(reply=Platform(lambda *_: Answer(200, body))) as server, client(server) as opened:
        (only,) = opened.need_pages(quarter="2026Q3", major=True)
        assert "major=true" in server.received[-1].target
    assert [item.raw for item in only.items] == ['{"b": 1.50,  "a": "绿色"}'.encode()]
    assert [(one.raw, one.problem) for one in only.set_aside] == [(b"null", "不是一个对象"), (b"7", "不是一个对象")]
    assert (only.total, only.cursor) == (3, None)


@pytest.mark.parametrize("text", [b'"\\ud800"', b"NaN", b'"\xff"'], ids=["half a surrogate pair", "NaN", "no UTF-8"])
def test_one_odd_item_does_not_cost_the_page(text: bytes) -> None:
    body = b'{"items": [{"need_id": "FN1"}, {"odd": ' + text + b'}], "next_cursor": null, "total": 2}'
    with scripted(reply=Platform(lambda *_: Answer(200, body))) as server, client(server) as opened:
        (only,) = opened.need_listing(quarter="2026Q3")
    assert [item.raw for item in only.items] == [b'{"need_id": "FN1"}']
    assert [one.raw for one in only.set_aside] == [b'{"odd": ' + text + b"}"]


def test_a_listing_goes_on_by_cursor_and_drops_a_repeated_page() -> None:
    answers = iter([page([1, 2], "c1"), page([1, 2], "c1"), page([], "c2"), page([3], "c3"), page([4], None)])
    with scripted(reply=Platform(lambda *_: next(answers))) as server:
        assert listed(server) == [1, 2, 3, 4]


def test_an_expired_cursor_starts_the_listing_again_without_doubling() -> None:
    gone = answer({"title": "expired", "status": 410}, 410)
    answers = iter([page([1, 2], "c1"), gone, page([1, 2, "new"], "d1"), page([3, 3], "d2"), page([4], None)])
    with scripted(reply=Platform(lambda *_: next(answers))) as server:
        assert listed(server) == [1, 2, "new", 3, 3, 4]
    with scripted(reply=Platform(lambda _, query: gone if "cursor" in query else page([1], "c"))) as server:
        with client(server) as opened, pytest.raises(CursorExpired):
            list(opened.need_pages())
        with pytest.raises(PlatformUnavailable, match="游标"):
            listed(server)


def test_a_platform_that_goes_in_circles_is_left() -> None:
    with (
        scripted(reply=Platform(lambda *_: page([1], "same"))) as server,
        pytest.raises(PlatformUnavailable, match="同一页"),
    ):
        listed(server)


def test_the_register_comes_page_by_page_and_once() -> None:
    rows = [{"uscc": str(number)} for number in range(4)]
    pages = {None: (rows[:2], "c1"), "c1": (rows[2:], None)}
    repeat = iter([True])

    def answer_page(_: Received, query: dict[str, str]) -> Answer:
        assert query["as_of"] == "2026-09-30"
        items, cursor = pages[query.get("cursor")]
        if cursor is None and next(repeat, False):
            cursor = "c1"
        return answer({"items": items, "next_cursor": cursor})

    with scripted(reply=Platform(answer_page)) as server, client(server) as opened:
        assert [row for one in opened.green_factories(date(2026, 9, 30)) for row in one] == rows


def test_a_refused_return_names_the_fields() -> None:
    problem = {"title": "bad", "status": 422, "errors": [{"field": "respond_by", "message": "格式"}]}
    with (
        scripted(reply=Platform(lambda *_: answer(problem, 422))) as server,
        client(server) as opened,
        pytest.raises(ProblemResponse) as caught,
    ):
        opened.send_return("key-12345", b"{}")
    assert caught.value.problem.errors[0].field == "respond_by"


def test_a_receipt_that_is_cut_short_leaves_the_return_unknown() -> None:
    cut = Answer(201, b'{"receipt_no": "R1", "received_at": "2026-10-01T00:00:00+08:00"}', fault="cut")
    with scripted(reply=Platform(lambda *_: cut)) as server, client(server) as opened, pytest.raises(OutcomeUnknown):
        opened.send_return("key-12345", b"{}")

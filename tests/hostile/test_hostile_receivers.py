"""What a receiver answers to what is sent to it: one bad answer costs its own item, never the others, the run or the channel."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.settings import ConnectionFields, Settings
from include.delivery.stage import DeliverySummary, deliver
from include.domain.retry import FIRST_CEILING, LONGEST_REQUESTED_WAIT
from include.reference import policy
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import channel_state
from tests.support.outbox import KEY, NOW, Clock, attempts, deliveries, need_id, queue_pushes
from tests.support.scripted import Answer, Received, scripted

PUSHES = 12
BAD = 3
"""The number of the need whose answer is bad."""

Reply = Callable[[Received], Answer]


def _settings(url: str) -> Settings:
    market = ConnectionFields(host=url, login="GFF", password="secret", extra={"key_id": "k1"})
    green = ConnectionFields(host=url, login="id", password="secret")
    return Settings(connections={"credit_market": market, "green_platform": green}, fernet_key=KEY)


def _run(engine: sa.Engine, url: str, channel: Any = "market", clock: Clock | None = None) -> DeliverySummary:
    clock = clock or Clock()
    return deliver(engine, channel, settings=_settings(url), policy=policy(), clock=clock)


def _keys(request: Received) -> list[str]:
    return [item["idempotency_key"] for item in json.loads(request.body)["items"]]


def _accepted(key: str) -> dict[str, Any]:
    return {"idempotency_key": key, "outcome": "accepted", "receipt_no": f"R-{key}"}


def _bad_key() -> str:
    return f"push:{need_id(BAD)}:1"


def _spoilt(result: str) -> Reply:
    """Accepts each push but one, whose result is `result` (JSON, KEY stands for its key)."""

    def reply(request: Received) -> Answer:
        if not request.target.startswith("/v1/need-batches"):
            return Answer(404, b"{}")
        results = [
            result.replace("KEY", key) if key == _bad_key() else json.dumps(_accepted(key)) for key in _keys(request)
        ]
        return Answer(body=b'{"results": [' + ",".join(results).encode("utf-8", "surrogatepass") + b"]}")

    return reply


def _of(engine: sa.Engine, number: int) -> Any:
    return next(row for row in deliveries(engine) if row.need_id == need_id(number))


def _breaker(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(sa.select(channel_state.c.breaker)).scalar() or "closed")


@dataclass(frozen=True)
class Row:
    """A result of one item, and what must become of that item alone."""

    result: str
    state: str
    receipt: str | None = None


def _deferred(retry_after: str) -> Row:
    return Row(f'{{"idempotency_key": "KEY", "outcome": "deferred", "retry_after": {retry_after}}}', "pending")


ROWS = {
    "deferred for 10^15 s": _deferred("1000000000000000"),
    "deferred for 10^30 s": _deferred("1000000000000000000000000000000"),
    "deferred for 1e300 s": _deferred("1e300"),
    "deferred into the past": _deferred("-5"),
    "deferred for nothing": _deferred("0"),
    "deferred for 1.5 s": _deferred("1.5"),
    "deferred in words": _deferred('"soon"'),
    "deferred by a date": _deferred('"Fri, 31 Dec 9999 23:59:59 GMT"'),
    "deferred by a list": _deferred("[1]"),
    "a receipt with U+0000": Row(
        '{"idempotency_key": "KEY", "outcome": "accepted", "receipt_no": "R\\u00001"}', "delivered", "R1"
    ),
    "a receipt with a line break": Row(
        '{"idempotency_key": "KEY", "outcome": "accepted", "receipt_no": "R\\n\\u202e1"}', "delivered", "R1"
    ),
    "a receipt without end": Row(
        f'{{"idempotency_key": "KEY", "outcome": "accepted", "receipt_no": "{"9" * 30_000}"}}', "delivered"
    ),
    "a receipt that is a number": Row(
        '{"idempotency_key": "KEY", "outcome": "duplicate", "receipt_no": 17}', "delivered", "17"
    ),
    "no receipt": Row('{"idempotency_key": "KEY", "outcome": "accepted", "receipt_no": null}', "delivered"),
    "a word that nobody knows": Row('{"idempotency_key": "KEY", "outcome": "maybe"}', "unknown"),
    "a word with U+0000": Row('{"idempotency_key": "KEY", "outcome": "acc\\u0000epted"}', "any"),
    "half a character": Row('{"idempotency_key": "KEY", "outcome": "\\ud800"}', "unknown"),
    "no word at all": Row('{"idempotency_key": "KEY"}', "unknown"),
    "a word that is a list": Row('{"idempotency_key": "KEY", "outcome": ["accepted"]}', "unknown"),
    "a result of another item": Row('{"idempotency_key": "another", "outcome": "accepted"}', "unknown"),
    "no object": Row("17", "unknown"),
    "5,000 digits": Row(f'{{"idempotency_key": "KEY", "outcome": "accepted", "more": {"9" * 5_000}}}', "unknown"),
    "nesting of 1,000": Row(
        f'{{"idempotency_key": "KEY", "outcome": "accepted", "more": {"[" * 1000}{"]" * 1000}}}', "unknown"
    ),
    "a raw tab": Row('{"idempotency_key": "KEY", "outcome": "accep\tted"}', "unknown"),
    "bytes that are no UTF-8": Row('{"idempotency_key": "KEY", "outcome": "\ud800"}', "unknown"),
    "a rejection with odd words": Row(
        '{"idempotency_key": "KEY", "outcome": "rejected", "errors": '
        f'[{{"field": "f\\u0000", "message": "\\u202e\\u0007{"坏" * 5000}"}}]}}',
        "held",
    ),
    "a rejection without words": Row(
        '{"idempotency_key": "KEY", "outcome": "rejected", "errors": [null, 5, {"field": 7}]}', "held"
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_one_bad_result_costs_its_own_item_alone(database: sa.Engine, row: Row) -> None:
    queue_pushes(database, range(PUSHES))
    with scripted(reply=_spoilt(row.result)) as server:
        summary = _run(database, server.url)
    others = [one for one in deliveries(database) if one.need_id != need_id(BAD)]
    assert Counter(one.state for one in others) == {"delivered": PUSHES - 1}
    assert all(one.receipt_no == f"R-{one.idempotency_key}" for one in others)
    assert _breaker(database) == "closed"
    assert summary.unreachable is None
    bad = _of(database, BAD)
    first = next(one for one in attempts(database) if one.delivery_id == bad.delivery_id)
    if row.state == "unknown":
        # It was looked up in the same run, not found, and waits to be sent again.
        assert first.error_class == "lost_answer"
        assert bad.state in ("unknown", "pending")
    elif row.state != "any":
        assert bad.state == row.state
    if row.receipt is not None:
        assert bad.receipt_no == row.receipt
    assert len(bad.receipt_no or "") <= 128
    assert len(first.detail or "") <= 300 and (first.detail or "").isprintable()
    if first.outcome == "deferred":
        assert bad.next_attempt_at <= NOW + LONGEST_REQUESTED_WAIT


@pytest.mark.parametrize("stated", ["0", "-7", "1e-9", "0.0"])
def test_a_wait_of_nothing_is_at_least_the_first_backoff(database: sa.Engine, stated: str) -> None:
    queue_pushes(database, [BAD])
    tries: list[datetime] = []
    clock = Clock()

    def reply(request: Received) -> Answer:
        tries.append(clock.now())
        return _spoilt(_deferred(stated).result)(request)

    with scripted(reply=reply) as server:
        _run(database, server.url, clock=clock)
    assert 1 < len(tries) < 40
    assert all(later - earlier >= FIRST_CEILING for earlier, later in itertools.pairwise(tries))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "stated",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "1000000000000000", "9" * 300, "-1", "soon"],
)
def test_a_stated_wait_is_bounded_and_the_channel_goes_on_after_it(
    database: sa.Engine, status: int, stated: str
) -> None:
    queue_pushes(database, range(PUSHES))
    busy = [Answer(status, b"", {"Retry-After": stated})]

    def reply(request: Received) -> Answer:
        return busy.pop() if busy else Answer(body=json.dumps({"results": [*map(_accepted, _keys(request))]}).encode())

    with scripted(reply=reply) as server:
        assert _run(database, server.url).unreachable is None
        rows = deliveries(database)
        assert all(row.next_attempt_at <= NOW + LONGEST_REQUESTED_WAIT for row in rows)
        later = Clock(NOW + LONGEST_REQUESTED_WAIT)
        _run(database, server.url, clock=later)
    assert {row.state for row in deliveries(database)} == {"delivered"}


@pytest.mark.parametrize("stated", ["Fri, 31 Dec 9999 23:59:59 GMT", "1000000000000000"])
def test_a_wait_without_end_is_kept_by_what_was_refused_and_not_by_the_channel(
    database: sa.Engine, stated: str
) -> None:
    queue_pushes(database, range(150))
    busy = [Answer(503, b"", {"Retry-After": stated})]

    def reply(request: Received) -> Answer:
        return busy.pop() if busy else Answer(body=json.dumps({"results": [*map(_accepted, _keys(request))]}).encode())

    with scripted(reply=reply) as server:
        summary = _run(database, server.url)
        assert (summary.delivered, summary.waiting, summary.unreachable) == (50, 100, None)
        assert _run(database, server.url, clock=Clock(NOW + LONGEST_REQUESTED_WAIT)).delivered == 100


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b"{}"),
        Answer(504, b"<html>"),
        Answer(200, b"nonsense"),
        Answer(200, b'{"need_id": null}'),
        Answer(200, b"[" * 2000),
    ],
    ids=["500", "504", "no JSON", "no entry", "nesting"],
)
def test_a_look_up_that_always_fails_keeps_nobody_waiting(database: sa.Engine, answer: Answer) -> None:
    queue_pushes(database, range(59))
    with database.begin() as connection:
        connection.execute(
            sa.text("update delivery set state = 'unknown', outcome = 'lost_answer' where need_id = :need"),
            {"need": need_id(BAD)},
        )

    def reply(request: Received) -> Answer:
        if request.method == "GET":
            return answer
        return Answer(body=json.dumps({"results": [*map(_accepted, _keys(request))]}).encode())

    with scripted(reply=reply) as server:
        summary = _run(database, server.url)
        assert (summary.delivered, summary.unknown) == (58, 1)
        assert summary.unreachable is None
        assert _breaker(database) == "closed"
        # Nor does it hold back what comes later, however often it fails.
        clock = Clock(NOW + timedelta(hours=2))
        for number in range(100, 110):
            queue_pushes(database, [number])
            assert _run(database, server.url, clock=clock).delivered == 1
            clock.sleep(7200)
    assert _of(database, BAD).state in ("unknown", "held")


def test_a_platform_that_fails_at_everything_is_left_alone(database: sa.Engine) -> None:
    queue_pushes(database, range(20))
    with database.begin() as connection:
        connection.execute(sa.text("update delivery set state = 'unknown', outcome = 'lost_answer'"))
    with scripted(reply=lambda _: Answer(500, b"{}")) as server:
        _run(database, server.url)
        assert _breaker(database) == "open"
        asked = len(server.received)
        _run(database, server.url)
        assert len(server.received) == asked


def test_a_receipt_of_the_green_platform_is_kept_as_text(database: sa.Engine) -> None:
    with database.begin() as connection:
        new = [
            NewDelivery(
                channel="green_platform",
                action="return",
                idempotency_key=f"return:{number}",
                need_id=need_id(number),
                revision=1,
                quarter="2026Q3",
                department_code="330000",
                body={"need_id": need_id(number), "revision": 1, "reasons": []},
            )
            for number in range(2)
        ]
        enqueue(connection, new, NOW)

    def reply(request: Received) -> Answer:
        if "token" in request.target:
            return Answer(body=b'{"access_token": "t", "token_type": "Bearer", "expires_in": 600}')
        return Answer(201, b'{"receipt_no": "R\\u00001", "received_at": "2026-10-09T09:00:00+08:00"}')

    with scripted(reply=reply) as server:
        assert _run(database, server.url, "green_platform").delivered == 2
    assert {row.receipt_no for row in deliveries(database)} == {"R1"}

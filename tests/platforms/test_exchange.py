"""An answer is bound to its request, and bounded in time and bytes."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from include.base.errors import PlatformUnavailable
from include.platforms.exchange import Answer as Whole
from include.platforms.http import MOST_READS, OutcomeUnknown, PlatformSession
from include.platforms.reader import read_value
from tests.support.scripted import Answer, NoCredentials, ScriptedServer, scripted

GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"answer": 42}'
STALE = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"answer": 1}'
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


@contextmanager
def opened(server: ScriptedServer, **options: Any) -> Iterator[PlatformSession]:
    with PlatformSession("测试平台", server.url, ca=None, sleep=lambda _: None, **options) as session:
        yield session


def read(session: PlatformSession) -> Any:
    return session.read("/x", read_value, None)


def write(session: PlatformSession) -> Any:
    return session.write("/x", b"{}", read_value, NoCredentials())


@pytest.mark.parametrize(
    "before",
    [HINTS, HINTS * 3, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS],
    ids=["103", "three of 103", "100", "102 and 103"],
)
@pytest.mark.parametrize("ask", [read, write])
def test_an_informational_answer_is_passed_over(ask: Any, before: bytes) -> None:
    with scripted(Answer(raw=before + GOOD), Answer(raw=STALE)) as server, opened(server) as session:
        assert ask(session) == {"answer": 42}
        assert ask(session) == {"answer": 1}


@pytest.mark.parametrize(
    "instead",
    [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + STALE, HINTS * 100 + STALE],
    ids=["101", "without an end"],
)
def test_one_that_is_no_answer_ends_the_connection(instead: bytes) -> None:
    bad = Answer(raw=instead)
    with scripted(bad, Answer(raw=GOOD)) as server, opened(server) as session:
        with pytest.raises(OutcomeUnknown):
            write(session)
        assert read(session) == {"answer": 42}
    with scripted(bad, Answer(raw=GOOD)) as server, opened(server) as session:
        assert read(session) == {"answer": 42}


def test_an_answer_that_nobody_asked_for_is_not_that_of_the_next_request() -> None:
    with scripted(Answer(raw=GOOD + STALE), Answer(raw=GOOD)) as server, opened(server) as session:
        assert read(session) == {"answer": 42}
        assert read(session) == {"answer": 42}
        assert len(server.received) == 2


def test_after_an_answer_that_is_not_understood_the_connection_is_dropped() -> None:
    connections = set()

    def understood(answer: Whole) -> Any:
        if answer.body != b'{"answer": 42}':
            raise ValueError
        return read_value(answer)

    def reply(request: Any) -> Answer:
        connections.add(request.peer)
        return Answer(raw=STALE if len(connections) < 2 else GOOD)

    with scripted(reply=reply) as server, opened(server) as session:
        assert session.read("/x", understood, None) == {"answer": 42}
        assert len(connections) == 2


DRIPS = {
    "status line": b"H",
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 50,
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 99_000,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 9000,
    "informational answers": HINTS,
}


@pytest.mark.parametrize("raw", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_for_ever_ends_at_the_deadline(raw: bytes) -> None:
    with scripted(reply=lambda _: Answer(raw=raw, drip_s=0.001)) as server:
        with opened(server, longest_exchange_s=0.25) as session, pytest.raises(OutcomeUnknown, match=r"超时|中断"):
            write(session)
        with opened(server, longest_exchange_s=0.05) as session, pytest.raises(PlatformUnavailable):
            read(session)
        assert len(server.received) < 1 + MOST_READS


def test_the_deadline_is_of_each_exchange_not_of_all() -> None:
    moments = iter(range(0, 100_000, 50))
    with (
        scripted(*[Answer(raw=GOOD)] * 3) as server,
        opened(server, longest_exchange_s=1000, clock=lambda: next(moments)) as session,
    ):
        assert [read(session) for _ in range(3)] == [{"answer": 42}] * 3


def packed(size: int) -> bytes:
    """White space that unpacks to `size` bytes, as gzip."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(b" " * 2**20) for _ in range(size // 2**20)]
    return b"".join([*pieces, packer.flush()])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_answer_that_unpacks_to_too_much_is_given_up_on(encoding: str) -> None:
    bomb = packed(575 * 2**20) if encoding == "gzip" else zlib.compress(b" " * (70 * 2**20))
    assert len(bomb) < 700_000
    answer = Answer(200, bomb, {"Content-Encoding": encoding})
    with scripted(reply=lambda _: answer) as server, opened(server) as session:
        tracemalloc.start()
        with pytest.raises(OutcomeUnknown, match="64 MB"):
            write(session)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100 * 2**20


@pytest.mark.parametrize("size", [2**20 - 14, 2**20 - 13], ids=["just within", "one byte too many"])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_the_limit_counts_what_is_unpacked(size: int, coding: str) -> None:
    body = b'{"answer": 42}' + b" " * size
    answer = Answer(200, gzip.compress(body) if coding else body, {"Content-Encoding": coding} if coding else {})
    with scripted(answer) as server, opened(server, max_answer_mb=1) as session:
        if size == 2**20 - 14:
            assert len(session.read("/x", lambda one: one.body, None)) == 2**20
        else:
            with pytest.raises(OutcomeUnknown, match="1 MB"):
                session.write("/x", b"", lambda one: one.body, NoCredentials())


def test_compressed_answers_are_read_in_all_their_forms() -> None:
    body = b'{"answer": 42}'
    answers = [
        Answer(200, gzip.compress(body), {"Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(body), {"Content-Encoding": "X-GZIP"}),
        Answer(200, gzip.compress(body[:5]) + gzip.compress(body[5:]), {"Content-Encoding": "gzip"}),
        Answer(200, zlib.compress(body), {"Content-Encoding": "deflate"}),
        Answer(200, body, {"Content-Encoding": "identity"}),
    ]
    with scripted(*answers) as server, opened(server) as session:
        assert [read(session) for _ in answers] == [{"answer": 42}] * len(answers)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"{}", {"Content-Encoding": "br"}),
        Answer(200, b"{}", {"Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(b"{}")[:-6], {"Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(b"{}") + b"more", {"Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(gzip.compress(b"{}")), {"Content-Encoding": "gzip, gzip"}),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        Answer(raw=b"\x00\x01\x02 nonsense\r\n\r\n"),
        Answer(raw=b"HTTP/1.1 2000000 OK\r\n\r\n"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_no_answer(answer: Answer) -> None:
    with scripted(answer) as server, opened(server) as session, pytest.raises(OutcomeUnknown):
        write(session)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 12 * 2**20,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: 1\r\n" * 2 * 2**20,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 12 * 2**20,
    ],
    ids=["a chunk's size", "trailers", "a chunk's extension"],
)
def test_what_frames_a_body_is_bounded_too(raw: bytes) -> None:
    with (
        scripted(Answer(raw=raw)) as server,
        opened(server, max_answer_mb=1) as session,
        pytest.raises(OutcomeUnknown, match="不完整"),
    ):
        write(session)


def test_a_compressed_answer_may_come_in_chunks() -> None:
    body = gzip.compress(b'{"answer": 42}')
    chunks = b"".join(b"1;x=y\r\n%b\r\n" % body[at : at + 1] for at in range(len(body)))
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    with scripted(Answer(raw=raw), Answer(raw=GOOD)) as server, opened(server) as session:
        assert [read(session), read(session)] == [{"answer": 42}] * 2


def test_cookies_are_not_kept() -> None:
    setting = Answer(200, b"{}", {"Set-Cookie": "session=" + "x" * 3000})
    with scripted(setting, setting) as server, opened(server) as session:
        read(session)
        read(session)
    assert "Cookie" not in server.received[1].headers

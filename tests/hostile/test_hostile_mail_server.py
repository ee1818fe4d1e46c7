"""What a mail server says is kept as text of bounded length, and one odd reply costs its own mail alone."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from include.base.settings import ConnectionFields, Settings
from include.delivery.mail_message import mail_message
from include.delivery.stage import deliver
from include.reference import policy
from tests.support.mails import queue_mails
from tests.support.outbox import KEY, NOW, Clock, attempts, deliveries

Reply = Callable[[bytes], bytes]


@contextmanager
def _server(reply: Reply, greeting: bytes = b"220 here\r\n") -> Iterator[Settings]:
    """A mail server that answers each recipient by `reply`, and takes all else."""

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(greeting)
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                self.wfile.write(reply(line) if verb == b"RCPT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

        def handle_error(self, request: object, client_address: object) -> None:
            """The client hung up."""

    with Server(("127.0.0.1", 0), Conversation) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "a@green-finance.example", "timeout": 5}
        fields = ConnectionFields(host="127.0.0.1", port=server.server_address[1], extra=extra)
        yield Settings(connections={"smtp_default": fields}, fernet_key=KEY)
        server.shutdown()


def _run(engine: sa.Engine, settings: Settings, hours: float = 0) -> None:
    clock = Clock(NOW + timedelta(hours=hours))
    deliver(engine, "mail", settings=settings, policy=policy(), clock=clock)


ODD_REPLIES = {
    "GBK": (b"550 " + "收件人不存在".encode("gbk") + b"\r\n", "held"),
    "U+0000 and escapes": (b"550 no\x00\x1b[31m\x07 such\xff user\r\n", "held"),
    "bidi": ("550 \u202eresu hcus on\r\n".encode(), "held"),
    "a long line": (b"550 " + b"x" * 8_000 + b"\r\n", "held"),
    "many lines": (b"".join(b"451-%d\r\n" % number for number in range(90)) + b"451 later\r\n", "pending"),
    "no code": (b"what?\r\n", "pending"),
    "a code beyond all": (b"999 what?\r\n", "held"),
    "a number and address": (b"550 13800138000 wang@factory.example unknown\r\n", "held"),
    "a line without an end": (b"550 " + b"x" * 20_000, "pending"),
    "a reply without an end": (b"".join(b"250-%d\r\n" % number for number in range(5_000)), "pending"),
}


@pytest.mark.parametrize(("said", "state"), ODD_REPLIES.values(), ids=list(ODD_REPLIES))
def test_an_odd_reply_costs_its_own_mail_alone(database: sa.Engine, said: bytes, state: str) -> None:
    queue_mails(database, range(5))
    with _server(lambda line: said if b"c2@" in line else b"250 ok\r\n") as settings:
        _run(database, settings)
    rows = {row.idempotency_key: row for row in deliveries(database)}
    assert rows.pop("digest:2").state == state
    assert {row.state for row in rows.values()} == {"delivered"}
    for one in attempts(database):
        detail = one.detail or ""
        assert len(detail) <= 320 and detail.isprintable()
        assert "13800138000" not in detail and "wang@" not in detail


def test_a_greeting_without_an_end_is_a_server_that_is_away(database: sa.Engine) -> None:
    queue_mails(database, range(2))
    with _server(lambda _: b"250 ok\r\n", b"220-hello\r\n" * 10_000) as settings:
        _run(database, settings)
    assert {row.state for row in deliveries(database)} == {"pending"}
    with _server(lambda _: b"250 ok\r\n") as settings:
        _run(database, settings, hours=3)
    assert {row.state for row in deliveries(database)} == {"delivered"}


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": "a\r\nBcc: evil@example.test"},
        {"subject": "a\x00b"},
        {"subject": "a\u2028b"},
        {"to": ["a@b.example\r\nBcc: evil@example.test"]},
        {"to": ["a@b.example", "x\n"]},
        {"list_id": "digest>\r\nX-Evil: 1"},
        {"subject": "\ud800"},
        {"to": "a@b.example\r\n"},
        {"to": [5]},
    ],
    ids=str,
)
def test_nothing_in_a_mail_starts_a_header_of_its_own(changed: dict[str, object]) -> None:
    body = {"to": ["a@b.example"], "subject": "s", "text": "t", "list_id": "digest.x", "references": []} | changed
    with pytest.raises((ValueError, KeyError, TypeError)):
        mail_message("key", json.dumps(body), sender="a@green-finance.example", at=NOW)


@pytest.mark.parametrize("sender", ["a@b.example\r\nBcc: evil@example.test", "a\x00@b.example", ""])
def test_nothing_in_a_sender_starts_a_header_of_its_own(sender: str) -> None:
    body = {"to": ["a@b.example"], "subject": "s", "text": "t"}
    with pytest.raises(ValueError, match="one line"):
        mail_message("key", json.dumps(body), sender=sender, at=NOW)


def test_a_mail_that_cannot_be_written_is_held_and_the_others_leave(database: sa.Engine) -> None:
    queue_mails(database, range(1), subject="a\nBcc: evil@example.test")
    queue_mails(database, range(1, 5))
    with _server(lambda _: b"250 ok\r\n") as settings:
        _run(database, settings)
    states = [row.state for row in deliveries(database)]
    assert states == ["held", "delivered", "delivered", "delivered", "delivered"]

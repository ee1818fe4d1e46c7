"""An SMTP server that keeps what arrives, and mails that wait in the outbox."""

from __future__ import annotations

import asyncio
import email.policy
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from include.base.settings import ConnectionFields, Settings
from include.store.outbox import NewDelivery, enqueue
from tests.support.outbox import KEY, NOW


class Mailbox:
    """Keeps what arrives; `on_recipient` and `on_data` may refuse, break off or block."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.connections = 0
        self.port = 0
        self.on_recipient: Callable[[str], str] = lambda address: "250 OK"
        self.on_data: Callable[[SMTP, EmailMessage], str] = lambda server, message: "250 OK"

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.on_recipient(address)
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        reply = await asyncio.to_thread(self.on_data, server, message)  # type: ignore[arg-type]
        if reply.startswith("250"):
            self.messages.append(message)  # type: ignore[arg-type]
        return reply


def break_off(server: SMTP, _: EmailMessage) -> str:
    """Take the message and close the connection without a word."""
    assert server.transport is not None
    server.loop.call_soon_threadsafe(server.transport.abort)
    return "250 nobody hears this"


def served(box: Mailbox, **options: Any) -> Iterator[Mailbox]:
    """The mailbox behind an SMTP server on a free port, until it is asked for more."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    box.port = port
    yield box
    controller.stop()


def mail_settings(box: Mailbox, **changes: Any) -> Settings:
    """The connection to a mailbox."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "pipeline@green-finance.example"}
    fields = ConnectionFields(host="127.0.0.1", port=box.port, extra=extra)
    return Settings(connections={"smtp_default": replace(fields, **changes)}, fernet_key=KEY)


def queue_mails(engine: sa.Engine, numbers: range, **changes: Any) -> None:
    """A digest for each number; `changes` replace properties of the body."""
    new = [
        NewDelivery(
            channel="mail",
            action="mail",
            idempotency_key=f"digest:{number}",
            body={
                "to": [f"c{number}@coordinators.example"],
                "subject": "【绿厂融通】今日待协调事项",
                "text": "您好：\n" + "对接停滞。" * 300,
                "html": "<p>您好</p>",
                "list_id": "digest.green-factory-financing",
                "references": ["digest:first", "digest:second"],
            }
            | changes,
        )
        for number in numbers
    ]
    with engine.begin() as connection:
        enqueue(connection, new, NOW)

"""The mailbox: accepts every mail over SMTP, stores it as an .eml file, and shows it on a page for people (Chinese)."""

from __future__ import annotations

import asyncio
import email
import email.policy
import hashlib
import itertools
from asyncio import WriteTransport
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiosmtpd.smtp import SMTP as SMTPProtocol
from aiosmtpd.smtp import Envelope, Session
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from include.base.business_time import SHANGHAI

PER_PAGE = 50

MAIL_FAULTS = ("421", "451", "550", "drop_after_data")
"""421: closes before the data; 451: not now; 550: no such recipient; drop_after_data: takes the mail and does not answer."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)
_CONTENT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'self'"


@dataclass(frozen=True, slots=True)
class Mail:
    """A received mail; `number` counts from 1 in the order of arrival."""

    number: int
    received_at: datetime
    recipients: tuple[str, ...]
    message: EmailMessage
    path: Path

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.message.get("Subject", "")) or "（无主题）"

    @property
    def sent_at(self) -> datetime:
        """The mail's own date (the simulated one), else its arrival."""
        try:
            return self.message["Date"].datetime.astimezone(SHANGHAI)  # type: ignore[no-any-return]
        except (AttributeError, KeyError, TypeError, ValueError):
            return self.received_at

    @property
    def text(self) -> str:
        """The plain-text body, empty if there is none."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML body, empty if there is none."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())

    @property
    def attachments(self) -> list[str]:
        """The names of its attachments."""
        return [part.get_filename() or "未命名附件" for part in self.message.iter_attachments()]

    def attachment(self, position: int) -> tuple[str, bytes] | None:
        """Name and content of an attachment, counted from 0; None if there is no such one."""
        part = next(itertools.islice(self.message.iter_attachments(), position, None), None)
        if part is None:
            return None
        content = part.get_payload(decode=True)
        return part.get_filename() or "未命名附件", content if isinstance(content, bytes) else b""

    def summary(self) -> dict[str, Any]:
        """For tests and for the control plane."""
        return {
            "number": self.number,
            "message_id": str(self.message.get("Message-ID", "")),
            "to": list(self.recipients),
            "from": str(self.message.get("From", "")),
            "subject": self.subject,
            "date": str(self.message.get("Date", "")),
            "text": self.text,
            "html": self.html,
            "attachments": self.attachments,
            "path": str(self.path),
        }


class Mailbox:
    """All mails of this run, in memory and as files `00001-<hash>.eml` in `folder`; files of earlier runs are read back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.mails: list[Mail] = []
        self.faults: list[str] = []
        for path in sorted(folder.glob("*.eml")):
            modified = datetime.fromtimestamp(path.stat().st_mtime, SHANGHAI)
            self._add(path, path.read_bytes(), (), modified)
        self._numbers = itertools.count(max((int(m.path.name[:5]) for m in self.mails), default=0) + 1)

    def store(self, content: bytes, recipients: tuple[str, ...]) -> Mail:
        """Keep a mail; `recipients` are those of the envelope."""
        name = f"{next(self._numbers):05d}-{hashlib.sha256(content).hexdigest()[:8]}.eml"
        path = self._folder / name
        path.write_bytes(content)
        return self._add(path, content, recipients, datetime.now(SHANGHAI))

    def _add(self, path: Path, content: bytes, recipients: tuple[str, ...], received_at: datetime) -> Mail:
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        if not recipients:
            recipients = tuple(address.strip() for address in str(message.get("To", "")).split(","))
        mail = Mail(len(self.mails) + 1, received_at, recipients, message, path)
        self.mails.append(mail)
        return mail

    def find(self, recipient: str = "", text: str = "") -> list[Mail]:
        """The mails to a recipient (part of the address) that contain a text, newest first."""
        recipient, text = recipient.strip().lower(), text.strip().lower()
        return [
            mail
            for mail in reversed(self.mails)
            if (not recipient or any(recipient in address.lower() for address in mail.recipients))
            and (not text or text in mail.subject.lower() or text in mail.text.lower())
        ]

    def recipients(self) -> list[tuple[str, int]]:
        """Every recipient with the number of their mails, most mails first."""
        counts: dict[str, int] = {}
        for mail in self.mails:
            for address in mail.recipients:
                counts[address] = counts.get(address, 0) + 1
        return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))

    def plant(self, kind: str, count: int = 1) -> None:
        """Let the next mails meet a fault; ValueError for an unknown kind."""
        if kind not in MAIL_FAULTS:
            raise ValueError(f"no such fault: {kind}; known are {', '.join(MAIL_FAULTS)}")
        self.faults += [kind] * count

    # aiosmtpd calls these by their names.
    async def handle_RCPT(
        self, server: SMTPProtocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or play the next fault."""
        if self.faults[:1] == ["550"]:
            self.faults.pop(0)
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTPProtocol, session: Session, envelope: Envelope) -> str:
        """Accept a mail, or play the next fault."""
        fault = self.faults.pop(0) if self.faults and self.faults[0] != "550" else None
        if fault == "451":
            return "451 4.3.0 try again later"
        if fault == "421":
            asyncio.get_running_loop().call_soon(_transport(server).close)  # After the reply has been written.
            return "421 4.3.2 going away"
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        self.store(content, tuple(envelope.rcpt_tos))
        if fault == "drop_after_data":
            _transport(server).abort()
        return "250 OK"


def _transport(server: SMTPProtocol) -> WriteTransport:
    assert isinstance(server.transport, WriteTransport)
    return server.transport


def mailbox_app(mailbox: Mailbox) -> FastAPI:
    """The mailbox's pages."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def missing(_: Request, error: Exception) -> Response:
        return _page("missing.html", status=error.status_code if isinstance(error, HTTPException) else 500)

    app.add_exception_handler(HTTPException, missing)

    def found(number: int) -> Mail:
        if not 1 <= number <= len(mailbox.mails):
            raise HTTPException(404)
        return mailbox.mails[number - 1]

    @app.get("/")
    async def mails(request: Request) -> Response:
        to, text = request.query_params.get("to", ""), request.query_params.get("text", "")
        asked = request.query_params.get("page", "1")
        matching = mailbox.find(to, text)
        pages = max(1, -(-len(matching) // PER_PAGE))
        page = min(max(1, int(asked) if asked.isdecimal() and len(asked) < 8 else 1), pages)
        return _page(
            "mails.html",
            mails=matching[(page - 1) * PER_PAGE : page * PER_PAGE],
            count=len(matching),
            all_count=len(mailbox.mails),
            recipients=mailbox.recipients()[:200],
            to=to,
            text=text,
            page=page,
            pages=pages,
        )

    @app.get("/mails/{number:int}")
    async def one(number: int) -> Response:
        return _page("mail.html", mail=found(number), last=len(mailbox.mails))

    @app.get("/mails/{number:int}/html")
    async def html(number: int) -> Response:
        return HTMLResponse(found(number).html, headers=_headers(f"sandbox; {_CONTENT}"))

    @app.get("/mails/{number:int}/attachments/{position:int}")
    async def attachment(number: int, position: int) -> Response:
        attached = found(number).attachment(position)
        if attached is None:
            raise HTTPException(404)
        name, content = attached
        # Always a download, whatever the mail says it is.
        disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"
        headers = {**_headers(_CONTENT), "Content-Disposition": disposition}
        return Response(content, media_type="application/octet-stream", headers=headers)

    @app.get("/mails/{number:int}/raw")
    async def raw(number: int) -> Response:
        mail = found(number)
        return Response(
            mail.path.read_bytes(),
            media_type="message/rfc822",
            headers={"Content-Disposition": f'attachment; filename="{mail.path.name}"'},
        )

    return app


def _page(template: str, *, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status, headers=_headers(_CONTENT))


def _headers(policy: str) -> dict[str, str]:
    """No content of a mail may run or load anything."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }

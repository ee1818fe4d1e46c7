"""A mail of the outbox as the bytes that SMTP carries (RFC 5322, MIME).

The standard library's EmailMessage writes the headers, since it refuses whatever would break out of one. The parts are put together
here: its generator goes through a base64 body line by line, which takes four times as long as all the rest of a mail's dispatch.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

MESSAGE_ID_DOMAIN = "green-factory-financing"
_POLICY = SMTP.clone(cte_type="7bit")
_LINE = 76


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail ready to be handed over; `content` is plain ASCII with CRLF line ends, no line longer than SMTP allows."""

    recipients: tuple[str, ...]
    content: bytes


def message_id(idempotency_key: str) -> str:
    """The Message-ID of the mail with this key: the same whenever and by whomever it is sent."""
    return f"<{_key_hash(idempotency_key)}@{MESSAGE_ID_DOMAIN}>"


def mail_message(idempotency_key: str, body: str, *, sender: str, at: datetime) -> MailMessage:
    """The mail that a delivery's `body` (JSON, see store/outbox.py) describes.

    Raises ValueError, KeyError or TypeError if it makes no mail, such as a subject of two lines.
    """
    told: dict[str, Any] = json.loads(body)
    headers = EmailMessage(policy=_POLICY)
    headers["From"] = sender
    headers["To"] = ", ".join(told["to"])
    headers["Subject"] = told["subject"]
    headers["Date"] = format_datetime(at)
    headers["Message-ID"] = message_id(idempotency_key)
    headers["Auto-Submitted"] = "auto-generated"
    if told.get("list_id"):
        headers["List-Id"] = f"<{told['list_id']}>"
    if told.get("references"):
        earlier = [message_id(key) for key in told["references"]]
        headers["In-Reply-To"] = earlier[-1]
        headers["References"] = " ".join(earlier)
    headers["MIME-Version"] = "1.0"
    parts = [_part("plain", told["text"])]
    if told.get("html"):
        parts.append(_part("html", told["html"]))
    content = headers.as_bytes().rstrip(b"\r\n") + b"\r\n" + _together(parts, _key_hash(idempotency_key))
    return MailMessage(tuple(told["to"]), content)


def _part(subtype: str, text: str) -> bytes:
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    encoded = base64.b64encode(text.encode())
    lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
    return head.encode() + b"\r\n".join([*lines, b""])


def _together(parts: list[bytes], name: str) -> bytes:
    """One part as it is; several as alternatives, the richest last. No line of base64 can be taken for the boundary."""
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{name}".encode()
    opened = b"".join(b"--" + boundary + b"\r\n" + part for part in parts)
    return (
        b'Content-Type: multipart/alternative; boundary="'
        + boundary
        + b'"\r\n\r\n'
        + opened
        + b"--"
        + boundary
        + b"--\r\n"
    )


def _key_hash(idempotency_key: str) -> str:
    return hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]

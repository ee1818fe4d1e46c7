"""A mail of the outbox as the bytes that SMTP carries (RFC 5322, MIME).

Built here: the standard library parses each header again and encodes a base64 body line by line, which takes more time
than the rest of sending a mail. A header is one line of ASCII, the subject an encoded word; anything else is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import encode_rfc2231, format_datetime, formataddr, parseaddr
from typing import Any

MESSAGE_ID_DOMAIN = "green-factory-financing"
MOST_ATTACHED = 5_000_000
"""Bytes of all files of a mail; departments' mail servers refuse mails from 10 MB on."""

_LINE = 76
_MEDIA_TYPE = re.compile(r"[a-z0-9]+/[a-z0-9.+-]{1,100}")
_ENDS_A_LINE = frozenset({"Cc", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail ready to be handed over; `content` is plain ASCII with CRLF line ends, no line longer than SMTP allows."""

    recipients: tuple[str, ...]
    content: bytes


def message_id(idempotency_key: str) -> str:
    """The Message-ID of the mail with this key: always the same, whenever and by whomever it is sent."""
    return f"<{_key_hash(idempotency_key)}@{MESSAGE_ID_DOMAIN}>"


def mail_message(idempotency_key: str, body: str, *, sender: str, at: datetime) -> MailMessage:
    """The mail in a delivery's `body` (JSON, see store/outbox.py).

    Raises ValueError, KeyError or TypeError if it is no valid mail, for example with a subject of two lines, or with
    attachments of more than MOST_ATTACHED bytes.
    """
    told: dict[str, Any] = json.loads(body)
    headers = {
        "From": formataddr(parseaddr(_one_line(sender))),
        "To": ",\r\n ".join(map(_one_line, told["to"])),
        "Subject": Header(_one_line(told["subject"]), "utf-8", header_name="Subject").encode(linesep="\r\n"),
        "Date": format_datetime(at),
        "Message-ID": message_id(idempotency_key),
        "Auto-Submitted": "auto-generated",
    }
    if told.get("list_id"):
        headers["List-Id"] = f"<{_one_line(told['list_id'])}>"
    if told.get("references"):
        earlier = [message_id(key) for key in told["references"]]
        headers |= {"In-Reply-To": earlier[-1], "References": "\r\n ".join(earlier)}
    name = _key_hash(idempotency_key)
    parts = [_part("plain", told["text"])]
    if told.get("html"):
        parts.append(_part("html", told["html"]))
    content = _together("alternative", parts, name)
    files = _attachments(told.get("attachments", ()))
    if files:
        content = _together("mixed", [content, *files], f"{name}-files")
    return MailMessage(tuple(told["to"]), _headed(headers) + content)


def _part(subtype: str, text: str) -> bytes:
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head.encode() + _folded(base64.b64encode(text.encode()))


def _attachments(attached: Sequence[Mapping[str, str]]) -> list[bytes]:
    files = [base64.b64decode(one["base64"], validate=True) for one in attached]
    if sum(map(len, files)) > MOST_ATTACHED:
        raise ValueError("attachments too large for a mail")
    return [_attachment(one, content) for one, content in zip(attached, files, strict=True)]


def _attachment(told: Mapping[str, str], content: bytes) -> bytes:
    """A file as a part of its own; its name may be Chinese (RFC 2231), and is never a path."""
    filename, media_type = _one_line(told["filename"]), told["content_type"]
    if not _MEDIA_TYPE.fullmatch(media_type) or re.search(r"[/\\]", filename):
        raise ValueError("not the name or type of a file")
    head = (
        f"Content-Type: {media_type}\r\n"
        f"Content-Disposition: attachment;\r\n filename*={encode_rfc2231(filename, 'utf-8')}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode("ascii") + _folded(base64.b64encode(content))


def _folded(encoded: bytes) -> bytes:
    lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
    return b"\r\n".join([*lines, b""])


def _together(kind: str, parts: Sequence[bytes], name: str) -> bytes:
    """A single part as it is, several as one (alternatives: the richest last). No line of base64 can be taken for the boundary."""
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{name}".encode()
    opened = b"".join(b"--" + boundary + b"\r\n" + part for part in parts)
    head = f"Content-Type: multipart/{kind};\r\n boundary=".encode()
    return head + b'"' + boundary + b'"\r\n\r\n' + opened + b"--" + boundary + b"--\r\n"


def _headed(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii") + b"MIME-Version: 1.0\r\n"


def _one_line(text: str) -> str:
    """`text` unchanged. Raises ValueError if it could end a header or begin another one."""
    if not text or any(unicodedata.category(character) in _ENDS_A_LINE for character in text):
        raise ValueError("not one line of text")
    return text


def _key_hash(idempotency_key: str) -> str:
    return hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]

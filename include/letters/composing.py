"""What the system's mails (邮件) say: text and HTML from templates, without personal data.

A mail is a JSON object in the outbox: {to, subject, text, html, list_id, references}, and `attachments` if it has files.
The delivery engine makes a message of it, with a Message-ID from the idempotency key; `references` are the idempotency
keys of earlier mails of the same thread.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.base.addresses import is_address
from include.words.amounts import amount
from include.words.moments import day_label
from include.words.names import post_label
from include.words.shown import one_line

PREFIX = "【绿厂融通】"
LIST_DOMAIN = "green-factory-financing"
SUBJECT_LIMIT = 70
"""Characters; mail clients cut longer subjects."""

_TEMPLATES = Path(__file__).parent / "templates"


# --- What mails show --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A department's filings of a quarter so far, as printed."""

    recommended: int
    total: str
    reported_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedNeed:
    """A need that was sent back and has not come again; `company` is empty and `respond_by` None if we did not send it back."""

    need_id: str
    company: str
    respond_by: date | None
    overdue: bool
    link: str


# --- Figures and links -----------------------------------------------------------------------------------------------


def padded(text: str, columns: int) -> str:
    """`text` padded with spaces to so many columns, for tables in plain text: a Chinese character takes two columns."""
    return text + " " * (columns - columns_of(text))


def columns_of(text: str) -> int:
    """The columns that `text` takes in plain text."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def widest(texts: Iterable[str], least: int, most: int) -> int:
    """The columns that hold the longest of `texts`, between `least` and `most`: a single long name moves only its own line."""
    return min(most, max(least, *map(columns_of, texts), least))


def need_link(console_url: str, need_id: str) -> str:
    """The page of a need in the console; empty if mails carry no links."""
    return console_link(console_url, f"needs/{need_id}")


def console_link(console_url: str, page: str) -> str:
    """A page of the console; empty if mails carry no links."""
    return f"{console_url}/{page}" if console_url else ""


# --- Composing -------------------------------------------------------------------------------------------------------


def compose(
    template: str,
    *,
    to: Sequence[str],
    subject: str,
    list_id: str,
    today: date,
    references: Sequence[str] = (),
    **context: Any,
) -> dict[str, Any]:
    """The body of a mail delivery, rendered from `<template>.txt` and `<template>.html`.

    Raises ValueError if a recipient is not a plain address.
    """
    if not to or not all(map(is_address, to)):
        raise ValueError("a recipient is not a plain e-mail address")
    headline = one_line(subject)
    shown = {"headline": headline, "today": today, **context}
    return {
        "to": list(to),
        "subject": (PREFIX + headline)[:SUBJECT_LIMIT],
        "text": _environment().get_template(f"{template}.txt").render(shown),
        "html": _environment().get_template(f"{template}.html").render(shown),
        "list_id": f"{list_id}.{LIST_DOMAIN}",
        "references": list(references),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["day"] = day_label
    environment.filters["amount"] = amount
    environment.filters["padded"] = padded
    environment.filters["columns"] = widest
    environment.filters["post"] = lambda post: post_label(post.authority, post.level, post.region_code)
    return environment

"""What every list of the console shares: its filters live in the address, and it can be taken along as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode

from fastapi import Response

from green_finance.console.access import Access
from green_finance.console.pages import business_now, engine
from include import audit
from include.base.act import Act
from include.domain.audited import Action
from include.words.spreadsheet import CSV, XLSX, Column, csv_file, xlsx

Row = TypeVar("Row")

MOST_EXPORTED = 20_000
"""Rows of one file: made while the reader waits, in about a second."""


def query(values: Mapping[str, object], **changed: object) -> str:
    """The query part of an address with these filters, empty ones left out; "" if none is left."""
    kept = {name: _text(value) for name, value in {**values, **changed}.items()}
    return urlencode({name: value for name, value in kept.items() if value})


def _text(value: object) -> str:
    return "" if value in (None, False) else "true" if value is True else str(value)


def export(
    access: Access, title: str, form: str, columns: Sequence[Column[Row]], rows: Sequence[Row], asked: str
) -> Response:
    """The rows as a file for download, `form` csv or xlsx; who took which list along is audited."""
    now = business_now()
    body = csv_file(columns, rows) if form == "csv" else xlsx(title, columns, rows, at=now)
    details = {"filter": asked, "rows": len(rows), "form": form}
    return download(
        access,
        body,
        name=f"{title}_{now:%Y%m%d}.{form}",
        media_type=CSV if form == "csv" else XLSX,
        noted=(title, details),
    )


def download(
    access: Access, body: bytes, *, name: str, media_type: str, noted: tuple[str, Mapping[str, object]]
) -> Response:
    """A file to keep; `noted`: what is audited about it, the object and details."""
    with engine().begin() as connection:
        act = Act(actor_id=access.actor, name=access.name, role=sorted(access.roles)[0], reason="", at=business_now())
        audit.note_use(connection, Action.EXPORT_LIST, act=act, object_=noted[0], details=dict(noted[1]))
    return Response(
        body,
        media_type=media_type,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )

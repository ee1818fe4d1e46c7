"""What every list of the console shares: its filters live in the address, and it can be taken along as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Query, Response

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A page of a list whose order stays: its number, the last one, and the filters as the addresses need them.

    `before`, `following`: the query of the neighbours; None where there is none.
    """

    page: int
    last: int
    asked: str
    before: str | None
    following: str | None


def numbered(values: Mapping[str, object], page: int, total: int, size: int) -> Numbered:
    """Where page `page` of `total` rows stands, `size` a page."""
    last = max(1, -(-total // size))
    return Numbered(
        page=page,
        last=last,
        asked=query(values),
        before=query(values, page=page - 1 if page > 2 else "") if page > 1 else None,
        following=query(values, page=page + 1) if page < last else None,
    )


PageNumber = Annotated[int, Query(ge=1, le=10_000)]


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

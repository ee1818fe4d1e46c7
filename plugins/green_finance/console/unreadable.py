"""Pieces from the platforms that could not be used (未能读取): what, from whom, since when, how often, and its bytes for
operators."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from green_finance.connections import settings
from green_finance.console.access import OPERATORS, CurrentOperator, MayOperate
from green_finance.console.pages import engine, show
from green_finance.console.parameters import AnyCode, Id
from include import audit
from include.base.errors import NotFound
from include.base.privacy import PersonalDataCipher
from include.store import set_aside
from include.store.cipher import open_cipher
from include.store.database import acting_as, open_database
from include.store.grants import DatabaseRole
from include.words.shown import public
from include.words.sources import KINDS, source_label

router = APIRouter(prefix="/unreadable")

PAGE_SIZE = 50
_MOST_PAGES = 10_000


@router.get("", response_class=HTMLResponse)
def unreadable(
    request: Request,
    operator: MayOperate,
    kind: AnyCode = "",
    page: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1,
) -> HTMLResponse:
    """The pieces that are still unreadable, the last met first; `kind`: of one kind of listing."""
    kind = kind if kind in KINDS else ""
    with engine().connect() as connection:
        counts = set_aside.open_counts(connection)
        pieces = set_aside.open_pieces(connection, kind=kind, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
    total = counts.get(kind, 0) if kind else sum(counts.values())
    return show(
        request,
        "unreadable.html",
        pieces=pieces,
        counts=counts,
        kinds=KINDS,
        kind=kind,
        total=total,
        page=page,
        pages_total=max(1, -(-total // PAGE_SIZE)),
        label=source_label,
        public=public,
        may_operate=operator,
    )


@router.get("/{set_aside_id}/raw", tags=[*OPERATORS])
def raw(set_aside_id: Id, operator: CurrentOperator) -> Response:
    """The bytes of a piece as received, to be saved and never shown; the download is audited, because they may hold
    anything."""
    with engine().begin() as connection:
        found = None
        if set_aside.may_be_seen(connection, set_aside_id):
            with acting_as(connection, DatabaseRole.PIPELINE):
                found = set_aside.raw_piece(connection, _cipher(), set_aside_id)
        if found is None:
            raise NotFound("没有这一条，或其原文已按期清除。", "请回到“未能读取”页面，重新选择。")
        audit.record(
            connection,
            act=operator.act("下载未能读取的原文"),
            action="view_personal_data",
            object_=f"set_aside/{set_aside_id}",
        )
    name = f'attachment; filename="unreadable-{set_aside_id}.bin"'
    return Response(found, media_type="application/octet-stream", headers={"Content-Disposition": name})


@cache
def _cipher() -> PersonalDataCipher:
    """The console itself may read neither ciphertexts nor their secret: only this act does, as the pipeline."""
    as_pipeline = open_database(settings(), DatabaseRole.PIPELINE)
    try:
        return open_cipher(as_pipeline, settings())
    finally:
        as_pipeline.dispose()

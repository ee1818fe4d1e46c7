"""The published circular (信息通报): its page, and its editions as files."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import HTMLResponse

from green_finance.console.access import DECIDERS, Access, Admitted
from green_finance.console.lists import download
from green_finance.console.pages import CurrentDay, document, engine, standalone
from green_finance.console.parameters import Quarter
from include.base.errors import NotPermitted
from include.circular.editions.forms import FORMS, file_name
from include.circular.editions.model import EditionKind
from include.circular.editions.published import published_edition
from include.domain.roles import Role
from include.reference.day import Day
from include.store.reports import page_in_force

router = APIRouter(prefix="/circular")

AnyForm = Literal["pdf", "docx", "xlsx", "html", "csv", "json"]
_BODY = "<body>"


@router.get("/{quarter}", response_class=HTMLResponse)
def circular(access: Admitted, quarter: Quarter) -> HTMLResponse:
    """The circular in force of a quarter as published, below a line with its files, which is not printed."""
    with engine().connect() as connection:
        html = page_in_force(connection, "circular", quarter)
    if html is None:
        raise HTTPException(404, f"{quarter} 的通报尚未发布。")
    line = standalone("circular_files.html", quarter=quarter, forms=FORMS, internal=_sees_all(access))
    return document(html.replace(_BODY, _BODY + bytes(line.body).decode(), 1))


@router.get("/{quarter}/{form}")
def public_file(access: Admitted, day: CurrentDay, quarter: Quarter, form: AnyForm) -> Response:
    """The public edition as a file."""
    return _file(access, day, quarter, "public", form)


@router.get("/{quarter}/internal/{form}", tags=[*DECIDERS])
def internal_file(access: Admitted, day: CurrentDay, quarter: Quarter, form: AnyForm) -> Response:
    """The internal edition as a file. It shows every department, so none to whom only some are open may have it."""
    if not _sees_all(access):
        raise NotPermitted("内部版含全部地区的数据，当前账号只能查看部分地区。", "请下载公开版，或联系系统管理员。")
    return _file(access, day, quarter, "internal", form)


def _file(access: Access, day: Day, quarter: str, kind: EditionKind, form: AnyForm) -> Response:
    with engine().connect() as connection:
        content = published_edition(connection, quarter, kind, day.policy)
    chosen = FORMS[form]
    return download(
        access,
        chosen.make(content),
        name=file_name(content, form),
        media_type=chosen.media_type,
        noted=("信息通报", {"quarter": quarter, "edition": kind, "form": form}),
    )


def _sees_all(access: Access) -> bool:
    return access.departments is None and bool({Role.OPERATOR, Role.APPROVER} & access.roles)

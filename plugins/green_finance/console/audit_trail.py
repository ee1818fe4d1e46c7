"""The audit trail (审计): for auditors alone, and their only page."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator, Field

from green_finance.connections import settings
from green_finance.console import lists
from green_finance.console.access import AUDITORS, Access, Admitted
from green_finance.console.pages import business_now, show, whole_engine
from green_finance.console.parameters import AnyCode, OptionalId, Words
from include import audit
from include.audit import view
from include.audit.view import Searched
from include.base.act import Act
from include.domain.audited import Action
from include.domain.roles import Role
from include.words.acts import ACTS
from include.words.shown import public
from include.words.spreadsheet import Column

router = APIRouter(prefix="/audit", tags=[*AUDITORS])

AnyDay = Annotated[
    Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))] | None,
    BeforeValidator(lambda given: given or None),
]


def searched(
    actor: Words = "",
    action: AnyCode = "",
    object: Words = "",
    q: Words = "",
    since: AnyDay = None,
    until: AnyDay = None,
) -> Searched:
    """The search in the address."""
    acts_of = {part: [code for code, name in ACTS.items() if part in name] for part in q.split()}
    return Searched(actor=actor, action=action, object_=object, words=q, acts_of=acts_of, since=since, until=until)


Wanted = Annotated[Searched, Depends(searched)]


@router.get("", response_class=HTMLResponse)
def trail(
    request: Request, access: Admitted, wanted: Wanted, before: OptionalId = None, verify: bool = False
) -> HTMLResponse:
    """Entries, newest first; with `verify` also whether the whole chain is unbroken, compared with the heads handed out.

    That somebody had it walked, and the outcome, is an entry itself.
    """
    verdict = _verified(access) if verify else None
    with whole_engine().connect() as connection:
        found = view.entries(connection, wanted, before=before)
        known = view.actions(connection)
        head = audit.head(connection)
        last = view.last_verification(connection)
    values = _in_address(wanted)
    return show(
        request,
        "audit.html",
        entries=found,
        public=public,
        chosen=values,
        asked=lists.query(values),
        following=lists.query(values, before=found[-1].entry_id) if len(found) == view.PAGE else "",
        actions=known,
        acts=ACTS,
        head=head,
        verdict=verdict,
        last=last,
        outcome=json.loads(last.details) if last else {},
    )


@router.get("/export/{form}")
def export_trail(access: Admitted, wanted: Wanted, form: Literal["csv", "xlsx"]) -> Response:
    """The entries that match as a file, the newest first."""
    with whole_engine().connect() as connection:
        found = view.entries(connection, wanted, most=lists.MOST_EXPORTED)
    return lists.export(access, "审计", form, _COLUMNS, found, lists.query(_in_address(wanted)))


def _verified(access: Access) -> dict[str, Any]:
    folder = settings().reports_dir
    kept = audit.handed_out(folder) if folder else audit.HandedOut((), ())
    act = Act(actor_id=access.actor, name=access.name, role=Role.AUDITOR.value, reason="", at=business_now())
    with whole_engine().begin() as connection:
        broken, count = audit.verify(connection, kept.heads), audit.head(connection).count
        details = {"entries": count, "broken": broken.entry_id if broken else None}
        audit.note_use(connection, Action.VERIFY_AUDIT, act=act, object_="audit", details=details)
    return {"broken": broken, "kept": kept, "count": count}


def _in_address(wanted: Searched) -> dict[str, object]:
    return {
        "actor": wanted.actor,
        "action": wanted.action,
        "object": wanted.object_,
        "q": wanted.words,
        "since": wanted.since,
        "until": wanted.until,
    }


_COLUMNS: tuple[Column[Any], ...] = (
    Column("编号", 8, lambda row: row.entry_id),
    Column("时间", 17, lambda row: row.at),
    Column("人员编号", 24, lambda row: row.actor),
    Column("角色", 12, lambda row: row.role),
    Column("动作", 24, lambda row: ACTS.get(row.action, row.action)),
    Column("对象", 36, lambda row: public(row.object)),
    Column("理由", 60, lambda row: public(row.reason, 1000)),
)

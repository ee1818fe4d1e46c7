"""The audit trail (审计): for auditors alone, and their only page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.connections import settings
from green_finance.console.access import AUDITORS
from green_finance.console.pages import show, whole_engine
from green_finance.console.parameters import AnyCode, OptionalId, Words
from include import audit
from include.audit import view
from include.words.acts import ACTS
from include.words.shown import public

router = APIRouter(prefix="/audit", tags=[*AUDITORS])


@router.get("", response_class=HTMLResponse)
def trail(
    request: Request,
    actor: Words = "",
    action: AnyCode = "",
    object: Words = "",
    before: OptionalId = None,
    verify: bool = False,
) -> HTMLResponse:
    """Entries, newest first; with `verify` also whether the whole chain is unbroken, compared with the heads handed out."""
    with whole_engine().connect() as connection:
        found = view.entries(connection, actor=actor, action=action, object_=object, before=before)
        known = view.actions(connection)
        head = audit.head(connection)
        verdict = None
        if verify:
            folder = settings().reports_dir
            kept = audit.handed_out(folder) if folder else audit.HandedOut((), ())
            verdict = {"broken": audit.verify(connection, kept.heads), "kept": kept}
    return show(
        request,
        "audit.html",
        entries=found,
        public=public,
        page=view.PAGE,
        chosen={"actor": actor, "action": action, "object": object},
        actions=known,
        acts=ACTS,
        head=head,
        verdict=verdict,
    )

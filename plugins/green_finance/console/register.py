"""The register of green factories (绿色工厂名单): snapshots that shrank too much (T05) wait here for acceptance."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import Admitted, NationWideOperator
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import Id, Reason
from include import intake
from include.register.history import versions

router = APIRouter(prefix="/register")


@router.get("", response_class=HTMLResponse)
def register(request: Request, access: Admitted, day: CurrentDay) -> HTMLResponse:
    """The register in force and its last changes; the waiting snapshots, compared with the one in use."""
    with engine().connect() as connection:
        held = intake.held_snapshots(connection)
        used = versions(connection, day.today)
    return show(
        request,
        "register.html",
        held=held,
        versions=used,
        may_operate=access.may_operate and access.departments is None,
    )


@router.post("/{snapshot_id}")
def accept(snapshot_id: Id, operator: NationWideOperator, reason: Reason = "") -> RedirectResponse:
    """Take a snapshot into use."""
    with engine().begin() as connection:
        as_of = intake.accept_snapshot(connection, snapshot_id, act=operator.act(reason))
    return done("../register", f"{as_of} 的名单已启用。")

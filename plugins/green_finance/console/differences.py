"""Differences that reconciliation found (对账差异): what, of which need, since when, and what to do."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints

from green_finance.console.pages import CurrentDay, engine, show
from green_finance.console.parameters import AnyCode, AnyQuarter
from green_finance.console.reading import ReadsAs
from include.base.business_time import SHANGHAI
from include.domain.states import Difference
from include.reconciliation.view import choices, differences
from include.store.last_runs import last_runs
from include.words.shown import shown
from include.words.states import word

router = APIRouter(prefix="/differences")

AT_MOST = 200

State = Annotated[str, StringConstraints(pattern="^(open|closed)$")]


@router.get("", response_class=HTMLResponse)
def page(
    request: Request,
    role: ReadsAs,
    day: CurrentDay,
    state: State = "open",
    quarter: AnyQuarter = "",
    kind: AnyCode = "",
) -> HTMLResponse:
    """The open differences, the oldest first; `state` closed: those that no longer hold."""
    with engine().connect() as connection:
        found, total = differences(connection, state=state, quarter=quarter, kind=kind, at_most=AT_MOST)
        known = choices(connection)
        compared_at = last_runs(connection).get("reconcile.compare")
    return show(
        request,
        "differences.html",
        differences=found,
        total=total,
        known=known,
        state=state,
        quarter=quarter,
        kind=kind,
        compared_at=compared_at,
        name=lambda code: word(Difference, code),
        shown=partial(shown, role=role),
        age=lambda at: day.calendar.working_days_after(at.astimezone(SHANGHAI).date(), day.today),
    )

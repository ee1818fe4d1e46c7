"""Differences that reconciliation found (对账差异): what, of which need, since when, and what to do."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints

from green_finance.console import lists
from green_finance.console.access import Admitted
from green_finance.console.pages import CurrentDay, engine, show
from green_finance.console.parameters import AnyCode, AnyQuarter
from green_finance.console.reading import ReadsAs
from include.base.business_time import SHANGHAI
from include.domain.states import Difference
from include.reconciliation.view import choices, differences
from include.store.last_runs import last_runs
from include.words.shown import Reader, shown
from include.words.spreadsheet import Column
from include.words.states import word

router = APIRouter(prefix="/differences")

AT_MOST = 100

State = Annotated[str, StringConstraints(pattern="^(open|closed)$")]


@router.get("", response_class=HTMLResponse)
def listed(
    request: Request,
    role: ReadsAs,
    day: CurrentDay,
    state: State = "open",
    quarter: AnyQuarter = "",
    kind: AnyCode = "",
    page: lists.PageNumber = 1,
) -> HTMLResponse:
    """The open differences, the oldest first; `state` closed: those that no longer hold."""
    with engine().connect() as connection:
        found, total = differences(
            connection, state=state, quarter=quarter, kind=kind, at_most=AT_MOST, after=(page - 1) * AT_MOST
        )
        known = choices(connection)
        compared_at = last_runs(connection).get("reconcile.compare")
    return show(
        request,
        "differences.html",
        differences=found,
        total=total,
        place=lists.numbered(_in_address(state, quarter, kind), page, total, AT_MOST),
        known=known,
        state=state,
        quarter=quarter,
        kind=kind,
        compared_at=compared_at,
        name=lambda code: word(Difference, code),
        shown=partial(shown, role=role),
        age=lambda at: day.calendar.working_days_after(at.astimezone(SHANGHAI).date(), day.today),
    )


@router.get("/export/{form}")
def export_differences(
    access: Admitted,
    role: ReadsAs,
    form: Literal["csv", "xlsx"],
    state: State = "open",
    quarter: AnyQuarter = "",
    kind: AnyCode = "",
) -> Response:
    """The differences that match as a file."""
    with engine().connect() as connection:
        found, _ = differences(connection, state=state, quarter=quarter, kind=kind, at_most=lists.MOST_EXPORTED)
    asked = lists.query(_in_address(state, quarter, kind))
    return lists.export(access, "对账差异", form, _columns(role), found, asked)


def _in_address(state: str, quarter: str, kind: str) -> dict[str, object]:
    return {"state": state if state != "open" else "", "quarter": quarter, "kind": kind}


def _columns(role: Reader) -> tuple[Column[Any], ...]:
    return (
        Column("类别", 24, lambda row: word(Difference, row.kind)),
        Column("需求编号", 17, lambda row: shown("need_id", row.need_id, row.uscc, role)),
        Column("版次", 6, lambda row: row.revision),
        Column("季度", 9, lambda row: row.quarter),
        Column("发现", 17, lambda row: row.found_at),
        Column("消除", 17, lambda row: row.closed_at),
        Column("说明", 50, lambda row: shown("explanation", row.explanation, row.uscc, role)),
        Column("办法", 50, lambda row: shown("explanation", row.suggestion, row.uscc, role)),
    )

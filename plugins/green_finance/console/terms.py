"""What runs out or is not certain yet: support tools (支持工具) with their last day, and provisional days (工作日历)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.console.pages import CurrentDay, engine, show
from include.domain.quarter import Quarter
from include.letters.operator_matters import TOOLS_ENDING_DAYS
from include.reference.support_tools import ending_within, support_tools
from include.store.provisional_limits import provisional_limits
from include.words.definitions import CIRCULAR, CONSOLE
from include.words.names import OWNERS, reason

router = APIRouter()

_DAYS_SHOWN = 100
_QUARTERS_SHOWN = 5


@router.get("/support-tools", response_class=HTMLResponse)
def tools(request: Request, day: CurrentDay) -> HTMLResponse:
    """The tools in force on the business day, those that end soon first; those that are to come or have run out below."""
    in_force = [one for one in support_tools() if one.in_force(day.today)]
    ending = ending_within(day.today, TOOLS_ENDING_DAYS)
    return show(
        request,
        "support_tools.html",
        in_force=[*ending, *(one for one in in_force if one not in ending)],
        ending=ending,
        others=[one for one in support_tools() if one not in in_force],
        today=day.today,
        ending_days=TOOLS_ENDING_DAYS,
        owner=lambda code: OWNERS.get(code, code),
        reason=reason,
    )


@router.get("/calendar", response_class=HTMLResponse)
def calendar(request: Request, day: CurrentDay) -> HTMLResponse:
    """Until when the calendar is published, the cut-offs to come, and the limits that run past it."""
    quarter, cut_offs = Quarter.of(day.today), []
    for _ in range(_QUARTERS_SHOWN):
        cut_offs.append((str(quarter), day.calendar.last_working_day(quarter)))
        quarter = quarter.next()
    with engine().connect() as connection:
        limits = provisional_limits(connection, _DAYS_SHOWN)
    return show(
        request,
        "calendar.html",
        published_until=day.calendar.published_until,
        today=day.today,
        cut_offs=cut_offs,
        limits=limits,
        total=sum(row.limits for row in limits),
    )


@router.get("/definitions", response_class=HTMLResponse)
def definitions(request: Request) -> HTMLResponse:
    """What the figures of the circular and of the console count."""
    return show(request, "definitions.html", circular=CIRCULAR, console=CONSOLE)

"""Is it healthy now (运行状态): a page for people, and the same as JSON for a monitor."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from green_finance.console.pages import CurrentDay, engine, show
from include.domain.states import Condition
from include.need_view.health import health, worst
from include.words.states import words

router = APIRouter()


@router.get("/status", response_class=HTMLResponse)
def status(request: Request, day: CurrentDay) -> HTMLResponse:
    """Each task with when it last did its work, and each channel."""
    with engine().connect() as connection:
        checks = health(connection, day)
    return show(request, "status.html", checks=checks, conditions=words(Condition), worst=worst(checks))


@router.get("/health")
def as_json(day: CurrentDay) -> JSONResponse:
    """200 while everything runs in its rhythm, 503 if anything is late or in trouble; with each check."""
    with engine().connect() as connection:
        checks = health(connection, day)
    found = worst(checks)
    return JSONResponse(
        {
            "status": found,
            "at": day.now.isoformat(),
            "checks": [
                {
                    "name": check.name,
                    "status": check.condition,
                    "last": check.last.isoformat() if check.last else None,
                    "note": check.note,
                }
                for check in checks
            ],
        },
        status_code=503 if found in (Condition.LATE, Condition.TROUBLED) else 200,
    )

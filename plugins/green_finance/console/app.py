"""The operator console: one FastAPI app of small routers. Every route asks for Airflow's user; every act for an operator."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from green_finance.console import (
    alerts,
    deadlines,
    deliveries,
    escalations,
    holds,
    needs,
    overview,
    register,
    reruns,
    stops,
    tickets,
    validation_pages,
)
from green_finance.console.access import NotPermitted
from green_finance.console.pages import show
from include.errors import ConfigurationError, UserFacingError

console = FastAPI(title="绿厂融通", docs_url=None, redoc_url=None, openapi_url=None)
for part in (
    overview,
    needs,
    holds,
    stops,
    alerts,
    escalations,
    tickets,
    deadlines,
    register,
    deliveries,
    reruns,
    validation_pages,
):
    console.include_router(part.router)

_STATUS = {NotPermitted: 403, ConfigurationError: 503}


@console.exception_handler(UserFacingError)
def problem(request: Request, error: UserFacingError) -> HTMLResponse:
    """What a person can do about it, in Chinese; 403: not permitted, 503: not set up, else 400."""
    return show(request, "problem.html", _STATUS.get(type(error), 400), what=error.what, next_step=error.next_step)

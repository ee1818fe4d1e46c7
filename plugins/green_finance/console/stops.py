"""Departments whose pushes wait (暂停推送的地区, B08). They are decided in Airflow, by `decide_stopped_department`."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.console.pages import engine, show
from green_finance.console.reading import ReadsAs
from include.shown import shown
from include.store.tables import department_stop

router = APIRouter(prefix="/stops")

_STATES = {"open": "待决定", "kept": "维持暂停", "continued": "已继续推送"}


@router.get("", response_class=HTMLResponse)
def stops(request: Request, role: ReadsAs) -> HTMLResponse:
    """All stops, those that still wait first."""
    with engine().connect() as connection:
        found = connection.execute(
            sa.select(department_stop).order_by(
                department_stop.c.state == "continued",
                department_stop.c.quarter.desc(),
                department_stop.c.department_code,
            )
        ).all()
    return show(request, "stops.html", stops=found, states=_STATES, shown=partial(shown, uscc=None, role=role))

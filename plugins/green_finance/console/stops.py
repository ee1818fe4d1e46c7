"""Departments whose pushes wait (暂停推送的地区, B08): an operator continues them, or keeps them waiting, with a reason.

The DAG `decide_stopped_department` asks the same in Airflow. What is decided first stands.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import Department, Quarter, Reason
from green_finance.console.reading import ReadsAs
from include.base.business_time import SHANGHAI
from include.domain.states import StopState
from include.reference import department_short_name
from include.words.shown import shown
from include.words.states import words

router = APIRouter(prefix="/stops")


@router.get("", response_class=HTMLResponse)
def stops(request: Request, access: Admitted, role: ReadsAs, day: CurrentDay) -> HTMLResponse:
    """All stops, waiting ones first: figures now, causes and examples of what was returned, and the two decisions."""
    from include.gate import department_stop
    from include.gate.stop_view import stop_figures

    with engine().connect() as connection:
        found = [
            (one, None if one.state == "continued" else stop_figures(connection, one.quarter, one.department_code))
            for one in department_stop.all_stops(connection)
        ]
    return show(
        request,
        "stops.html",
        stops=found,
        states=words(StopState),
        may_operate=access.may_operate,
        limit=f"{day.policy.decimal('blocked_share'):.0%}",
        age=lambda stop: day.calendar.working_days_after(stop.opened_at.astimezone(SHANGHAI).date(), day.today),
        shown=partial(shown, role=role),
    )


@router.post("/{quarter}/{department_code}")
def decide(
    quarter: Quarter,
    department_code: Department,
    operator: CurrentOperator,
    decision: Annotated[Literal["continued", "kept"], Form()],
    seen: Annotated[Literal["open", "kept"], Form()],
    day: CurrentDay,
    reason: Reason = "",
) -> RedirectResponse:
    """Continue the pushes of a department, or keep them waiting."""
    from include.gate import department_stop

    with engine().begin() as connection:
        queued = department_stop.decide(
            connection,
            department_stop.SeenStop(quarter, department_code, seen),
            decision,
            act=operator.act(reason),
            policy=day.policy,
        )
    name = department_short_name(department_code)
    note = f"{name}已继续推送，{queued} 条进入发件箱。" if decision == "continued" else f"{name}维持暂停。"
    return done("../../stops", note)

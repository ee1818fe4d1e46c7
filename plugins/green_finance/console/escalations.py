"""What stands still (停滞事项): who was told when, what comes next, and taking a breach on."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import CurrentOperator, MayOperate
from green_finance.console.pages import business_now, done, engine, show
from include import escalation
from include.mail import state_label
from include.reference import institutions, policy
from include.reference.calendar import china_calendar

router = APIRouter(prefix="/escalations")

_SHOWN = 200


@router.get("", response_class=HTMLResponse)
def breaches(request: Request, user: GetUserDep, operator: MayOperate) -> HTMLResponse:
    """What is overdue, the longest first."""
    with engine().connect() as connection:
        found = escalation.open_breaches(connection, now=business_now(), calendar=china_calendar(), policy=policy())
    return show(
        request,
        "escalations.html",
        breaches=found[:_SHOWN],
        total=len(found),
        quiet_days=policy().integer("acknowledged_idle_working_days"),
        institutions=institutions(),
        state_label=state_label,
        may_operate=operator,
    )


@router.post("")
def acknowledge(
    operator: CurrentOperator,
    need_id: Annotated[str, Form()],
    rule_id: Annotated[str, Form()],
    breach: Annotated[str, Form()],
    institution_code: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Record that the coordinators took it on; its ladder waits while the case is worked on."""
    with engine().begin() as connection:
        escalation.acknowledge(
            connection,
            (need_id, institution_code, rule_id, breach),
            actor=operator.actor,
            role=operator.role,
            note=note,
            now=business_now(),
            calendar=china_calendar(),
            policy=policy(),
        )
    return done("escalations", "已记录接办，暂不升级。")

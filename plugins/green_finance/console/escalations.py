"""What stands still (停滞事项): who was told when, what comes next, taking a breach on; and the ladder tried out (升级试算)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import OPERATORS, CurrentOperator, MayOperate
from green_finance.console.pages import business_now, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, AnyQuarter, Reason, Words
from include import escalation
from include.domain.quarter import Quarter
from include.errors import InvalidRequest
from include.escalation import what_if
from include.escalation.what_if import words
from include.mail import state_label
from include.reference import institutions, policy
from include.reference.calendar import china_calendar

router = APIRouter(prefix="/escalations")

_SHOWN = 200
_ROWS = 1_000


@router.get("", response_class=HTMLResponse)
def breaches(request: Request, operator: MayOperate, department: AnyDepartment = "", title: Words = "") -> HTMLResponse:
    """What is overdue, the longest first."""
    with engine().connect() as connection:
        everything = escalation.open_breaches(
            connection, now=business_now(), calendar=china_calendar(), policy=policy()
        )
    found = [
        one
        for one in everything
        if department in ("", one.item.need.place.department_code) and title in ("", one.title)
    ]
    return show(
        request,
        "escalations.html",
        breaches=found[:_SHOWN],
        total=len(found),
        of=len(everything),
        chosen={"department": department, "title": title},
        departments=sorted({one.item.need.place.department_code for one in everything}),
        titles=sorted({one.title for one in everything}),
        quiet_days=policy().integer("acknowledged_idle_working_days"),
        institutions=institutions(),
        state_label=state_label,
        may_operate=operator,
    )


@router.post("")
def acknowledge(
    operator: CurrentOperator,
    need_id: Annotated[Words, Form()],
    rule_id: Annotated[AnyCode, Form()],
    breach: Annotated[Words, Form()],
    institution_code: Annotated[AnyCode, Form()] = "",
    note: Reason = "",
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


@router.get("/what-if", response_class=HTMLResponse, tags=[*OPERATORS])
def try_out(request: Request, quarter: AnyQuarter = "", every: bool = False) -> HTMLResponse:
    """Who would have been told when on a past quarter's cases under other figures; nothing is stored or sent."""
    present = what_if.in_force()
    keys = [one.key for group in what_if.groups(present) for one in group.parameters]
    given = {key: value.strip() for key in keys if (value := request.query_params.get(key, "").strip())}
    assumed = what_if.changed(present, given)
    with engine().connect() as connection:
        known = what_if.quarters(connection)
    outcome = None
    if quarter:
        outcome = what_if.what_if(
            engine(), _quarter(quarter), assumed, present=present, now=business_now(), calendar=china_calendar()
        )
    differences = what_if.differences(present, assumed)
    rows = words.by_day(outcome) if outcome else []
    rows = rows if every else what_if.only_changed(rows)
    return show(
        request,
        "what_if.html",
        quarter=quarter,
        quarters=known,
        every=every,
        groups=what_if.groups(assumed),
        in_force={one.key: one.value for group in what_if.groups(present) for one in group.parameters},
        differences=differences,
        changed={one.key for one, _ in differences},
        outcome=outcome,
        rows=rows[:_ROWS],
        total=len(rows),
        words=words,
    )


def _quarter(text: str) -> Quarter:
    try:
        return Quarter.parse(text)
    except ValueError:
        raise InvalidRequest(f"季度“{text}”无法识别。", "请在升级试算页面选择季度。") from None

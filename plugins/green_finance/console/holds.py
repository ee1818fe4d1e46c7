"""Held needs (隔离区): the list, one hold with its history, and the two decisions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import business_day, business_now, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, AnyQuarter, Findings, Id, OptionalId, Reason
from green_finance.console.reading import ReadsAs
from include.base.business_time import SHANGHAI
from include.base.errors import InvalidRequest
from include.domain.states import HoldEvent, HoldState
from include.intake.view import amendments as amendments_of
from include.reference import departments
from include.reference.calendar import china_calendar
from include.store.needs import code_of
from include.words.shown import INSIDERS, Reader, shown
from include.words.states import word, words

if TYPE_CHECKING:
    pass

router = APIRouter(prefix="/holds")

_MOST_AMENDMENTS = 100
_SHOWN = 100
_DUES = (("today", "今日到期和已逾期"), ("late", "已逾期"))


@router.get("", response_class=HTMLResponse)
def held_needs(
    request: Request,
    role: ReadsAs,
    quarter: AnyQuarter = "",
    department: AnyDepartment = "",
    rule: AnyCode = "",
    due: AnyCode = "",
    after: OptionalId = None,
) -> HTMLResponse:
    """The needs that wait for a decision, the most urgent first, by pages; why they wait only for insiders."""
    from include.quarantine.view import Chosen, open_holds, open_list

    today = business_now().astimezone(SHANGHAI).date()
    may_know = role in INSIDERS
    chosen = Chosen(
        quarter=quarter or None,
        department_code=department or None,
        rule_id=(rule or None) if may_know else None,
        decide_by={"late": today - timedelta(days=1), "today": today}.get(due),
    )
    with engine().connect() as connection:
        figures = open_holds(connection, chosen, today=today)
        holds = open_list(connection, chosen, at_most=_SHOWN, after=after)
    return show(
        request,
        "holds.html",
        holds=holds,
        figures=figures,
        follows=len(holds) == _SHOWN,
        after=after,
        remaining=lambda hold: _remaining(hold.decide_by, today),
        days_held=lambda hold: (today - hold.opened_at.astimezone(SHANGHAI).date()).days,
        today=today,
        chosen={"quarter": quarter, "department": department, "rule": rule, "due": due},
        may_know=may_know,
        dues=dict(_DUES),
    )


def _remaining(decide_by: date, today: date) -> str:
    """How far away the day to decide by is, in words; counted in working days."""
    if decide_by == today:
        return "今日到期"
    if decide_by < today:
        return f"逾期 {china_calendar().working_days_after(decide_by, today)} 个工作日"
    return f"还剩 {china_calendar().working_days_after(today, decide_by)} 个工作日"


@router.get("/{quarantine_id}", response_class=HTMLResponse)
def held_need(request: Request, quarantine_id: Id, access: Admitted, role: ReadsAs) -> HTMLResponse:
    """One hold: what the revision changed, and for insiders the findings, who agreed, and the two decisions."""
    from include.quarantine.filed_content import filed_content
    from include.quarantine.view import detail
    from include.reference.form import field_name

    today = business_now().astimezone(SHANGHAI).date()
    with engine().connect() as connection:
        hold, events = detail(connection, quarantine_id)
        filed = filed_content(connection, quarantine_id, role)
        uscc = code_of(connection, hold.need_id)
        changes = amendments_of(connection, hold.need_id, hold.revision, _MOST_AMENDMENTS + 1)
    amendments = [
        {
            "field": field_name(row.field),
            "values": None
            if row.personal
            else [_value(row.field, value, uscc, role) for value in (row.before, row.after)],
        }
        for row in changes[:_MOST_AMENDMENTS]
    ]
    return show(
        request,
        "hold.html",
        hold=hold,
        department=departments()[hold.department_code].name
        if hold.department_code in departments()
        else hold.department_code,
        state=word(HoldState, hold.state),
        events=[replace(event, reason=shown("reason", event.reason, uscc, role)) for event in events],
        may_know=role in INSIDERS,
        event_names=words(HoldEvent),
        field_name=field_name,
        amendments=amendments,
        more_amendments=len(changes) > _MOST_AMENDMENTS,
        filed=filed,
        values={one.path: one.value for fields in filed.values() for one in fields},
        remaining=_remaining(hold.decide_by, today),
        today=today,
        may_operate=access.may_operate,
        user=access.name,
        mine=[one for one in hold.findings if one.missing and not one.approved_already_by(access.actor)],
    )


@router.post("/{quarantine_id}/{decision}")
def decide(
    quarantine_id: Id,
    decision: Literal["release", "confirm"],
    operator: CurrentOperator,
    reason: Reason = "",
    finding: Findings = [],  # noqa: B006
) -> RedirectResponse:
    """Agree to release the chosen findings, or return the need with them."""
    from include.quarantine import stage as held

    decide_on = held.release if decision == "release" else held.confirm
    with engine().begin() as connection:
        decided = decide_on(
            connection, quarantine_id, act=operator.act(reason), day=business_day(), findings=_chosen(finding)
        )
    return done(f"../{quarantine_id}", decided.note)


def _chosen(values: list[str]) -> list[tuple[str, str]]:
    """Findings as the form names them: rule, a blank, the field."""
    if not values:
        raise InvalidRequest("没有选择要处理的问题。", "请返回上一页，至少勾选一个问题后重新提交。")
    return [(rule_id, field) for rule_id, _, field in (value.partition(" ") for value in values)]


def _value(field: str, value: str | None, uscc: str | None, role: Reader) -> str:
    """A value of the form (as JSON text) as this reader may see it."""
    return "（无）" if value is None else shown(field, json.loads(value, parse_float=Decimal), uscc, role) or "（空）"

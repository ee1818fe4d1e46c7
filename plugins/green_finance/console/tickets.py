"""Tickets for obstructions (融资梗阻工单): the list, one ticket with its playbook and letter, and the coordinators' acts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import CurrentOperator, MayOperate
from green_finance.console.pages import CurrentDay, business_now, done, engine, show
from green_finance.console.parameters import Id, Reason
from green_finance.console.reading import ReadsAs
from include import obstructions
from include.domain.obstruction import WORKED_ON, Ticket, TicketAct, may
from include.letters.composing import post_label
from include.reference import enum_labels, institutions, playbooks, reason_codes
from include.words.shown import Reader, shown

router = APIRouter(prefix="/obstructions")

_ACTS: Mapping[TicketAct, str] = {
    "acknowledged": "接单",
    "in_progress": "开始办理",
    "resolved": "已办结",
    "unresolvable": "无法解决",
}
_EVENTS: Mapping[str, str] = {
    "opened": "机构报告",
    "climbed": "升级",
    "overdue": "国家级逾期",
    "verified": "结束",
    "reopened": "重新打开",
    **{str(act): word for act, word in _ACTS.items()},
}
_OWNERS = {
    "MIIT": "工信部门",
    "PBOC": "人民银行",
    "ENTERPRISE": "企业，由工信部门督促",
    "NONE": "无需处理，核实后结案",
}
_AUTHORITIES = {"MIIT": "工信部门", "PBOC": "人民银行"}


@router.get("", response_class=HTMLResponse)
def tickets(request: Request, role: ReadsAs, settled: bool = False) -> HTMLResponse:
    """Tickets that are worked on, the most urgent first; with `settled` also ended ones."""
    with engine().connect() as connection:
        found = obstructions.tickets(connection, unsettled=not settled)
    return show(request, "tickets.html", tickets=found, settled=settled, today=business_now().date(), **_words(role))


@router.get("/{ticket_id}", response_class=HTMLResponse)
def one_ticket(request: Request, ticket_id: Id, operator: MayOperate, role: ReadsAs) -> HTMLResponse:
    """A ticket: who is responsible, what to do, a letter to copy, its history, and the acts that are possible now."""
    with engine().connect() as connection:
        found, history, others = obstructions.ticket(connection, ticket_id)
        responsible = obstructions.responsible(connection, found)
    playbook, reason = playbooks()[found.reason_code], reason_codes()[found.reason_code]
    ticket = Ticket(**{name: getattr(found, name) for name in Ticket.__dataclass_fields__})
    return show(
        request,
        "ticket.html",
        ticket=found,
        history=history,
        others=others,
        responsible=responsible,
        playbook=playbook,
        owner=_OWNERS[reason.owner],
        letter=obstructions.letter(
            playbook,
            reason,
            need_id=found.need_id,
            company=shown("enterprise.name", found.enterprise_name, found.uscc, role),
            banks=[_bank(one.institution_code) for one in (found, *others) if one.state in WORKED_ON or one is found],
            answer_by=found.resolve_by,
        ),
        acts={act: _ACTS[act] for act in get_args(TicketAct) if may(ticket, act)},
        events=_EVENTS,
        today=business_now().date(),
        may_operate=operator,
        **_words(role),
    )


@router.post("/{ticket_id}")
def act(
    ticket_id: Id, operator: CurrentOperator, day: CurrentDay, what: Annotated[TicketAct, Form()], note: Reason = ""
) -> RedirectResponse:
    """Record an act of the coordinators; the institution is answered."""
    with engine().begin() as connection:
        number = obstructions.work_on(connection, ticket_id, what, act=operator.act(note), day=day)
    return done(f"../obstructions/{ticket_id}", f"已记录：{_ACTS[what]}（同一原因的 {number} 张工单），并答复机构。")


def _bank(code: str) -> str:
    return institutions()[code].name if code in institutions() else code


def _words(role: Reader) -> dict[str, Any]:
    return {
        "states": obstructions.STATES,
        "levels": enum_labels("coordinator.level"),
        "reasons": reason_codes(),
        "institutions": institutions(),
        "authorities": _AUTHORITIES,
        "shown": partial(shown, role=role),
        "post_label": post_label,
    }

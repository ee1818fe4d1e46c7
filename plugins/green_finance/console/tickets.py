"""Tickets for obstructions (融资梗阻协调事项): the list, one ticket with its playbook and letter, and the coordinators' acts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console import lists
from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, business_now, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, Id, Reason, Words
from green_finance.console.reading import ReadsAs
from include import coordination, obstructions
from include.action_links.tokens import LinkSubject
from include.domain.obstruction import WORKED_ON, Ticket, may
from include.domain.states import Authority, CoordinatorAct, Level, LinkKind, TicketAct, TicketEvent, TicketState
from include.obstructions import TicketFilter
from include.reference import departments, institutions, playbooks, reason_codes
from include.reference.support_tools import tools_for
from include.store import coordinator_acts
from include.words.names import OWNERS, institution, office, post_label
from include.words.shown import Reader, shown
from include.words.spreadsheet import Column
from include.words.states import word, words

router = APIRouter(prefix="/obstructions")


_ROWS_A_PAGE = 50


def wanted(
    q: Words = "",
    department: AnyDepartment = "",
    institution: AnyCode = "",
    reason: AnyCode = "",
    level: Level | Literal[""] = "",
    state: TicketState | Literal[""] = "",
    overdue: bool = False,
    settled: bool = False,
) -> TicketFilter:
    """The filter in the address."""
    return TicketFilter(
        words=q,
        department=department,
        institution=institution,
        reason=reason,
        level=level,
        state=state,
        overdue=overdue,
        settled=settled,
    )


Wanted = Annotated[TicketFilter, Depends(wanted)]


@router.get("", response_class=HTMLResponse)
def tickets(
    request: Request, access: Admitted, role: ReadsAs, chosen: Wanted, page: lists.PageNumber = 1
) -> HTMLResponse:
    """Tickets that are worked on, the most urgent first; with `settled` also ended ones."""
    with engine().connect() as connection:
        found = obstructions.tickets(connection, chosen, role=role, rows=_ROWS_A_PAGE, after=(page - 1) * _ROWS_A_PAGE)
    total = found[0].total if found else 0
    return show(
        request,
        "tickets.html",
        tickets=found,
        total=total,
        place=lists.numbered(_in_address(chosen), page, total, _ROWS_A_PAGE),
        chosen=chosen,
        choices={
            "department": {code: departments()[code].short_name for code in access.sees},
            "institution": {code: one.name for code, one in institutions().items()},
            "reason": {code: one.name for code, one in reason_codes().items()},
            "level": words(Level),
            "state": words(TicketState),
        },
        today=business_now().date(),
        **_words(role),
    )


@router.get("/export/{form}")
def export_tickets(access: Admitted, role: ReadsAs, chosen: Wanted, form: Literal["csv", "xlsx"]) -> Response:
    """The tickets that match as a file."""
    with engine().connect() as connection:
        found = obstructions.tickets(connection, chosen, role=role, rows=lists.MOST_EXPORTED)
    return lists.export(access, "融资梗阻", form, _columns(role), found, lists.query(_in_address(chosen)))


def _in_address(chosen: TicketFilter) -> dict[str, object]:
    names = (name for name in TicketFilter.__dataclass_fields__ if name != "words")
    return {"q": chosen.words, **{name: getattr(chosen, name) for name in names}}


def _columns(role: Reader) -> tuple[Column[Any], ...]:
    return (
        Column("事项编号", 10, lambda row: row.ticket_id),
        Column("需求编号", 17, lambda row: row.need_id),
        Column("企业", 34, lambda row: shown("enterprise.name", row.enterprise_name, row.uscc, role)),
        Column("主管部门", 10, lambda row: departments()[row.department_code].short_name),
        Column("重大", 6, lambda row: "是" if row.is_major else ""),
        Column("机构", 30, lambda row: institution(row.institution_code)),
        Column("融资需求（万元）", 16, lambda row: row.financing_need),
        Column("原因", 30, lambda row: reason_codes()[row.reason_code].name),
        Column("牵头", 10, lambda row: word(Authority, row.authority)),
        Column("层级", 8, lambda row: word(Level, row.level)),
        Column("状态", 12, lambda row: word(TicketState, row.state)),
        Column("下一时限", 12, lambda row: row.acknowledge_by or row.resolve_by or row.confirm_by),
        Column("逾期", 6, lambda row: "是" if row.overdue else ""),
    )


@router.get("/{ticket_id}", response_class=HTMLResponse)
def one_ticket(request: Request, ticket_id: Id, access: Admitted, role: ReadsAs, day: CurrentDay) -> HTMLResponse:
    """A ticket: who is responsible, what to do, a letter to copy, its history, and the acts that are possible now."""
    with engine().connect() as connection:
        found, history, others = obstructions.ticket(connection, ticket_id)
        responsible = obstructions.responsible(connection, found)
        subject = LinkSubject(
            kind=LinkKind.OBSTRUCTION,
            need_id=found.need_id,
            institution_code=found.institution_code,
            obstruction_id=found.obstruction_id,
        )
        reports = coordinator_acts.of_obstruction(
            connection, subject.need_id, subject.institution_code, subject.obstruction_id
        )
        offered = coordination.offer(connection, found.need_id, access, day, only=subject)
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
        tools=tools_for(found.reason_code, business_now().date()),
        owner=OWNERS[reason.owner],
        letter=obstructions.letter(
            playbook,
            reason,
            obstructions.LetterFacts(
                need_id=found.need_id,
                company=shown("enterprise.name", found.enterprise_name, found.uscc, role),
                banks=[
                    institution(one.institution_code)
                    for one in (found, *others)
                    if one.state in WORKED_ON or one is found
                ],
                answer_by=found.resolve_by,
                today=business_now().date(),
                sender=_sender(responsible),
            ),
        ),
        acts={act: word(TicketAct, act) for act in TicketAct if may(ticket, act)},
        events=words(TicketEvent),
        today=business_now().date(),
        may_operate=access.may_operate,
        offer=offered,
        reports=reports,
        report_words=words(CoordinatorAct),
        **_words(role),
    )


@router.post("/{ticket_id}")
def act(
    ticket_id: Id, operator: CurrentOperator, day: CurrentDay, what: Annotated[TicketAct, Form()], note: Reason = ""
) -> RedirectResponse:
    """Record an act of the coordinators; the institution is answered."""
    with engine().begin() as connection:
        number = obstructions.work_on(connection, ticket_id, what, act=operator.act(note), day=day)
    return done(
        f"../obstructions/{ticket_id}",
        f"已记录：{word(TicketAct, what)}（同一原因的 {number} 个协调事项），并答复机构。",
    )


def _sender(responsible: Sequence[obstructions.Responsible]) -> str:
    """The office of the one who leads; empty if nobody is on duty."""
    leader = responsible[0].assignment.coordinator
    return office(leader.authority, leader.level, leader.region_code) if leader else ""


def _words(role: Reader) -> dict[str, Any]:
    return {
        "states": words(TicketState),
        "levels": words(Level),
        "reasons": reason_codes(),
        "institutions": institutions(),
        "authorities": words(Authority),
        "shown": partial(shown, role=role),
        "post_label": post_label,
    }

"""Tickets for obstructions (融资梗阻工单): the list, one ticket with its playbook and letter, and the coordinators' acts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, business_now, done, engine, show
from green_finance.console.parameters import Id, Reason
from green_finance.console.reading import ReadsAs
from include import coordination, obstructions
from include.action_links.tokens import LinkSubject
from include.domain.obstruction import WORKED_ON, Ticket, may
from include.domain.states import Authority, CoordinatorAct, Level, LinkKind, TicketAct, TicketEvent, TicketState
from include.reference import institutions, playbooks, reason_codes
from include.reference.support_tools import tools_for
from include.store import coordinator_acts
from include.words.names import OWNERS, institution, office, post_label
from include.words.shown import Reader, shown
from include.words.states import word, words

router = APIRouter(prefix="/obstructions")


@router.get("", response_class=HTMLResponse)
def tickets(request: Request, role: ReadsAs, settled: bool = False) -> HTMLResponse:
    """Tickets that are worked on, the most urgent first; with `settled` also ended ones."""
    with engine().connect() as connection:
        found = obstructions.tickets(connection, unsettled=not settled)
    return show(request, "tickets.html", tickets=found, settled=settled, today=business_now().date(), **_words(role))


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
        f"../obstructions/{ticket_id}", f"已记录：{word(TicketAct, what)}（同一原因的 {number} 张工单），并答复机构。"
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

"""Withdrawals by us (撤回): what waits for a second person, what was decided, and both acts."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import DECIDERS, Admitted, CurrentDecider, CurrentOperator
from green_finance.console.pages import done, engine, show
from green_finance.console.parameters import Id, OptionalId, Reason, Words
from green_finance.console.reading import ReadsAs
from include.domain.people import same_person
from include.domain.states import WithdrawalDecision, WithdrawalReason
from include.withdrawals import view
from include.withdrawals.two_persons import OwnReason, decide_withdrawal, request_withdrawal
from include.words import withdrawals as told
from include.words.shown import INSIDERS, shown
from include.words.states import words

router = APIRouter(prefix="/withdrawals")


@router.get("", response_class=HTMLResponse)
def withdrawals(
    request: Request,
    access: Admitted,
    role: ReadsAs,
    tab: Literal["waiting", "done"] = "waiting",
    before: OptionalId = None,
) -> HTMLResponse:
    """Requests that wait for a second person, each with the acts open to this user; or those that ended."""
    with engine().connect() as connection:
        count = view.waiting_withdrawals(connection)
        found = (
            view.waiting_requests(connection) if tab == "waiting" else view.settled_requests(connection, before=before)
        )
    return show(
        request,
        "withdrawals.html",
        tab=tab,
        count=count.number,
        requests=found,
        before=before,
        follows=tab == "done" and len(found) == view.PAGE,
        reasons=words(WithdrawalReason),
        decisions=words(WithdrawalDecision),
        effects=told.EFFECTS,
        later=told.FALSE_INFORMATION_LATER,
        who_hears=told.WHO_HEARS,
        may_know=role in INSIDERS,
        may_decide=bool(frozenset(DECIDERS) & access.roles),
        is_own=lambda one: same_person(one.requested_by, access.actor),
        shown=partial(shown, role=role),
    )


@router.post("")
def ask(
    operator: CurrentOperator,
    need_id: Annotated[Words, Form()],
    reason_code: Annotated[OwnReason, Form()],
    reason: Reason = "",
) -> RedirectResponse:
    """Ask for the withdrawal of a need."""
    with engine().begin() as connection:
        number = request_withdrawal(connection, need_id, reason_code=reason_code, act=operator.act(reason))
    return done("withdrawals", f"已提交第 {number} 号撤回申请（{need_id}），须由另一位人员确认后生效。")


@router.post("/{request_id}", tags=list(DECIDERS))
def decide(
    request_id: Id,
    person: CurrentDecider,
    decision: Annotated[Literal["confirmed", "rejected", "taken_back"], Form()],
    reason: Reason = "",
) -> RedirectResponse:
    """Confirm or reject another person's request, or take back one's own."""
    with engine().begin() as connection:
        need_id = decide_withdrawal(connection, request_id, decision=decision, act=person.act(reason))
    return done("../withdrawals", told.DECIDED[decision].format(need_id=need_id))

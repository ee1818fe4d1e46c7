"""Sign-off (签批): if the policy demands it, approvers release passed needs after looking at counts, totals and oddities."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import APPROVERS, Admitted, CurrentApprover
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, Quarter, Reason, Words
from green_finance.console.reading import ReadsAs
from include.domain.roles import Role
from include.gate.sign_off_view import unsigned_quarters
from include.words.needs import APPROVAL_DEMANDED
from include.words.shown import INSIDERS, shown

if TYPE_CHECKING:
    from include.gate.sign_off import Batch, WaitingPush

router = APIRouter(prefix="/approvals")

SHOWN = 300
"""Needs of a list on one page; the list of a single department shows all."""


@router.get("", response_class=HTMLResponse)
def quarters(request: Request, day: CurrentDay) -> HTMLResponse:
    """The quarters with pushes that wait for sign-off."""
    with engine().connect() as connection:
        waiting = unsigned_quarters(connection)
    return show(
        request, "approvals.html", waiting=waiting, demanded=APPROVAL_DEMANDED[day.policy.text("push_approval")]
    )


@router.get("/{quarter}", response_class=HTMLResponse)
def quarter_of(
    request: Request, quarter: Quarter, access: Admitted, role: ReadsAs, day: CurrentDay, department: AnyDepartment = ""
) -> HTMLResponse:
    """What waits in a quarter, batch by batch, with its oddities; and who has signed what."""
    from include.gate import sign_off, sign_off_view

    with engine().connect() as connection:
        batches = sign_off.waiting_batches(connection, quarter)
        around = sign_off_view.surroundings(connection, quarter)
        signed = sign_off_view.signatures(connection, quarter)
    rules = day.policy
    may_know = role in INSIDERS
    times = {
        one.revision_key: found
        for batch in batches
        for one in batch.pushes
        if (found := sign_off_view.times_the_median(one, around, rules)) is not None
    }

    def listed(batch: Batch) -> list[WaitingPush]:
        """Odd needs first, then by amount; of one department if given."""
        chosen = [one for one in batch.pushes if department in ("", one.department_code)]
        chosen.sort(key=lambda one: (one.revision_key not in times, not one.released, -(one.financing_need or 0)))
        return chosen if department else chosen[:SHOWN]

    return show(
        request,
        "approval.html",
        quarter=quarter,
        demanded=APPROVAL_DEMANDED[rules.text("push_approval")],
        batches=batches,
        listed=listed,
        of_department=sign_off_view.by_department,
        department=department,
        around=around,
        times=times,
        factor=rules.text("approval_outlier_factor"),
        unit_suspect=sign_off_view.UNIT_SUSPECT,
        signed=signed,
        may_sign=Role.APPROVER in access.roles,
        has_signed=lambda batch: batch.signed_by(access.actor),
        may_know=may_know,
        shown=partial(shown, role=role),
    )


@router.post("/{quarter}", tags=list(APPROVERS))
def sign(
    quarter: Quarter,
    approver: CurrentApprover,
    day: CurrentDay,
    batch: Annotated[Words, Form()],
    digest: Annotated[AnyCode, Form()],
    reason: Reason = "",
) -> RedirectResponse:
    """Sign a batch off as the page listed it."""
    from include.gate import sign_off

    with engine().begin() as connection:
        covered, queued = sign_off.sign(
            connection, quarter, batch, digest=digest, act=approver.act(reason), policy=day.policy
        )
    waits = "" if queued else "还须由另一位审批人签批，方可推送。"
    return done(quarter, f"已签批 {covered} 条，{queued} 条进入发件箱。{waits}")

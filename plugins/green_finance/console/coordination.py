"""Coordinators (协调人) with an account report in the console what they report by a link in a mail; operators note for them
what they hear by telephone (记录联系情况)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse

from green_finance.console.access import COORDINATORS, OPERATORS, CurrentCoordinator
from green_finance.console.action_links import keys
from green_finance.console.pages import CurrentDay, done, engine
from green_finance.console.parameters import OptionalDays, OptionalId, Words
from include import coordination
from include.action_links.tokens import LinkSubject
from include.base.errors import InvalidRequest, NotPermitted
from include.coordination import By, Said
from include.domain.roles import Role
from include.domain.states import CoordinatorAct, LinkKind
from include.store.coordinators import on_duty

router = APIRouter()


def subject_in_form(need_id: Annotated[Words, Form()], subject: Annotated[Words, Form()]) -> LinkSubject:
    """The subject that the form names as `kind|institution|obstruction`. Raises InvalidRequest for anything else."""
    kind, _, rest = subject.partition("|")
    institution_code, _, obstruction_id = rest.partition("|")
    if kind not in set(LinkKind):
        raise InvalidRequest("没有选择反映哪一事项。", "请在列出的事项中选择后重新提交。")
    return LinkSubject(
        kind=LinkKind(kind), need_id=need_id, institution_code=institution_code, obstruction_id=obstruction_id
    )


def said_in_form(
    what: Annotated[CoordinatorAct, Form()],
    remark: Annotated[str, Form()] = "",
    working_days: OptionalDays = None,
    handed_to: Annotated[Words, Form()] = "",
) -> Said:
    """What the form says."""
    return Said(act=what, remark=remark, working_days=working_days, handed_to=handed_to)


@router.post("/coordination", tags=[*OPERATORS, *COORDINATORS])
def report(
    user: CurrentCoordinator,
    day: CurrentDay,
    subject: Annotated[LinkSubject, Depends(subject_in_form)],
    said: Annotated[Said, Depends(said_in_form)],
    coordinator_id: Annotated[Words, Form()] = "",
    ticket_id: Annotated[OptionalId, Form()] = None,
) -> RedirectResponse:
    """Report as the coordinator that the account belongs to, or note for another one as an operator."""
    with engine().begin() as connection:
        whose = user.coordinator_id if user.role == Role.COORDINATOR else coordinator_id
        who = on_duty(connection, whose) if whose else None
        if who is None and user.role == Role.COORDINATOR:
            raise NotPermitted("您目前不在该岗位的在岗名单上。", "名单有误的，请联系主管部门在绿色平台更新。")
        if who is None:
            raise InvalidRequest("没有选择代哪个岗位记录，或该岗位目前无人在岗。", "请在列出的岗位中选择后重新提交。")
        by = By(coordinator=who, actor=user.act(), links=keys().maker)
        outcome = coordination.report(connection, subject, said, by, day)
    return done(f"obstructions/{ticket_id}" if ticket_id else f"needs/{subject.need_id}", outcome.told)

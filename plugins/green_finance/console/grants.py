"""Grants (权限): roles and departments in addition to the auth manager's. For administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console import permissions
from green_finance.console.access import ADMINISTRATORS, CurrentAdministrator
from green_finance.console.pages import done, show, whole_engine
from green_finance.console.parameters import Department, Reason, Words
from include.access import stage as granting
from include.domain.roles import Role
from include.reference import departments
from include.store import people
from include.store.coordinators import posts

router = APIRouter(prefix="/grants", tags=[*ADMINISTRATORS])


@router.get("", response_class=HTMLResponse)
def grants(request: Request, person: Words = "") -> HTMLResponse:
    """All grants, and the form, filled in with the present grant of `person`."""
    with whole_engine().connect() as connection:
        found, names, roster = people.grants(connection), people.names(connection), posts(connection)
        chosen = people.grant_of(connection, person)
    return show(
        request,
        "grants.html",
        grants=found,
        names=names,
        roster=roster,
        chosen=chosen,
        departments=departments(),
        roles={} if permissions.expresses_all_roles() else {Role.APPROVER: "审批人员", Role.AUDITOR: "审计人员"},
        role_names={Role.APPROVER: "审批人员", Role.AUDITOR: "审计人员"},
    )


@router.post("")
def grant(
    operator: CurrentAdministrator,
    person: Annotated[Words, Form()],
    role: Annotated[list[Role], Form()] = [],  # noqa: B006
    confined: Annotated[bool, Form()] = False,
    department: Annotated[list[Department], Form()] = [],  # noqa: B006
    coordinator_id: Annotated[Words, Form()] = "",
    reason: Reason = "",
) -> RedirectResponse:
    """Set exactly this grant."""
    with whole_engine().begin() as connection:
        granting.grant(
            connection,
            person,
            roles=role,
            departments=department if confined else None,
            coordinator_id=coordinator_id or None,
            act=operator.act(reason),
        )
    return done("grants", f"已更新 {person} 的权限，下一次访问起生效。")

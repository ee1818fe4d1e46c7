"""Who may see and do what in the console. Closed by default: without a statement, viewers may see and operators may
act.

Every request passes `admit`. It asks for Airflow's user, the roles that the auth manager and the console's own grants
give him (`permissions`, `include.store.people`), and for one of the roles in the route's tags. A route without tags is
for viewers if it only reads, else for operators. An act sent by a browser must come from the console's own page, with
that page's token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.sdk.configuration import conf
from fastapi import Depends, Request
from fastapi.routing import APIRoute

from green_finance.console import permissions
from green_finance.console.form_tokens import FIELD, is_token_of
from green_finance.console.pages import business_now, confine_request, whole_engine
from include.base.act import Act
from include.base.errors import NotPermitted
from include.domain.roles import Role, display_name, with_implied
from include.reference import departments
from include.store import people
from include.words.states import word

VIEWERS, OPERATORS, APPROVERS, AUDITORS, ADMINISTRATORS, COORDINATORS = (
    [role]
    for role in (
        Role.VIEWER,
        Role.OPERATOR,
        Role.APPROVER,
        Role.AUDITOR,
        Role.ADMINISTRATOR,
        Role.COORDINATOR,
    )
)
"""Tags of a route or router: whom it is for."""
DECIDERS = [*OPERATORS, *APPROVERS]

_READING = {"GET", "HEAD"}


@dataclass(frozen=True)
class Access:
    """A user of the console: the auth manager's id, a name for display, roles, and the departments he is confined to
    (None: all). `coordinator_id`: of the roster, if this is the account of a coordinator."""

    actor: str
    name: str
    roles: frozenset[Role]
    departments: frozenset[str] | None = None
    coordinator_id: str = ""

    @cached_property
    def sees(self) -> tuple[str, ...]:
        """The departments whose needs he sees, in the order of the list."""
        return tuple(code for code in departments() if self.departments is None or code in self.departments)

    @cached_property
    def may_operate(self) -> bool:
        """Whether he may act as an operator."""
        return Role.OPERATOR in self.roles


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who acts: `actor`, the immutable id, as stored in events and the audit trail; `name` is for display."""

    actor: str
    name: str = ""
    role: str = Role.OPERATOR.value
    departments: frozenset[str] | None = None
    coordinator_id: str = ""

    def act(self, reason: str = "") -> Act:
        """What he does now, for this reason."""
        return Act(actor_id=self.actor, name=self.name, role=self.role, reason=reason, at=business_now())


def find_access(user: GetUserDep) -> Access:
    """The user's roles and departments, from the auth manager and the grants. An id that is nobody's has no role."""
    actor, name = permissions.identity(user), display_name(user.get_name())
    if not actor:
        return Access("", name, frozenset())
    roles, within = permissions.roles_given(user), permissions.departments_given(user)
    if not roles and not permissions.expresses_all_roles():
        return Access(actor, name, frozenset())
    with whole_engine().connect() as connection:
        grant = people.grant_of(connection, actor)
    if not permissions.expresses_all_roles():
        # Simple has no role below viewer, and an auditor may see the audit trail only.
        alone = Role.AUDITOR in grant.roles and roles == {Role.VIEWER}
        roles = grant.roles if alone else roles | grant.roles
    if grant.departments is not None:
        within = grant.departments if within is None else within & grant.departments
    held = with_implied(roles)
    # Who may not look at the console does not act in it either.
    coordinator_id = (grant.coordinator_id or "") if Role.VIEWER in held else ""
    return Access(actor, name, held | {Role.COORDINATOR} if coordinator_id else held, within, coordinator_id)


async def posted_token(request: Request) -> str:
    """The token of a form; "" if the request is not a form."""
    if request.method in _READING:
        return ""
    token = (await request.form()).get(FIELD)
    return token if isinstance(token, str) else ""


async def admit(
    request: Request,
    access: Annotated[Access, Depends(find_access)],
    token: Annotated[str, Depends(posted_token)],
) -> Access:
    """The user, if the route is for one of his roles; his reads are confined to his departments. Raises NotPermitted.

    Async, because what it sets must be visible in the request's own context.
    """
    request.state.access = access
    if not access.roles:
        raise NotPermitted(
            "当前账号在绿厂融通中没有角色，不能查看任何内容。",
            f"请联系系统管理员开通，用户编号：{access.actor or '（匿名访问）'}。",
        )
    wanted = for_whom(request.scope["route"])
    if not wanted & access.roles:
        raise NotPermitted(
            f"当前用户{'只能查看' if Role.VIEWER in access.roles else '不能查看该内容'}，此处须由{_in_words(wanted)}办理。",
            "如需办理，请联系系统管理员开通相应角色。",
        )
    if request.method not in _READING and not _from_the_console(request, access.actor, token):
        raise NotPermitted("该操作不是从本页面提交的，或页面打开过久，已拒绝。", "请在控制台中重新打开相应页面后提交。")
    confine_request(access.departments, access.actor)
    return access


def for_whom(route: APIRoute) -> frozenset[Role]:
    """The roles of which one is needed for this route."""
    tagged = frozenset(Role(str(tag)) for tag in route.tags)
    return tagged or frozenset(VIEWERS if route.methods <= _READING else OPERATORS)


def _in_words(roles: Iterable[Role]) -> str:
    return "或".join(word(Role, role) for role in Role if role in roles)


Admitted = Annotated[Access, Depends(admit)]


def _acting(*roles: Role) -> Callable[[Admitted], Operator]:
    def who(access: Admitted) -> Operator:
        """The person behind an act, in the first of these roles that he has; his name is stored. Raises NotPermitted."""
        held = next((role for role in roles if role in access.roles), None)
        if held is None:
            raise NotPermitted(f"须由{_in_words(roles)}办理。", "请由有相应角色的人员办理。")
        with whole_engine().begin() as connection:
            people.remember(connection, access.actor, access.name, business_now())
        return Operator(access.actor, access.name, held.value, access.departments, access.coordinator_id)

    return who


def may_operate(access: Admitted) -> bool:
    """Whether the user may act as an operator."""
    return access.may_operate


def _nation_wide(operator: CurrentOperator) -> Operator:
    """An operator for matters of no single department. Raises NotPermitted if he is confined to some."""
    if operator.departments is not None:
        raise NotPermitted("该事项涉及全国，当前用户只能办理所属主管部门的事项。", "请由不限主管部门的运维人员办理。")
    return operator


MayOperate = Annotated[bool, Depends(may_operate)]
current_operator = _acting(Role.OPERATOR)
CurrentOperator = Annotated[Operator, Depends(current_operator)]
NationWideOperator = Annotated[Operator, Depends(_nation_wide)]
CurrentDecider = Annotated[Operator, Depends(_acting(Role.OPERATOR, Role.APPROVER))]
CurrentCoordinator = Annotated[Operator, Depends(_acting(Role.COORDINATOR, Role.OPERATOR))]
"""A coordinator with an account, or an operator who notes for one."""
CurrentApprover = Annotated[Operator, Depends(_acting(Role.APPROVER))]
CurrentAdministrator = Annotated[Operator, Depends(_acting(Role.ADMINISTRATOR))]


def _from_the_console(request: Request, actor: str, token: str) -> bool:
    """Whether the console's own page sent this act.

    A script with a token in a header and no cookie cannot be another site's page. Every browser is checked, whatever
    headers it or a proxy adds: it must say that the page is of this site, and the page must hold the token given to
    this user.
    """
    by_browser = any(name in request.headers for name in ("cookie", "origin", "sec-fetch-site"))
    if not by_browser and request.headers.get("authorization", "").lower().startswith("bearer "):
        return True
    return _from_this_site(request) and is_token_of(actor, token)


def _from_this_site(request: Request) -> bool:
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    own = {request.url.netloc, urlsplit(conf.get("api", "base_url", fallback="")).netloc} - {""}
    return urlsplit(request.headers.get("origin", "")).netloc in own

"""What an administrator of the console grants a person beside the auth manager: roles, and confinement to departments."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.people import same_person
from include.domain.roles import Role, person_id
from include.reference import departments as known_departments
from include.store import people
from include.store.coordinators import posts
from include.store.people import Grant

GRANTABLE = (Role.APPROVER, Role.AUDITOR)


def grant(
    connection: sa.Connection,
    actor_id: str,
    *,
    roles: Collection[Role],
    departments: Iterable[str] | None,
    coordinator_id: str | None = None,
    act: Act,
) -> None:
    """Set exactly these roles, this confinement (None: not confined) and this post of the roster, with an audit entry.

    Raises InvalidRequest for oneself, an unusable id, a role that cannot be granted here, an unknown
    department, or a coordinator who is not in the roster.
    """
    act = audit.signed(act)
    identity = person_id(actor_id)
    if not identity or identity != actor_id.strip():
        raise InvalidRequest("用户编号为空，或含有看不见的字符。", "请填写该用户在“总览”页看到的编号。")
    if same_person(identity, act.actor_id):
        raise InvalidRequest("不能给自己授权。", "请由另一位系统管理员办理。")
    if not set(roles) <= set(GRANTABLE):
        raise InvalidRequest("此处只能授予审批人员和审计人员。", "其他角色请在 Airflow 的认证系统中设置。")
    within = None if departments is None else frozenset(departments)
    if unknown := sorted((within or frozenset()) - known_departments().keys()):
        raise InvalidRequest(f"主管部门代码 {'、'.join(unknown)} 不在名单内。", "请勾选名单内的主管部门。")
    if coordinator_id is not None and coordinator_id not in posts(connection):
        raise InvalidRequest(f"协调人编号 {coordinator_id[:40]} 不在名册内。", "请从名册中选择；名册由绿色平台维护。")
    before = people.grant_of(connection, identity)
    after = Grant(identity, frozenset(roles), within, coordinator_id)
    people.set_grant(connection, after, by=act.actor_id, now=act.at)
    audit.record(
        connection,
        act=act,
        action="grant",
        object_=f"person:{identity}",
        details={"before": _written(before), "after": _written(after)},
    )


def _written(one: Grant) -> dict[str, list[str] | str | None]:
    return {
        "roles": sorted(one.roles),
        "departments": None if one.departments is None else sorted(one.departments),
        "coordinator_id": one.coordinator_id,
    }

"""The console's navigation (导航): which pages there are, for whom, and in which group."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from include.domain.roles import Role


class Group(StrEnum):
    """Groups of pages, in the order shown."""

    DECIDE = "办理"
    FOLLOW_UP = "督办"
    SEND = "发送"
    ADMINISTER = "管理"


@dataclass(frozen=True, slots=True)
class Page:
    """An entry: who may open it, its group, its address below the console's first page, its name."""

    role: Role
    group: Group
    address: str
    name: str


_PAGES: tuple[Page, ...] = (
    Page(Role.VIEWER, Group.DECIDE, "", "总览"),
    Page(Role.VIEWER, Group.DECIDE, "quarters", "季度"),
    Page(Role.VIEWER, Group.DECIDE, "needs", "需求"),
    Page(Role.VIEWER, Group.DECIDE, "holds", "待核实"),
    Page(Role.VIEWER, Group.DECIDE, "alerts", "警示"),
    Page(Role.VIEWER, Group.DECIDE, "withdrawals", "撤回"),
    Page(Role.VIEWER, Group.DECIDE, "stops", "暂停推送的地区"),
    Page(Role.VIEWER, Group.DECIDE, "approvals", "签批"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "escalations", "逾期督办"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "obstructions", "融资梗阻"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "deadlines", "时限"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "roster", "协调人名册"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "register", "绿色工厂名单"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "support-tools", "支持工具"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "calendar", "工作日历"),
    Page(Role.VIEWER, Group.FOLLOW_UP, "definitions", "口径"),
    Page(Role.VIEWER, Group.SEND, "deliveries", "发件箱"),
    Page(Role.VIEWER, Group.SEND, "reruns", "重新发送"),
    Page(Role.VIEWER, Group.SEND, "unreadable", "未能读取"),
    Page(Role.VIEWER, Group.SEND, "differences", "对账差异"),
    Page(Role.VIEWER, Group.SEND, "status", "运行状态"),
    Page(Role.AUDITOR, Group.ADMINISTER, "audit", "审计"),
    Page(Role.ADMINISTRATOR, Group.ADMINISTER, "grants", "权限"),
)


def pages_for(roles: Collection[Role]) -> list[tuple[Group, list[Page]]]:
    """The pages that a visitor with these roles may open, by group; groups without any are left out."""
    open_to = [page for page in _PAGES if page.role in roles]
    grouped = [(group, [page for page in open_to if page.group is group]) for group in Group]
    return [(group, pages) for group, pages in grouped if pages]


def section_of(path: str) -> str:
    """The address of the entry that a page below the console belongs to: the first part of its path."""
    return path.strip("/").split("/", 1)[0]

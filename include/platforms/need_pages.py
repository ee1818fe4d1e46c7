"""Pages of financing needs: what is a record within the limits and belongs to what was asked for, and what is set aside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from include.domain.pieces import SetAside, UnreadablePiece, read_piece
from include.platforms.exchange import Answer
from include.platforms.reader import read_page
from include.reference import departments

_QUARTER = re.compile(r"20[0-9]{2}Q[1-4]")


@dataclass(frozen=True, slots=True)
class NeedPage:
    """A page of financing needs, each item as the bytes that were sent, in UTF-8.

    `total`: needs that match, as this page states it. `cursor`: of the next page; None on the last. `set_aside`: what is no
    record within the limits, or does not belong to what was asked for.
    """

    items: list[bytes]
    total: int
    cursor: str | None
    set_aside: list[SetAside] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing was asked for; None: anything."""

    quarter: str | None = None
    department: str | None = None
    status: str | None = None
    major: bool | None = None

    def misplaced(self, record: Any) -> str | None:
        """Why a record does not belong here, in Chinese; None if it does.

        A quarter, department or mark that is not usable at all stays in: what it is worth is for the gate to say (DQ01).
        """
        if not isinstance(record, dict):
            return "不是一个对象"
        if self.status is not None and record.get("status") != self.status:
            return "状态与所查询的不符"
        quarter, department = record.get("quarter"), record.get("department_code")
        if self.quarter not in (None, quarter) and isinstance(quarter, str) and _QUARTER.fullmatch(quarter):
            return "季度与所查询的不符"
        if self.department not in (None, department) and isinstance(department, str) and department in departments():
            return "主管部门与所查询的不符"
        if self.major is not None and record.get("is_major") is (not self.major):
            return "重大项目标志与所查询的不符"
        return None


def read_need_page(answer: Answer, asked: Asked) -> NeedPage:
    """The page that an answer is; raises ValueError where it cannot be split."""
    page = read_page(answer, "items")
    items: list[bytes] = []
    others: list[SetAside] = []
    for piece in page.lists["items"]:
        try:
            problem = asked.misplaced(read_piece(piece))
        except UnreadablePiece as unreadable:
            problem = unreadable.problem
        if problem is None:
            items.append(piece)
        else:
            others.append(page.set_aside(piece, problem))
    return NeedPage(items, page.number("total"), page.cursor("next_cursor"), others)

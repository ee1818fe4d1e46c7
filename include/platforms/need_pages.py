"""Pages of financing needs: which pieces are records within the limits that match the request, and which are set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from include.domain import pieces as one_piece
from include.domain.identity import usable_quarter
from include.domain.pieces import SetAside, UnreadablePiece, read_piece
from include.platforms.exchange import Answer
from include.platforms.reader import read_page
from include.reference import departments


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing was requested for; None: anything."""

    quarter: str | None = None
    department: str | None = None
    status: str | None = None
    major: bool | None = None

    def misplaced(self, record: Any) -> str | None:
        """Why a record does not match the request, in Chinese; None if it does.

        A record whose quarter, department or mark is unusable stays in: the gate judges it (DQ01).
        """
        if not isinstance(record, dict):
            return "不是一个对象"
        if self.status is not None and record.get("status") != self.status:
            return "状态与所查询的不符"
        quarter, department = record.get("quarter"), record.get("department_code")
        if self.quarter not in (None, quarter) and usable_quarter(quarter):
            return "季度与所查询的不符"
        if self.department not in (None, department) and isinstance(department, str) and department in departments():
            return "主管部门与所查询的不符"
        if self.major is not None and record.get("is_major") is (not self.major):
            return "重大项目标志与所查询的不符"
        return None


@dataclass(frozen=True, slots=True)
class ListedNeed:
    """A record of a listing: its bytes as sent, in UTF-8, and what they hold, numbers exactly. Nobody parses them again."""

    raw: bytes
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NeedPage:
    """A page of financing needs.

    `total`: matching needs, as this page states it. `cursor`: of the next page; None on the last. `set_aside`: pieces
    that are no record within the limits, or do not match the request.
    """

    items: list[ListedNeed]
    total: int
    cursor: str | None
    set_aside: list[SetAside] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        pieces: Iterable[bytes],
        total: int,
        cursor: str | None = None,
        *,
        asked: Asked | None = None,
        aside: Callable[[bytes, str], SetAside] = one_piece.set_aside,
    ) -> Self:
        """Parse the pieces of a page; `aside` makes of a piece what is kept of it where it cannot be used."""
        asked = asked or Asked()
        page = cls([], total, cursor)
        for piece in pieces:
            try:
                record = read_piece(piece)
                problem = asked.misplaced(record)
            except UnreadablePiece as unreadable:
                problem = unreadable.problem
            if problem is None:
                page.items.append(ListedNeed(piece, record))
            else:
                page.set_aside.append(aside(piece, problem))
        return page


def read_need_page(answer: Answer, asked: Asked) -> NeedPage:
    """The page in an answer; raises ValueError if the answer cannot be split."""
    page = read_page(answer, "items")
    return NeedPage.of(
        page.lists["items"], page.number("total"), page.cursor("next_cursor"), asked=asked, aside=page.set_aside
    )

"""Returns (退回补正) without an answer: sent back, and no newer revision read since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from include.base.business_time import SHANGHAI


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReturn:
    """A need sent back to its factory; `enterprise_name` and `uscc` as filed. Days are local dates."""

    need_id: str
    revision: int
    quarter: str
    department_code: str
    enterprise_name: str | None
    uscc: str | None
    is_major: bool
    returned_on: date
    respond_by: date


_OPEN = sa.text("select * from open_return where quarter = any(cast(:quarters as text[])) order by delivery_id")


def open_returns(connection: sa.Connection, quarters: list[str]) -> list[OpenReturn]:
    """The open returns of needs of these quarters, the first due first."""
    found = [_open_return(row) for row in connection.execute(_OPEN, {"quarters": quarters})]
    return sorted(found, key=lambda one: (one.respond_by, one.need_id))


def _open_return(row: sa.Row[tuple[object, ...]]) -> OpenReturn:
    sent_at: datetime = row.created_at
    return OpenReturn(
        need_id=row.need_id,
        revision=row.revision,
        quarter=row.quarter,
        department_code=row.department_code,
        enterprise_name=row.enterprise_name,
        uscc=row.uscc,
        is_major=row.is_major,
        returned_on=sent_at.astimezone(SHANGHAI).date(),
        respond_by=respond_by(row.body),
    )


def respond_by(body: str) -> date:
    """By when a return asks for an answer, by its stored body."""
    return date.fromisoformat(json.loads(body)["respond_by"])

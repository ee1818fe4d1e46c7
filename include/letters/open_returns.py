"""Returns (退回补正) without an answer: sent back, and no newer revision read since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReturn:
    """A need sent back to its factory; `enterprise_name` and `uscc` as filed. Days are local dates.

    `rule_ids`: the rules that it did not meet, as told with the return.
    """

    need_id: str
    revision: int
    quarter: str
    department_code: str
    enterprise_name: str | None
    uscc: str | None
    is_major: bool
    returned_on: date
    respond_by: date
    rule_ids: tuple[str, ...] = ()


_OPEN = sa.text(
    """
    select need_id, revision, quarter, department_code, enterprise_name, uscc, is_major, returned_on, respond_by, rule_ids
    from open_return where quarter = any(cast(:quarters as text[])) order by respond_by, need_id
    """
)


def open_returns(connection: sa.Connection, quarters: list[str]) -> list[OpenReturn]:
    """The open returns of needs of these quarters, the first due first."""
    found = connection.execute(_OPEN, {"quarters": quarters}).mappings()
    return [OpenReturn(**{**row, "rule_ids": tuple(row["rule_ids"])}) for row in found]

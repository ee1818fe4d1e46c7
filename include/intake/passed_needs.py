"""What passed is pushed: passed = delivered + queued + waiting for a named reason.

The SQL function passed_needs gives the fate of each passed revision of a quarter; null is a fault.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class NowherePushed:
    """A revision that passed and is neither pushed, queued nor waiting for a named reason.

    `label` names it for people: need_id and revision, or the record's hash if the platform's record has none.
    """

    department_code: str
    label: str


def nowhere_pushed(connection: sa.Connection, quarter: str, departments: Collection[str]) -> list[NowherePushed]:
    """The passed needs of these departments' quarter that would never be pushed."""
    found = connection.execute(_NOWHERE, {"quarter": quarter, "departments": list(departments)})
    return [NowherePushed(row.department_code, row.label) for row in found]


_NOWHERE = sa.text(
    """
    select department_code,
           coalesce(need_id || ' 第' || revision || '版', '记录 ' || left(payload_sha256, 12)) as label
    from passed_needs(:quarter)
    where fate is null and department_code = any(cast(:departments as text[]))
    order by department_code, label
    """
)

"""Limits that run to a day whose calendar is not published yet (暂定日期)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

_BY_DAY = sa.text(
    """
    select due_on, count(*) as limits, count(distinct need_id) as needs from case_clock
    where provisional and stopped_on is null group by due_on order by due_on limit :at_most
    """
)


def provisional_limits(connection: sa.Connection, at_most: int) -> Sequence[sa.Row[Any]]:
    """The first due days that are provisional: (due_on, limits, needs)."""
    return connection.execute(_BY_DAY, {"at_most": at_most}).all()

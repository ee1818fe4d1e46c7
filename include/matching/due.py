"""Limits that fall due (时限): which banks have to take their next step today or within days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFilter:
    """Which running limits: due from one day until another; empty fields ask for nothing."""

    since: date
    until: date
    department: str = ""
    institution: str = ""


def due_limits(
    connection: sa.Connection, wanted: DueFilter, *, rows: int | None = None, after: int = 0
) -> Sequence[sa.Row[Any]]:
    """The running limits that fall due, the soonest first; each row says how many there are (`total`).

    Neither paused ones, nor those of cases that are over or of needs that were withdrawn.
    """
    asked = {name: getattr(wanted, name) for name in DueFilter.__dataclass_fields__}
    return connection.execute(_DUE, {**asked, "rows": rows, "after": after}).all()


_DUE = sa.text(
    """
    select clock.*, need.enterprise_name, need.uscc, need.department_code, need.financing_need, need.is_major,
           count(*) over () as total
    from case_clock clock
    join matching_case matched using (need_id, institution_code)
    join newest_need need using (need_id)
    where clock.stopped_on is null and not clock.paused and clock.due_on between :since and :until
      and not matched.paused and matched.state not in ('declined', 'closed')
      and :department in ('', need.department_code) and :institution in ('', clock.institution_code)
      and not exists (select from withdrawal_notice notice where notice.need_id = clock.need_id)
    order by clock.due_on, need.is_major desc, clock.need_id, clock.institution_code, clock.from_type, clock.to_type
    limit :rows offset :after
    """
)

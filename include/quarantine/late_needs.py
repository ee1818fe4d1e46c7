"""Late needs (DQ52): a person takes one into its own quarter, or moves it to the next one.

A moved need keeps what was filed, its quarter included. It is counted with the later quarter (need_state.counted_quarter) and
pushed with it: until its department's later quarter is closed, it waits like every other need of that quarter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.act import Act
from include.domain.quarter import Quarter
from include.gate.consequences import Revision
from include.quarantine.refusals import DecisionRefused
from include.reference.day import Day
from include.store.tables import deferred_need

LATE_RULE = "DQ52"
"""The rule that holds what was recommended outside the quarter's time."""


def next_quarter(filed: str, day: Day) -> Quarter:
    """The first quarter after the one filed whose cut-off lies ahead."""
    quarter = Quarter.parse(filed).next()
    while day.calendar.deadline(quarter, day.policy.flag("cutoff_inclusive")) <= day.now:
        quarter = quarter.next()
    return quarter


def defer(connection: sa.Connection, hold: sa.Row[Any], into: Quarter, act: Act) -> None:
    """Store that the held need moves to the quarter `into`.

    Raises DecisionRefused if it was moved to another one before, or if the record cannot be pushed at all.
    """
    if not hold.stored:
        raise DecisionRefused("本条记录的编号不可用，不能转入下季。", "请与绿色平台核对后确认退回，由其重新下发。")
    connection.execute(
        insert(deferred_need)
        .values(
            need_id=hold.need_id,
            quarantine_id=hold.quarantine_id,
            filed_quarter=hold.quarter,
            counted_quarter=str(into),
            actor=act.actor_id,
            role=act.role,
            reason=act.reason,
            at=act.at,
        )
        .on_conflict_do_nothing()
    )
    refuse_another_quarter(connection, hold, str(into))


def refuse_another_quarter(connection: sa.Connection, hold: sa.Row[Any], wanted: str) -> None:
    """Raise DecisionRefused if the need was moved to another quarter than `wanted` before."""
    known = deferred_to(connection, hold.need_id)
    if known is not None and known != wanted:
        raise DecisionRefused(
            f"{hold.need_id} 此前已决定转入 {known}。", "该决定不能更改；请按转入下季办理，或确认退回由企业重新报送。"
        )


def deferred_to(connection: sa.Connection, need_id: str | None) -> str | None:
    """The quarter that a person moved this need to; None if nobody did."""
    found: str | None = connection.execute(
        sa.select(deferred_need.c.counted_quarter).where(deferred_need.c.need_id == need_id)
    ).scalar()
    return found


# Passed, and not pushed yet. What has a push already is not queued again, whatever became of it.
_DUE = sa.text(
    """
    select need.need_id, need.revision
    from deferred_need moved join need_state need using (need_id)
    where moved.counted_quarter <= :quarter and need.department_code = any(:department_codes) and need.verdict = 'passed'
      and need.withdrawn_at is null and not exists (
          select from delivery push
          where push.action = 'push' and push.need_id = need.need_id and push.revision = need.revision
      )
    order by need.need_id
    """
)


def moved_until_now(connection: sa.Connection, quarter: str, department_codes: Sequence[str]) -> list[Revision]:
    """The passed needs of these departments that were moved to this quarter or one before, and have no push yet.

    Ask when the departments' quarter is closed, and queue their pushes.
    """
    asked = {"quarter": quarter, "department_codes": list(department_codes)}
    return [(row.need_id, row.revision) for row in connection.execute(_DUE, asked)]

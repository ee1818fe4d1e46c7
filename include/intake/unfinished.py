"""The quarters that are not finished: those that a review still has to read."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from include.domain.quarter import Quarter
from include.domain.states import CaseState
from include.reference.day import Day


def running_quarter(day: Day) -> Quarter:
    """The quarter of the day."""
    return Quarter.of(day.today)


def closed_lately(day: Day) -> list[Quarter]:
    """The quarters whose cut-off passed no more than late_report_working_days ago, the oldest first."""
    calendar, policy = day.calendar, day.policy
    return list(_back_from(calendar.newest_closed_quarter(day.now, policy.flag("cutoff_inclusive")), day))[::-1]


def _back_from(quarter: Quarter, day: Day) -> Iterator[Quarter]:
    calendar, most = day.calendar, day.policy.integer("late_report_working_days")
    while calendar.working_days_after(calendar.last_working_day(quarter).day, day.today) <= most:
        yield quarter
        quarter = quarter.previous()


def unfinished_quarters(connection: sa.Connection, day: Day) -> list[Quarter]:
    """The running quarter, those closed lately, and every other one with an open need; the oldest first.

    A need is open until it is withdrawn, or its validity (need_validity_quarters) has ended and no institution works
    on it.
    """
    asked = {
        "today": day.today,
        "validity": day.policy.integer("need_validity_quarters"),
        "ended": [CaseState.DECLINED, CaseState.CLOSED],
    }
    with_open_needs = {Quarter.parse(one) for one in connection.execute(_WITH_OPEN_NEEDS, asked).scalars()}
    return sorted({running_quarter(day), *closed_lately(day), *with_open_needs})


_WITH_OPEN_NEEDS = sa.text(
    """
    select quarter from (select distinct quarter from need_version) stored
    where valid_until(quarter, :validity) > :today and exists (
              select from live_need need where need.quarter = stored.quarter
          )
       or exists (
              select from live_need need join matching_case own using (need_id)
              where need.quarter = stored.quarter and own.state <> all(cast(:ended as text[]))
          )
    """
)

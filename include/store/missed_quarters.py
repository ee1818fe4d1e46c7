"""Quarters that nobody has read: their cut-off has passed, and no run since has read every department.

Airflow was down or a DAG paused, or the run at the cut-off failed before it had read (a platform without an answer, a
connection that was missing). A quarter that was read and does not balance is not missed: its run is red and says why.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from include.domain.quarter import Quarter
from include.reference import departments
from include.reference.day import Day


@dataclass(frozen=True, slots=True)
class MissedQuarter:
    """A quarter, and the departments of which it was not read since its cut-off."""

    quarter: str
    unread: tuple[str, ...]

    @property
    def is_partial(self) -> bool:
        """Whether some departments have been read."""
        return len(self.unread) < len(departments())


_FIRST_READ = sa.text("select quarter, min(started_at) from intake where not dry_run group by quarter order by quarter")
_READ = sa.text(
    """
    select quarter, department_code, max(started_at) from intake join listing using (intake_id)
    where kind = 'quarterly' and not dry_run and quarter >= :since group by quarter, department_code
    """
)


def missed_quarters(connection: sa.Connection, day: Day) -> list[MissedQuarter]:
    """The missed quarters, the oldest first.

    Counted from the first quarter of which anything was read before the next one's cut-off: a quarter of old that
    somebody reads by hand asks for none of those between.
    """
    inclusive = day.policy.flag("cutoff_inclusive")

    first = next(
        (
            Quarter.parse(quarter)
            for quarter, read_at in connection.execute(_FIRST_READ)
            if read_at < day.calendar.deadline(Quarter.parse(quarter).next(), inclusive)
        ),
        None,
    )
    if first is None:
        return []
    read: defaultdict[str, set[str]] = defaultdict(set)
    for quarter, code, read_at in connection.execute(_READ, {"since": str(first)}):
        if read_at >= day.calendar.deadline(Quarter.parse(quarter), inclusive):
            read[quarter].add(code)
    found = []
    newest = day.calendar.newest_closed_quarter(day.now, inclusive)
    while first <= newest:
        unread = tuple(code for code in departments() if code not in read[str(first)])
        if unread:
            found.append(MissedQuarter(str(first), unread))
        first = first.next()
    return found

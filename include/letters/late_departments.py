"""Departments that did not report a quarter by its cut-off, or reported it late: for MIIT's coordinator of the nation.

Source: handbook section 2 (T+1, T+3, T+5). A quarter is known only once its manifest was read after the cut-off; of a
quarter that nobody read, nothing is said here (the operators' notice names it).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from include.domain.quarter import Quarter
from include.domain.states import ManifestState
from include.reference import departments
from include.reference.day import Day


class LateDepartment(NamedTuple):
    """`state`: MISSING (nothing reported yet) or LATE (reported after the cut-off)."""

    department_code: str
    quarter: str
    state: ManifestState


def late_departments(connection: sa.Connection, day: Day) -> list[LateDepartment]:
    """Who is late with a quarter on `day`: the newest quarter first, silent departments before late ones.

    From the day after the cut-off until late_report_working_days after it, as long as late reports are read.
    """
    return [one for quarter in _waited_for(day) for one in _late_with(connection, quarter, day)]


def _waited_for(day: Day) -> Iterator[Quarter]:
    inclusive = day.policy.flag("cutoff_inclusive")
    quarter = day.calendar.newest_closed_quarter(day.now, inclusive)
    while working_days_since_cutoff(quarter, day) <= day.policy.integer("late_report_working_days"):
        yield quarter
        quarter = quarter.previous()


def working_days_since_cutoff(quarter: Quarter, day: Day) -> int:
    """How many working days `day` is past the last working day of `quarter`; 0 before it and on it."""
    return day.calendar.working_days_after(day.calendar.last_working_day(quarter).day, day.today)


_REPORTED = sa.text(
    """
    with reading as (
        select intake_id from intake where quarter = :quarter and not dry_run and started_at >= :deadline
    )
    select
        exists (select from manifest_entry join reading using (intake_id))
        or exists (select from batch_finding join reading using (intake_id)) as was_read,
        array(select distinct known_as from set_aside where source = :source and resolved_at is null) as unusable
    """
)
_FIRST_REPORTED = sa.text(
    """
    select department_code, min(reported_at) from manifest_entry join intake using (intake_id)
    where quarter = :quarter and not dry_run group by department_code
    """
)


def _late_with(connection: sa.Connection, quarter: Quarter, day: Day) -> list[LateDepartment]:
    deadline = day.calendar.deadline(quarter, day.policy.flag("cutoff_inclusive"))
    asked = {"quarter": str(quarter), "deadline": deadline, "source": f"manifest/{quarter}"}
    known = connection.execute(_REPORTED, asked).one()
    if not known.was_read:
        return []
    reported: dict[str, datetime] = dict(connection.execute(_FIRST_REPORTED, {"quarter": str(quarter)}).tuples().all())
    # Whose row cannot be read has reported (B09): that is the platform's matter.
    silent = [code for code in departments() if code not in reported and code not in known.unusable]
    late = [code for code in departments() if code in reported and reported[code] >= deadline]
    return [LateDepartment(code, str(quarter), ManifestState.MISSING) for code in silent] + [
        LateDepartment(code, str(quarter), ManifestState.LATE) for code in late
    ]

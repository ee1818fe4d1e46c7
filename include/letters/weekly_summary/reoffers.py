"""Re-offers (再推介): for which needs other institutions may be suggested, and which. Used by the summary and the need's page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zlib import crc32

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.escalation import APPROVED_OR_BEYOND, expired
from include.domain.quarter import Quarter
from include.domain.reoffer import Asked, Occasion, Suggestion, occasion, suggestions
from include.reference import Policy, institutions
from include.reference.day import Day


@dataclass(frozen=True, slots=True, kw_only=True)
class Reoffer:
    """A need that may be offered to others; `enterprise_name` and `uscc` as filed."""

    need_id: str
    quarter: str
    department_code: str
    enterprise_name: str | None
    uscc: str | None
    is_major: bool
    occasion: Occasion
    suggestions: tuple[Suggestion, ...]


def reoffers_of_quarters(connection: sa.Connection, quarters: Sequence[str], *, day: Day) -> list[Reoffer]:
    """The needs of these quarters that may be offered to others, the longest waiting first."""
    rows = connection.execute(_OF_QUARTERS, {"quarters": list(quarters), "beyond": sorted(APPROVED_OR_BEYOND)}).all()
    found = _reoffers(connection, rows, day)
    return sorted(found, key=lambda one: (one.occasion.since, one.need_id))


def reoffer_of_need(connection: sa.Connection, need_id: str, *, day: Day) -> Reoffer | None:
    """The same for one need; None if there is nothing to suggest."""
    rows = connection.execute(_OF_NEED, {"need_id": need_id, "beyond": sorted(APPROVED_OR_BEYOND)}).all()
    return next(iter(_reoffers(connection, rows, day)), None)


def _reoffers(connection: sa.Connection, rows: Sequence[sa.Row[Any]], day: Day) -> list[Reoffer]:
    today, policy = day.today, day.policy
    cases = _cases(connection, [row.need_id for row in rows])
    due: list[tuple[sa.Row[Any], Occasion]] = []
    for row in rows:
        pushed_on = row.pushed_at.astimezone(SHANGHAI).date()
        why = occasion(pushed_on, row.intended, cases.get(row.need_id, ()), today, day.calendar, policy)
        if why is not None and not expired(Quarter.parse(row.quarter), today, policy):
            due.append((row, why))
    landed = _landed(connection, today, policy) if due else {}
    found = [
        Reoffer(
            need_id=row.need_id,
            quarter=row.quarter,
            department_code=row.department_code,
            enterprise_name=row.enterprise_name,
            uscc=row.uscc,
            is_major=row.is_major,
            occasion=why,
            suggestions=suggestions(
                {*row.intended, *(case.institution_code for case in cases.get(row.need_id, ()))},
                tuple(institutions().values()),
                landed.get((row.department_code, row.category), {}),
                policy,
                turn=crc32(row.need_id.encode()),
            ),
        )
        for row, why in due
    ]
    return [one for one in found if one.suggestions]


def _cases(connection: sa.Connection, need_ids: Sequence[str]) -> Mapping[str, list[Asked]]:
    found: defaultdict[str, list[Asked]] = defaultdict(list)
    for row in connection.execute(_CASES, {"need_ids": list(need_ids)}):
        last: datetime | None = row.last_event_at
        found[row.need_id].append(
            Asked(
                institution_code=row.institution_code,
                state=row.state,
                since=row.state_since,
                last_activity_on=last.astimezone(SHANGHAI).date() if last else row.opened_on,
                paused=row.paused,
                drawn=row.drawn,
                reason_code=row.reason_code,
            )
        )
    return found


def _landed(connection: sa.Connection, today: date, policy: Policy) -> dict[tuple[str, str | None], Counter[str]]:
    """(department, category) → kind of institution → needs for which institutions of that kind paid money out."""
    first = Quarter.of(today)
    for _ in range(policy.integer("reoffer_results_quarters") - 1):
        first = first.previous()
    needs: set[tuple[str, str | None, str, str]] = set()
    for row in connection.execute(_LANDED, {"first": str(first)}):
        institution = institutions().get(row.institution_code)
        if institution is not None:
            needs.add((row.department_code, row.category, institution.kind, row.need_id))
    counted: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    for department_code, category, kind, _ in needs:
        counted[department_code, category][kind] += 1
    return dict(counted)


# Pushed, not withdrawn, without money from anybody; a need under an alert that withholds money must not be offered
# around.
_CANDIDATES = """
    with pushed as (
        select need_id, min(pushed_at) as pushed_at from delivered_push where {which} group by need_id
    )
    select version.need_id, version.quarter, version.department_code, version.enterprise_name, version.uscc,
           version.is_major, version.document::jsonb #>> '{{project,category}}' as category, pushed.pushed_at, (
               select coalesce(array_agg(distinct code), '{{}}')
               from need_version every, unnest(every.intended_institutions) code where every.need_id = version.need_id
           ) as intended
    from pushed join live_need version using (need_id)
    where not exists (
          select from matching_case matched where matched.need_id = version.need_id
          and (matched.drawn > 0 or matched.state = any(:beyond))
      )
      and not exists (
          select from holding_alert held where held.need_id = version.need_id
      )
"""

_OF_QUARTERS = sa.text(_CANDIDATES.format(which="quarter = any(:quarters)"))
_OF_NEED = sa.text(_CANDIDATES.format(which="need_id = :need_id"))

_CASES = sa.text("select * from matching_case where need_id = any(:need_ids)")

_LANDED = sa.text(
    """
    select matched.need_id, matched.institution_code, version.department_code,
           version.document::jsonb #>> '{project,category}' as category
    from sound_case matched join newest_need version using (need_id)
    where matched.drawn > 0 and version.quarter >= :first
    """
)

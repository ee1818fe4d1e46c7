"""What no limit watches, and departments are told once a week: refusals (S03), lost contacts (S05), quiet cases (S02), late needs.

Amounts are in 万元. Read in sets for all departments at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.case import TERMINAL
from include.domain.escalation import (
    APPROVED_OR_BEYOND,
    BEFORE_DRAWN,
    NO_CONTACT,
    NOTHING_LEFT_TO_DO,
    Contact,
    unreachable,
)
from include.reference.day import Day
from include.words.shown import shown

LATE = "DQ52"
"""The rule of a need that came after the cut-off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedDown:
    """A need that enough institutions refused, and none approved (S03). `refusals`: institution and reason, by institution."""

    need_id: str
    company: str
    is_major: bool
    amount: Decimal | None
    refusals: tuple[tuple[str, str | None], ...]
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfReach:
    """A need whose enterprise institutions could not reach (S05). `since`: the first failure."""

    need_id: str
    company: str
    is_major: bool
    since: date


@dataclass(slots=True, kw_only=True)
class OpenMatters:
    """Those of one department. `quiet`: cases without an event for long; `late`: needs that wait for a decision on their quarter."""

    turned_down: list[TurnedDown] = field(default_factory=list)
    out_of_reach: list[OutOfReach] = field(default_factory=list)
    quiet: int = 0
    late: int = 0


def open_matters(connection: sa.Connection, quarters: Sequence[str], day: Day) -> dict[str, OpenMatters]:
    """By department, for needs of `quarters`."""
    found: defaultdict[str, OpenMatters] = defaultdict(OpenMatters)
    for code, refused in _turned_down(connection, quarters, day):
        found[code].turned_down.append(refused)
    for code, lost in _out_of_reach(connection, quarters, day):
        found[code].out_of_reach.append(lost)
    for code, number in _quiet(connection, quarters, day).items():
        found[code].quiet = number
    for row in connection.execute(_LATE, {"quarters": list(quarters), "rule_id": LATE}):
        found[row.department_code].late = row.late
    return dict(found)


# --- S03 -------------------------------------------------------------------------------------------------------------


def _turned_down(connection: sa.Connection, quarters: Sequence[str], day: Day) -> list[tuple[str, TurnedDown]]:
    """Department and need, those with most refusals first."""
    asked = {
        "quarters": list(quarters),
        "ended": sorted(TERMINAL),
        "beyond": sorted(APPROVED_OR_BEYOND),
        "needed": day.policy.integer("declined_needed"),
        "nothing_left": sorted(NOTHING_LEFT_TO_DO),
    }
    rows: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(_REFUSED, asked):
        rows[row.need_id].append(row)
    found = [(refused[0].department_code, _refused(refused)) for refused in rows.values()]
    return sorted(found, key=lambda one: (not one[1].is_major, -len(one[1].refusals), one[1].need_id))


def _refused(rows: Sequence[sa.Row[Any]]) -> TurnedDown:
    first = rows[0]
    return TurnedDown(
        need_id=first.need_id,
        company=shown("enterprise.name", first.enterprise_name, first.uscc, "mail"),
        is_major=first.is_major,
        amount=first.financing_need,
        refusals=tuple((row.institution_code, row.reason_code) for row in rows),
        since=max(row.state_since for row in rows),
    )


# --- S05 and S02 -----------------------------------------------------------------------------------------------------


def _out_of_reach(connection: sa.Connection, quarters: Sequence[str], day: Day) -> list[tuple[str, OutOfReach]]:
    """Department and need, the longest waiting first."""
    events: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(_CONTACTS, {"quarters": list(quarters), "no_contact": NO_CONTACT}):
        events[row.need_id].append(row)
    found = []
    for need_id, rows in events.items():
        contacts = [Contact(row.counted_at.astimezone(SHANGHAI), row.type, row.reason_code) for row in rows]
        breach = unreachable(need_id, contacts, day.policy)
        if breach is not None:
            first = rows[0]
            company = shown("enterprise.name", first.enterprise_name, first.uscc, "mail")
            lost = OutOfReach(need_id=need_id, company=company, is_major=first.is_major, since=breach.since)
            found.append((first.department_code, lost))
    return sorted(found, key=lambda one: (one[1].since, one[1].need_id))


def _quiet(connection: sa.Connection, quarters: Sequence[str], day: Day) -> Counter[str]:
    """Needs with a case that no institution has reported on for more than idle_working_days, by department."""
    asked = {"quarters": list(quarters), "before_drawn": sorted(BEFORE_DRAWN)}
    most = day.policy.integer("idle_working_days")
    quiet: dict[str, str] = {}
    for row in connection.execute(_OPEN_CASES, asked):
        if day.calendar.working_days_after(row.quiet_since, day.today) > most:
            quiet[row.need_id] = row.department_code
    return Counter(quiet.values())


_REFUSED = sa.text(
    """
    with ended as (
        select matched.need_id, count(*) as refusals, bool_and(matched.reason_code = any(:nothing_left)) as nothing_left
        from matching_case matched where matched.state = any(:ended) group by matched.need_id
    )
    select version.need_id, version.department_code, version.enterprise_name, version.uscc, version.is_major,
           version.financing_need, matched.institution_code, matched.reason_code, matched.state_since
    from live_need version join ended using (need_id) join matching_case matched using (need_id)
    where version.quarter = any(:quarters) and matched.state = any(:ended) and ended.nothing_left is not true
      and ended.refusals >= case cardinality(version.intended_institutions)
          when 0 then :needed else least(:needed, cardinality(version.intended_institutions))
      end
      and not exists (
          select from matching_case other where other.need_id = version.need_id
          and (other.drawn > 0 or other.state = any(:beyond))
      )
      and not exists (select from holding_alert held where held.need_id = version.need_id)
    order by version.need_id, matched.institution_code
    """
)

_CONTACTS = sa.text(
    """
    select version.need_id, version.department_code, version.enterprise_name, version.uscc, version.is_major,
           event.type, event.reason_code, event.counted_at
    from live_need version join counted_feedback event using (need_id)
    where version.quarter = any(:quarters) and exists (
        select from feedback_event failed where failed.need_id = version.need_id and failed.reason_code = :no_contact
    )
    order by version.need_id, event.counted_at
    """
)

_OPEN_CASES = sa.text(
    """
    select version.need_id, version.department_code,
           coalesce((matched.last_event_at at time zone 'Asia/Shanghai')::date, matched.opened_on) as quiet_since
    from live_need version join matching_case matched using (need_id)
    where version.quarter = any(:quarters) and not matched.paused and matched.state = any(:before_drawn)
    """
)

_LATE = sa.text(
    """
    select hold.department_code, count(distinct hold.need_id) as late
    from quarantine hold join quarantine_finding because using (quarantine_id)
    where hold.quarter = any(:quarters) and hold.state = 'open' and because.rule_id = :rule_id
    group by hold.department_code
    """
)

"""Open items (未办结): every breach and obstruction of live needs, read in sets and judged by the pure rules.

Withdrawn and expired needs, paused and terminal cases are left out (handbook section 8: no ladder for them).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain.escalation import Acknowledged, Breach, BreachKey, CaseFacts, Contact
from include.domain.quarter import Quarter
from include.domain.routing import Place
from include.domain.states import Level, Stall
from include.reference import branches, departments
from include.reference.day import Day
from include.words.shown import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Facts of a need for mails and routing; `company` masked for mails."""

    need_id: str
    company: str
    is_major: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """An open breach or obstruction, overdue by so many working days (0: not yet)."""

    breach: Breach
    need: Need
    state: str
    overdue: int
    reason_code: str | None
    level: Level | None = None
    """For an obstruction: whose turn it is; None for what climbs the ladder."""
    acknowledged: Acknowledged | None = None
    """Acknowledged by the coordinators, and since when the case has been quiet."""

    @property
    def key(self) -> BreachKey:
        """Its identity."""
        return self.breach.key

    @property
    def subject(self) -> tuple[str, str]:
        """The case, or the need as a whole."""
        return (self.breach.need_id, self.breach.institution_code)


_NEEDS = """
    with pushed as (
        select need_id, min(pushed_at) as pushed_at, max(revision) as revision from delivered_push group by need_id
    ), live as (
        select distinct on (v.need_id) v.need_id, v.quarter, v.is_major, v.enterprise_name, v.uscc, v.city_code,
               v.department_code, v.branch_code, pushed.pushed_at
        from need_version v left join pushed on pushed.need_id = v.need_id
        where not exists (select from withdrawal_notice w where w.need_id = v.need_id)
        order by v.need_id, (v.revision = pushed.revision) desc nulls last, v.revision desc
    )
"""

_CLOCKS = sa.text(
    _NEEDS
    + """
    select live.*, c.institution_code, c.from_type, c.to_type, c.day0, c.due_on, c.provisional, m.state
    from case_clock c join matching_case m using (need_id, institution_code) join live using (need_id)
    where c.stopped_on is null and not c.paused and c.due_on < :today
      and not m.paused and m.state not in ('declined', 'closed')
    """
)

_CASES = sa.text(
    _NEEDS
    + """
    select live.*, m.institution_code, m.intended, m.state, m.state_since, m.opened_on, m.last_event_at, m.paused,
           m.drawn, m.reopened
    from matching_case m join live using (need_id)
    where m.need_id in (select need_id from matching_case where state in ('declined', 'closed'))
       or (not m.paused and m.state not in ('drawn', 'post_loan')
           and coalesce((m.last_event_at at time zone 'Asia/Shanghai')::date, m.opened_on) < :idle_before)
    """
)

_NO_CONTACT = sa.text(
    _NEEDS
    + """
    select live.*, e.counted_at, e.type, e.reason_code
    from counted_feedback e join live using (need_id)
    where e.need_id in (
        select need_id from feedback_event where reason_code = :code group by need_id having count(*) >= :failures
    )
    """
)

_UNCLAIMED = sa.text(
    _NEEDS
    + """
    select live.* from live
    where live.pushed_at is not null
      and not exists (select from feedback_event e where e.need_id = live.need_id)
    """
)

_OBSTRUCTIONS = sa.text(
    _NEEDS
    + """
    select live.*, ticket.institution_code, m.state, ticket.obstruction_id, ticket.reason_code, ticket.level,
           ticket.level_since, ticket.opened_on, ticket.confirm_by, ticket.provisional,
           coalesce(ticket.acknowledge_by, ticket.resolve_by) as answer_by
    from obstruction_ticket ticket join matching_case m using (need_id, institution_code) join live using (need_id)
    where ticket.state in ('open', 'acknowledged', 'in_progress') or ticket.confirm_by < :today
    """
)

_ALERTS = sa.text(
    _NEEDS
    + """
    select live.*, a.institution_code, coalesce(m.state, '') as state, a.rule_id, a.opened_at
    from alert a join live using (need_id) left join matching_case m using (need_id, institution_code)
    where a.state = 'open' and a.severity = 'hold'
    """
)

_RETURNS = sa.text(
    _NEEDS
    + """
    select live.*, sent.revision, sent.returned_on, sent.respond_by from open_return sent join live using (need_id)
    """
)

_APPROVED = sa.text(
    "select distinct need_id from matching_case"
    " where furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')"
)


# The newest acknowledgement of each breach, and since when its case has been quiet.
_ACKNOWLEDGED = sa.text(
    """
    select distinct on (a.need_id, a.institution_code, a.rule_id, a.breach)
           a.need_id, a.institution_code, a.rule_id, a.breach, a.step,
           (greatest(a.at, m.last_event_at) at time zone 'Asia/Shanghai')::date as quiet_since
    from escalation_acknowledgement a left join matching_case m using (need_id, institution_code)
    order by a.need_id, a.institution_code, a.rule_id, a.breach, a.at desc, a.acknowledgement_id desc
    """
)


def open_items(connection: sa.Connection, day: Day) -> list[OpenItem]:
    """Everything that climbs the ladder (S01, S02, S03, S05, S06), obstructions, returns for departments (S07), open alerts."""
    approved = set(connection.execute(_APPROVED).scalars())
    acknowledged = {
        (row.need_id, row.institution_code, row.rule_id, row.breach): Acknowledged(row.step, row.quiet_since)
        for row in connection.execute(_ACKNOWLEDGED)
    }
    needs: dict[str, Need] = {}
    return [
        OpenItem(
            breach=breach,
            need=needs.get(breach.need_id) or needs.setdefault(breach.need_id, _need(row)),
            state=row["state"] if breach.institution_code else "",
            overdue=day.calendar.working_days_after(breach.due_on, day.today),
            reason_code=reason_code,
            level=row["level"] if breach.rule_id == Stall.OBSTRUCTION else None,
            acknowledged=acknowledged.get(breach.key),
        )
        for breach, row, reason_code in _found(connection, day)
        if row["need_id"] in approved or not stalls.expired(Quarter.parse(row["quarter"]), day.today, day.policy)
    ]


_Found = tuple[Breach, sa.RowMapping, str | None]


def _found(connection: sa.Connection, day: Day) -> Iterator[_Found]:
    today, policy = day.today, day.policy
    for row in connection.execute(_CLOCKS, {"today": today}).mappings():
        yield _limit_overdue(row), row, None
    yield from _stalled_cases(connection, day)
    failures = {"code": stalls.NO_CONTACT, "failures": policy.integer("contact_failures")}
    for need_id, rows in _by_need(connection.execute(_NO_CONTACT, failures).mappings()).items():
        events = [Contact(row["counted_at"].astimezone(SHANGHAI), row["type"], row["reason_code"]) for row in rows]
        if (breach := stalls.unreachable(need_id, events, policy)) is not None:
            yield breach, rows[0], None
    for row in connection.execute(_UNCLAIMED).mappings():
        yield stalls.unclaimed(row["need_id"], _local_day(row["pushed_at"]), day.calendar, policy), row, None
    for row in connection.execute(_RETURNS).mappings():
        answer = row["returned_on"], row["respond_by"]
        yield stalls.return_unanswered(row["need_id"], row["revision"], *answer), row, None
    for row in connection.execute(_OBSTRUCTIONS, {"today": today}).mappings():
        yield _obstruction(row), row, row["reason_code"]
    for row in connection.execute(_ALERTS).mappings():
        found_on = _local_day(row["opened_at"])
        yield stalls.alert_opened(row["need_id"], row["institution_code"], row["rule_id"], found_on), row, None


def _limit_overdue(row: sa.RowMapping) -> Breach:
    return stalls.limit_overdue(
        row["need_id"],
        row["institution_code"],
        limit=(row["from_type"], row["to_type"]),
        day0=row["day0"],
        due_on=row["due_on"],
        provisional=row["provisional"],
    )


def _stalled_cases(connection: sa.Connection, day: Day) -> Iterator[_Found]:
    calendar, policy = day.calendar, day.policy
    idle_before = calendar.add_working_days(day.today, -policy.integer("idle_working_days")).day
    for rows in _by_need(connection.execute(_CASES, {"idle_before": idle_before}).mappings()).values():
        cases = [_case_facts(row) for row in rows]
        for case, row in zip(cases, rows, strict=True):
            if (breach := stalls.idle(case, calendar, policy)) is not None:
                yield breach, row, None
        # All cases are read only for needs with a refusal; without one the rule cannot apply.
        if (breach := stalls.turned_down(cases, policy)) is not None:
            yield breach, rows[0], None


def _obstruction(row: sa.RowMapping) -> Breach:
    which = (row["need_id"], row["institution_code"], row["obstruction_id"])
    if row["confirm_by"] is not None:
        return stalls.unconfirmed(
            *which, confirm_by=row["confirm_by"], since=row["opened_on"], provisional=row["provisional"]
        )
    return stalls.obstruction(
        *which,
        level=Level(row["level"]),
        level_since=row["level_since"],
        since=row["opened_on"],
        due_on=row["answer_by"],
        provisional=row["provisional"],
    )


def _case_facts(row: sa.RowMapping) -> CaseFacts:
    return CaseFacts(
        need_id=row["need_id"],
        institution_code=row["institution_code"],
        intended=row["intended"],
        state=row["state"],
        state_since=row["state_since"],
        last_activity_on=_local_day(row["last_event_at"]) if row["last_event_at"] else row["opened_on"],
        paused=row["paused"],
        drawn=row["drawn"],
        reopened=row["reopened"],
    )


def _need(row: sa.RowMapping) -> Need:
    department = departments().get(row["department_code"])
    branch = branches().get(row["branch_code"] or (department.branch_code if department else ""))
    return Need(
        need_id=row["need_id"],
        company=shown("enterprise.name", row["enterprise_name"], row["uscc"], "mail"),
        is_major=row["is_major"],
        place=Place(
            city_code=row["city_code"],
            department_code=row["department_code"],
            branch_region=branch.region_code if branch else None,
        ),
    )


def _by_need(rows: Iterable[sa.RowMapping]) -> dict[str, list[sa.RowMapping]]:
    found: defaultdict[str, list[sa.RowMapping]] = defaultdict(list)
    for row in rows:
        found[row["need_id"]].append(row)
    return found


def _local_day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()


# --- What the operator has to look at --------------------------------------------------------------------------------

_UNANSWERED_PUSHES = sa.text(
    """
    select need_id, revision, created_at as since from delivery
    where action = 'push' and state in ('pending', 'unknown') and created_at < :today
    """
)

# A record without a usable need_id is named by the number of its hold.
_UNDECIDED_HOLDS = sa.text(
    """
    select coalesce(hold.need_id, '挂起记录' || hold.quarantine_id) as need_id, coalesce(hold.revision, 0) as revision,
           hold.opened_at as since
    from quarantine hold
    where hold.state = 'open' and hold.opened_at < :today
      and not exists (select from withdrawal_notice w where w.need_id = hold.need_id)
      and not exists (
          select from need_version higher
          where higher.need_id = hold.need_id and higher.revision > hold.revision
      )
    """
)


def operator_breaches(connection: sa.Connection, day: Day) -> list[tuple[Breach, int]]:
    """Pushes without a result (S04) and holds without a decision (S08), overdue by so many working days."""
    today, calendar, policy = day.today, day.calendar, day.policy
    start = {"today": datetime.combine(today, time(), SHANGHAI)}
    found = [
        stalls.push_unanswered(row.need_id, row.revision, _local_day(row.since), calendar, policy)
        for row in connection.execute(_UNANSWERED_PUSHES, start)
    ]
    found += [
        stalls.hold_undecided(row.need_id, row.revision, _local_day(row.since), calendar, policy)
        for row in connection.execute(_UNDECIDED_HOLDS, start)
    ]
    counted = [(breach, calendar.working_days_after(breach.due_on, today)) for breach in found]
    return sorted((one for one in counted if one[1] > 0), key=lambda one: (-one[1], one[0].need_id, one[0].rule_id))

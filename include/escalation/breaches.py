"""Open items (未办结): what the ladder looks at, read in sets and judged by the pure rules.

One item a need for its limits, whatever the institution: the oldest overdue one. Withdrawn and expired needs, paused and
terminal cases are left out (handbook section 8: no ladder for them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain.escalation import Breach
from include.domain.ladder import Acknowledged
from include.domain.quarter import Quarter
from include.domain.routing import Place
from include.domain.states import BreachKind, Level
from include.reference import branches, departments
from include.reference.day import Day
from include.store.database import statement_beside
from include.words.shown import shown

StepKey = tuple[str, str, str, int]
"""need_id, rule_id, item and round: of which each step is told once to each authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Facts of a need for mails and routing; names masked for mails, `amount`: the financing needed, in 万元."""

    need_id: str
    company: str
    project: str
    amount: Decimal | None
    is_major: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Who took an item on (an actor's id), and when."""

    actor_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """An open item, overdue by so many working days (0: not yet)."""

    breach: Breach
    need: Need
    state: str
    overdue: int
    reason_code: str | None
    round: int = 1
    level: Level | None = None
    """For an obstruction: whose turn it is; None for all else."""
    obstruction_id: str = ""
    taken_on: Taken | None = None
    acknowledged: Acknowledged | None = None
    """Taken on by the coordinators, and since when the case has been quiet."""

    @property
    def key(self) -> StepKey:
        """Its identity in its round."""
        return (*self.breach.key, self.round)


def open_items(connection: sa.Connection, day: Day) -> list[OpenItem]:
    """What climbs the ladder (S01, S06), obstructions, returns (S07), forgotten holds (S08) and open alerts."""
    asked = {
        "today": day.today,
        "pushed_before": day.calendar.add_working_days(day.today, -day.policy.integer("unclaimed_working_days")).day,
        "held_before": _begin(
            day.calendar.add_working_days(day.today, -2 * day.policy.integer("hold_decision_working_days")).day
        ),
    }
    rounds = {(row.need_id, row.rule_id): row.round for row in connection.execute(_ROUNDS)}
    approved = set(connection.execute(_APPROVED).scalars())
    acknowledged = {
        (row.need_id, row.rule_id, row.item, row.round): row for row in connection.execute(_ACKNOWLEDGED).all()
    }
    needs: dict[str, Need] = {}
    found = []
    for breach, row in _found(connection, asked, day):
        if row["need_id"] not in approved and stalls.expired(Quarter.parse(row["quarter"]), day.today, day.policy):
            continue
        item = OpenItem(
            breach=breach,
            need=needs.get(breach.need_id) or needs.setdefault(breach.need_id, _need(row, breach.need_id)),
            state=row["state"] or "",
            overdue=day.calendar.working_days_after(breach.due_on, day.today),
            reason_code=row["reason_code"],
            round=rounds.get((breach.need_id, breach.rule_id), 1) if not breach.key[-1] else 1,
            level=Level(row["level"]) if row["level"] else None,
            obstruction_id=row["obstruction_id"] or "",
        )
        if (by := acknowledged.get(item.key)) is not None:
            item = replace(
                item,
                taken_on=Taken(actor_id=by.actor, at=by.at),
                acknowledged=Acknowledged(by.step, _quiet_since(by.at, row["last_event_at"])),
            )
        found.append(item)
    return found


def _found(connection: sa.Connection, asked: Mapping[str, object], day: Day) -> Iterator[tuple[Breach, sa.RowMapping]]:
    for row in connection.execute(_OPEN, asked).mappings():
        breach = _breach(row, day)
        if breach is not None:
            yield breach, row


def _breach(row: sa.RowMapping, day: Day) -> Breach | None:
    need_id, institution, provisional = row["need_id"], row["institution_code"], row["provisional"]
    match BreachKind(row["kind"]):
        case BreachKind.LIMIT:
            return stalls.limit_overdue(
                need_id,
                institution,
                limit=(row["from_type"], row["to_type"]),
                day0=row["since"],
                due_on=row["due_on"],
                provisional=provisional,
            )
        case BreachKind.UNCLAIMED:
            return stalls.unclaimed(need_id, row["since"], day.calendar, day.policy)
        case BreachKind.RETURN:
            return stalls.return_unanswered(need_id, row["revision"], row["since"], row["due_on"])
        case BreachKind.HOLD:
            forgotten = stalls.hold_forgotten(need_id, row["revision"], row["since"], day.calendar, day.policy)
            return forgotten if forgotten.due_on < day.today else None
        case BreachKind.ALERT:
            return stalls.alert_opened(need_id, institution, row["rule_id"], row["since"])
        case BreachKind.CONFIRMATION:
            return stalls.unconfirmed(
                need_id,
                institution,
                row["obstruction_id"],
                confirm_by=row["due_on"],
                since=row["since"],
                provisional=provisional,
            )
        case _:
            return stalls.obstruction(
                need_id,
                institution,
                row["obstruction_id"],
                level=Level(row["level"]),
                level_since=row["level_since"],
                since=row["since"],
                due_on=row["due_on"],
                provisional=provisional,
            )


def _need(row: sa.RowMapping, need_id: str) -> Need:
    department = departments().get(row["department_code"])
    branch = branches().get(row["branch_code"] or (department.branch_code if department else ""))
    return Need(
        need_id=need_id,
        company=shown("enterprise.name", row["enterprise_name"], row["uscc"], "mail"),
        project=shown("project.name", row["project_name"], row["uscc"], "mail"),
        amount=row["financing_need"],
        is_major=row["is_major"],
        place=Place(
            city_code=row["city_code"],
            department_code=row["department_code"],
            branch_region=branch.region_code if branch else None,
        ),
    )


def _quiet_since(at: datetime, last_event_at: datetime | None) -> date:
    newest = at if last_event_at is None else max(at, last_event_at)
    return newest.astimezone(SHANGHAI).date()


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


_OPEN = statement_beside(__file__, "open_items.sql")

# The round that runs, or else the one that would begin.
_ROUNDS = sa.text(
    """
    select need_id, rule_id, max(round) + (not bool_or(ended_at is null))::int as round
    from escalation_round group by need_id, rule_id
    """
)

_APPROVED = sa.text(
    "select distinct need_id from matching_case"
    " where furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')"
)

_ACKNOWLEDGED = sa.text(
    """
    select distinct on (need_id, rule_id, item, round) need_id, rule_id, item, round, step, actor, at
    from escalation_acknowledgement
    order by need_id, rule_id, item, round, at desc, acknowledgement_id desc
    """
)


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
    select coalesce(hold.need_id, '待核实记录' || hold.quarantine_id || '号') as need_id, coalesce(hold.revision, 0) as revision,
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
    start = {"today": _begin(today)}
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


def _local_day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()

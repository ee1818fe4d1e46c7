"""The stalled needs as the console shows them (逾期督办): one row a need, page by page; who was told, and what comes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain import ladder
from include.domain.escalation import Breach
from include.domain.states import BreachKind, Level, Stall, StepState
from include.reference.day import Day
from include.store import people
from include.store.database import statement_beside
from include.store.tables import coordinator, escalation_acknowledgement, escalation_round, escalation_step
from include.words.names import post_label
from include.words.shown import shown
from include.words.stalls import rung_label, why

RULES = (Stall.S01, Stall.S06, Stall.S02)
"""What the page can be filtered by; without a filter it shows what climbs the ladder, and not what is only quiet (S02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step of which somebody was told: which post, when."""

    step: int
    post: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledNeed:
    """A need that stalls, overdue by so many working days; `next_on`, `next_to` are empty at the top of the ladder."""

    need_id: str
    company: str
    department_code: str
    is_major: bool
    institution_code: str
    state: str
    rule_id: str
    title: str
    since: date
    due_on: date
    provisional: bool
    overdue: int
    told: tuple[Told, ...]
    taken_on_by: str
    quiet_since: date | None
    next_on: date | None
    next_to: str


@dataclass(frozen=True, slots=True)
class Board:
    """A page of stalled needs, the longest overdue first, and how many there are in all."""

    rows: Sequence[StalledNeed]
    total: int


def stalled_needs(
    connection: sa.Connection, *, day: Day, department: str = "", rule_id: str = "", rows: int = 50, after: int = 0
) -> Board:
    """The stalled needs of a department ("": of all) by this rule ("": what climbs the ladder)."""
    policy, calendar = day.policy, day.calendar
    found = connection.execute(
        _BOARD,
        {
            "today": day.today,
            "department": department,
            "rule_id": rule_id,
            "pushed_before": calendar.add_working_days(day.today, -policy.integer("unclaimed_working_days")).day,
            "idle_before": calendar.add_working_days(day.today, -policy.integer("idle_working_days")).day,
            "valid_quarters": policy.integer("need_validity_quarters"),
            "rows": rows,
            "after": after,
        },
    ).all()
    needs = [row.need_id for row in found]
    told, taken_on = _told(connection, needs), _taken_on(connection, needs)
    by = people.names(connection)
    return Board(
        [
            _stalled(row, told.get((row.need_id, row.rule_id), ()), taken_on.get((row.need_id, row.rule_id)), by, day)
            for row in found
        ],
        found[0].total if found else 0,
    )


def _stalled(
    row: sa.Row[Any], steps: Collection[sa.Row[Any]], taken: sa.Row[Any] | None, by: dict[str, str], day: Day
) -> StalledNeed:
    breach = _breach(row, day)
    mailed = [one for one in steps if one.state == StepState.MAILED]
    of = (
        ()
        if row.rule_id == Stall.S02
        else ladder.rungs(breach.kind, is_major=row.is_major, level=None, policy=day.policy)
    )
    above = ladder.next_rung(max((one.step for one in steps), default=0), of)
    quiet = None
    if taken is not None:
        quiet = ladder.Acknowledged(
            taken.step, max(taken.at, row.last_event_at or taken.at).astimezone(SHANGHAI).date()
        )
    return StalledNeed(
        need_id=row.need_id,
        company=shown("enterprise.name", row.enterprise_name, row.uscc, "mail"),
        department_code=row.department_code,
        is_major=row.is_major,
        institution_code=row.institution_code,
        state=row.state,
        rule_id=row.rule_id,
        title=why(breach),
        since=breach.since,
        due_on=breach.due_on,
        provisional=breach.provisional,
        overdue=day.calendar.working_days_after(breach.due_on, day.today),
        told=tuple(Told(step=one.step, post=_post(one), at=one.raised_at) for one in mailed),
        taken_on_by="" if taken is None else _who(taken, by),
        quiet_since=quiet.quiet_since if quiet else None,
        next_on=ladder.climbs_on(breach.due_on, above, quiet, day.calendar, day.policy) if above else None,
        next_to=rung_label(above) if above else "",
    )


def _breach(row: sa.Row[Any], day: Day) -> Breach:
    if row.rule_id == Stall.S06:
        return stalls.unclaimed(row.need_id, row.since, day.calendar, day.policy)
    due_on, provisional = row.due_on, row.provisional
    if row.rule_id == Stall.S02:
        due = day.calendar.add_working_days(row.since, day.policy.integer("idle_working_days"))
        due_on, provisional = due.day, due.provisional
    return Breach(
        need_id=row.need_id,
        institution_code=row.institution_code,
        rule_id=row.rule_id,
        kind=BreachKind(row.kind),
        about=(row.about,),
        since=row.since,
        due_on=due_on,
        provisional=provisional,
    )


def _post(one: sa.Row[Any]) -> str:
    if one.level is None:
        return str(one.coordinator_id)
    return post_label(one.authority, Level(one.level), one.region_code)


def _who(taken: sa.Row[Any], by: dict[str, str]) -> str:
    return _post(taken) if taken.level is not None else people.called(by, taken.actor)


def _told(connection: sa.Connection, needs: Sequence[str]) -> dict[tuple[str, str], list[sa.Row[Any]]]:
    """The steps of the rounds that run."""
    found: dict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    step, running = escalation_step.c, escalation_round.c
    rows = connection.execute(
        sa.select(escalation_step, coordinator.c.level, coordinator.c.region_code)
        .join(
            escalation_round,
            (running.need_id == step.need_id)
            & (running.rule_id == step.rule_id)
            & (running.round == step.round)
            & running.ended_at.is_(None),
        )
        .join(coordinator, coordinator.c.coordinator_id == step.coordinator_id, isouter=True)
        .where(step.need_id == sa.any_(sa.literal(list(needs), sa.ARRAY(sa.Text))), step.item == "")
        .order_by(step.step, step.step_id)
    )
    for row in rows:
        found[row.need_id, row.rule_id].append(row)
    return found


def _taken_on(connection: sa.Connection, needs: Sequence[str]) -> dict[tuple[str, str], sa.Row[Any]]:
    """The newest acknowledgement in the rounds that run."""
    taken, running = escalation_acknowledgement.c, escalation_round.c
    rows = connection.execute(
        sa.select(
            escalation_acknowledgement,
            coordinator.c.authority,
            coordinator.c.level,
            coordinator.c.region_code,
            coordinator.c.coordinator_id,
        )
        .join(
            escalation_round,
            (running.need_id == taken.need_id)
            & (running.rule_id == taken.rule_id)
            & (running.round == taken.round)
            & running.ended_at.is_(None),
        )
        .join(coordinator, coordinator.c.coordinator_id == taken.actor, isouter=True)
        .where(taken.need_id == sa.any_(sa.literal(list(needs), sa.ARRAY(sa.Text))), taken.item == "")
        .order_by(taken.at, taken.acknowledgement_id)
    )
    return {(row.need_id, row.rule_id): row for row in rows}


_BOARD = statement_beside(__file__, "board.sql")

"""The stalled needs as the console shows them (逾期督办): one row a need, page by page; who was told, and what comes next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain import ladder
from include.domain.escalation import Breach
from include.domain.states import Authority, BreachKind, Level, Stall, StepState
from include.escalation.rounds import in_running_round
from include.reference.day import Day
from include.store import name_search, people
from include.store.database import statement_beside
from include.store.tables import coordinator, escalation_acknowledgement, escalation_round, escalation_step
from include.words.names import office, post_label
from include.words.shown import Reader, shown
from include.words.stalls import rung_label, why
from include.words.states import word

RULES = (Stall.S01, Stall.S06, Stall.S02)
"""What the page can be filtered by; without a filter it shows what climbs the ladder, and not what is only quiet (S02)."""
YELLOW_WORKING_DAYS = 5
"""黄灯: overdue by so many working days at most; beyond, 红灯 (as supervision systems have it; no rule depends on it)."""
LEVELS = (None, Level.CITY, Level.PROVINCE, Level.NATION)
"""Where a need can stand: nobody told yet, or the highest level told in its present round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledFilter:
    """Which stalled needs; an empty field asks for nothing. `level`: the highest told, `none` for not told yet; `institution`:
    overdue there; `words`: as in the list of needs; amounts in 万元."""

    words: str = ""
    department: str = ""
    city: str = ""
    institution: str = ""
    rule: str = ""
    level: Level | Literal["", "none"] = ""
    light: Literal["", "yellow", "red"] = ""
    at_least: Decimal | None = None
    at_most: Decimal | None = None


EVERYTHING = StalledFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step of which somebody was told: which post, its office as a letter addresses it, when."""

    step: int
    post: str
    office: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledNeed:
    """A need that stalls, overdue by so many working days; `next_on`, `next_to` are empty at the top of the ladder.

    `institutions`: where it is overdue, longest first; `financing_need` in 万元; `red`: more than YELLOW_WORKING_DAYS.
    """

    need_id: str
    company: str
    department_code: str
    city_code: str
    financing_need: Decimal | None
    is_major: bool
    institution_code: str
    institutions: tuple[str, ...]
    state: str
    rule_id: str
    title: str
    since: date
    due_on: date
    provisional: bool
    overdue: int
    red: bool
    told: tuple[Told, ...]
    taken_on_by: str
    quiet_since: date | None
    next_on: date | None
    next_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A page of stalled needs, the longest overdue first, and how many match in all.

    `levels`, `lights` (red or not), `cities`: how many there would be with another choice of just this one.
    """

    rows: Sequence[StalledNeed]
    total: int
    levels: Mapping[Level | None, int]
    lights: Mapping[bool, int]
    cities: Mapping[str, int]


def stalled_needs(
    connection: sa.Connection,
    *,
    day: Day,
    wanted: StalledFilter = EVERYTHING,
    role: Reader = "mail",
    rows: int = 50,
    after: int = 0,
) -> Board:
    """The stalled needs that match, after so many; without a rule, those that climb the ladder.

    `role`: whose eyes the words of the filter search with; a sole proprietor is found by its numbers alone.
    """
    return _listed(connection, day, wanted, name_search.found_by_words(connection, wanted.words, role), rows, after)


def stalled_need(connection: sa.Connection, need_id: str, *, day: Day) -> StalledNeed | None:
    """The need as the list shows it; None unless it climbs the ladder."""
    rows = _listed(connection, day, EVERYTHING, [need_id], 1, 0).rows
    return rows[0] if rows else None


def _listed(
    connection: sa.Connection, day: Day, wanted: StalledFilter, named: list[str] | None, rows: int, after: int
) -> Board:
    level = None if wanted.level == "" else LEVELS.index(None if wanted.level == "none" else Level(wanted.level))
    red = None if wanted.light == "" else wanted.light == "red"
    found = connection.execute(
        _BOARD,
        {
            **_days(day),
            "named": named,
            "department": wanted.department,
            "city": wanted.city,
            "institution": wanted.institution,
            "rule_id": wanted.rule,
            "level": level,
            "red": red,
            "at_least": wanted.at_least,
            "at_most": wanted.at_most,
            "rows": rows,
            "after": after,
        },
    ).all()
    listed = [row for row in found if row.need_id is not None]
    needs = [row.need_id for row in listed]
    told, taken_on = _told(connection, needs), _taken_on(connection, needs)
    by = people.names(connection)
    return _board(
        found[0].counts,
        wanted,
        level,
        red,
        [
            _stalled(row, told.get((row.need_id, row.rule_id), ()), taken_on.get((row.need_id, row.rule_id)), by, day)
            for row in listed
        ],
    )


def _days(day: Day) -> dict[str, Any]:
    """Today, and the days before which something has lasted too long."""
    policy, calendar = day.policy, day.calendar
    unclaimed, idle = policy.integer("unclaimed_working_days"), policy.integer("idle_working_days")
    # From this day to today there are just one more than the yellow ones: what fell due earlier is red.
    red_before = calendar.add_working_days(day.today + timedelta(days=1), -(YELLOW_WORKING_DAYS + 1)).day
    return {
        "today": day.today,
        "red_before": red_before,
        "unclaimed_red_before": calendar.add_working_days(red_before, -unclaimed).day,
        "idle_red_before": calendar.add_working_days(red_before, -idle).day,
        "pushed_before": calendar.add_working_days(day.today, -unclaimed).day,
        "idle_before": calendar.add_working_days(day.today, -idle).day,
        "valid_quarters": policy.integer("need_validity_quarters"),
    }


def _board(
    counts: Sequence[Mapping[str, Any]],
    wanted: StalledFilter,
    level: int | None,
    red: bool | None,
    rows: Sequence[StalledNeed],
) -> Board:
    levels: Counter[Level | None] = Counter()
    lights: Counter[bool] = Counter()
    cities: Counter[str] = Counter()
    total = 0
    for one in counts:
        of_level, of_light = level in (None, one["level"]), red in (None, one["red"])
        of_city = wanted.city in ("", one["city_code"])
        if of_light and of_city:
            levels[LEVELS[one["level"]]] += one["needs"]
        if of_level and of_city:
            lights[one["red"]] += one["needs"]
        if of_level and of_light:
            cities[one["city_code"]] += one["needs"]
        if of_level and of_light and of_city:
            total += one["needs"]
    return Board(rows=rows, total=total, levels=levels, lights=lights, cities=cities)


def _stalled(
    row: sa.Row[Any], steps: Collection[sa.Row[Any]], taken: sa.Row[Any] | None, by: dict[str, str], day: Day
) -> StalledNeed:
    breach = _breach(row, day)
    overdue = day.calendar.working_days_after(breach.due_on, day.today)
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
        city_code=row.city_code or "",
        financing_need=row.financing_need,
        is_major=row.is_major,
        institution_code=row.institution_code,
        institutions=tuple(row.institutions) or ((row.institution_code,) if row.institution_code else ()),
        state=row.state,
        rule_id=row.rule_id,
        title=why(breach),
        since=breach.since,
        due_on=breach.due_on,
        provisional=breach.provisional,
        overdue=overdue,
        red=overdue > YELLOW_WORKING_DAYS,
        told=tuple(Told(step=one.step, post=_post(one), office=_office(one), at=one.raised_at) for one in mailed),
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


def _office(one: sa.Row[Any]) -> str:
    if one.level is None:
        return word(Authority, one.authority)
    return office(Authority(one.authority), Level(one.level), one.region_code)


def _who(taken: sa.Row[Any], by: dict[str, str]) -> str:
    return _post(taken) if taken.level is not None else people.called(by, taken.actor)


def _told(connection: sa.Connection, needs: Sequence[str]) -> dict[tuple[str, str], list[sa.Row[Any]]]:
    """The steps of the rounds that run."""
    found: dict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    step = escalation_step.c
    rows = connection.execute(
        sa.select(escalation_step, coordinator.c.level, coordinator.c.region_code)
        .join(escalation_round, in_running_round(escalation_step))
        .join(coordinator, coordinator.c.coordinator_id == step.coordinator_id, isouter=True)
        .where(step.need_id == sa.any_(sa.literal(list(needs), sa.ARRAY(sa.Text))), step.item == "")
        .order_by(step.step, step.step_id)
    )
    for row in rows:
        found[row.need_id, row.rule_id].append(row)
    return found


def _taken_on(connection: sa.Connection, needs: Sequence[str]) -> dict[tuple[str, str], sa.Row[Any]]:
    """The newest acknowledgement in the rounds that run."""
    taken = escalation_acknowledgement.c
    rows = connection.execute(
        sa.select(
            escalation_acknowledgement,
            coordinator.c.authority,
            coordinator.c.level,
            coordinator.c.region_code,
            coordinator.c.coordinator_id,
        )
        .join(escalation_round, in_running_round(escalation_acknowledgement))
        .join(coordinator, coordinator.c.coordinator_id == taken.actor, isouter=True)
        .where(taken.need_id == sa.any_(sa.literal(list(needs), sa.ARRAY(sa.Text))), taken.item == "")
        .order_by(taken.at, taken.acknowledgement_id)
    )
    return {(row.need_id, row.rule_id): row for row in rows}


_BOARD = statement_beside(__file__, "board.sql")

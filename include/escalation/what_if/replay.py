"""A past quarter lived again under a policy: day by day the stages themselves decide, on what was known by then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from include.base.act import Act
from include.base.addresses import mailbox
from include.base.business_time import SHANGHAI
from include.domain.calendar import WorkingCalendar
from include.domain.policy_snapshot import PolicySnapshot
from include.escalation.breaches import operator_breaches
from include.escalation.look import end_rounds, look, record
from include.escalation.selection import Mail, select
from include.escalation.what_if.past import ANALYZE, acts_on_tickets, let_time_pass, put_under
from include.matching.cases import store_anew
from include.matching.folds import pushed_needs
from include.obstructions.stage import follow, note_act
from include.reference.day import Day
from include.store.tables import obstruction_ticket

RUN_AT = time(8, 30)
"""When escalate_stalled runs."""
URGENT_AT = time(17, 30)
"""When a replay looks at what is urgent, once a day; really it is looked at every urgent_interval_minutes."""
OPERATOR = "operator"
"""The level of what goes to the operator's mailbox and not to a coordinator."""
Look = Literal["digest", "urgent", "tickets"]
_ANALYZE_EVERY_DAYS = 2
"""Temporary tables have no autovacuum; without statistics PostgreSQL would read the growing ones badly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody told of an item: a step of the ladder, or the only step of what does not climb. `mailbox`: who read it."""

    day: date
    rule_id: str
    step: int
    level: str
    region_code: str
    authority: str
    coordinator_id: str
    mailbox: str
    urgent: bool
    need_id: str
    institution_code: str
    item: str
    round: int

    @property
    def mail(self) -> tuple[date, str, bool]:
        """By which mail: an address gets one digest a day, and beside it one urgent mail."""
        return (self.day, self.mailbox, self.urgent)


@dataclass(frozen=True, slots=True)
class PastDays:
    """From the first to the last day of a quarter's needs that is looked at, as known at `now`."""

    first: date
    now: datetime
    calendar: WorkingCalendar

    def looks(self) -> Iterator[tuple[datetime, Look]]:
        """Moments at which something is looked at: the ladder at its hours on working days, tickets also on days' ends."""
        day = self.first
        while (run := datetime.combine(day, RUN_AT, SHANGHAI)) <= self.now:
            if self.calendar.is_working_day(day):
                yield run, "digest"
                if (late := datetime.combine(day, URGENT_AT, SHANGHAI)) <= self.now:
                    yield late, "urgent"
            yield min(self.now, datetime.combine(day, time.max, SHANGHAI)), "tickets"
            day += timedelta(days=1)

    def day(self, moment: datetime, under: PolicySnapshot) -> Day:
        """A moment of them, had this policy been in force."""
        return Day(moment, self.calendar, under.policy, under.limits, under.overrides)

    def working_days(self) -> list[date]:
        """The days on which the ladder is looked at."""
        return [moment.date() for moment, what in self.looks() if what == "digest"]


def replay(connection: sa.Connection, quarter: str, snapshot: PolicySnapshot, days: PastDays) -> list[Told]:
    """Who would have been told if `snapshot` had been in force all the time. Needs `lay_out`; fills its tables.

    The coordinators are those of today: who was on duty when is not kept. What people did on a ticket they do again where it is
    possible; what they took on of which nobody was told yet is void.
    """
    told: list[Told] = []
    after = datetime.combine(days.first, time(), SHANGHAI) - timedelta(days=1)
    put_under(connection, days.day(days.now, snapshot))
    acts = list(acts_on_tickets(connection, quarter))
    looked_on: date | None = None
    analyzed_on = date.min
    for moment, what in days.looks():
        day = days.day(moment, snapshot)
        news = let_time_pass(connection, after, moment)
        if news and (needs := pushed_needs(connection, news)):
            store_anew(connection, needs, day)
        done = _taken_until(acts, moment)
        if news or done or looked_on != day.today:
            follow(connection, day)
        for row in done:
            _act_again(connection, row, days.day(row.at, snapshot))
        if done:
            follow(connection, day)
        if what != "tickets":
            if day.today - analyzed_on >= timedelta(days=_ANALYZE_EVERY_DAYS):
                connection.execute(ANALYZE)
                analyzed_on = day.today
            told += _look_at_the_ladder(connection, day, urgent_only=what == "urgent")
        looked_on, after = day.today, moment
    return sorted(told, key=lambda one: (one.day, one.coordinator_id, one.need_id, one.rule_id, one.item))


def _look_at_the_ladder(connection: sa.Connection, day: Day, *, urgent_only: bool) -> Iterator[Told]:
    found = look(connection, day)
    mails = select(
        found.due,
        had_digest=(),
        waited_since=found.waited_since,
        most_lines=day.policy.integer("digest_lines"),
        urgent_only=urgent_only,
    )
    end_rounds(connection, found.items, day.now)
    record(connection, found, [("", mail) for mail in mails], day.now)
    for mail in mails:
        yield from _told(mail, day.today)
    if not urgent_only:
        for breach, _ in operator_breaches(connection, day):
            yield _told_operator(*breach.key, day.today)


def _told(mail: Mail, day: date) -> Iterator[Told]:
    for one in mail.told:
        reader = one.assignment.coordinator
        if reader is None:
            continue
        need_id, rule_id, item, number = one.item.key
        yield Told(
            day=day,
            rule_id=rule_id,
            step=one.step,
            level=reader.level,
            region_code=reader.region_code,
            authority=one.authority,
            coordinator_id=reader.coordinator_id,
            mailbox=mailbox(reader.email),
            urgent=mail.urgent,
            need_id=need_id,
            institution_code=one.item.breach.institution_code,
            item=item,
            round=number,
        )


def _told_operator(need_id: str, rule_id: str, item: str, day: date) -> Told:
    return Told(
        day=day,
        rule_id=rule_id,
        step=1,
        level=OPERATOR,
        region_code="",
        authority="",
        coordinator_id=OPERATOR,
        mailbox=OPERATOR,
        urgent=False,
        need_id=need_id,
        institution_code="",
        item=item,
        round=1,
    )


def _taken_until(acts: list[sa.Row[Any]], moment: datetime) -> Sequence[sa.Row[Any]]:
    """The acts up to `moment`, taken out of those to come."""
    number = sum(1 for row in acts if row.at <= moment)
    done, acts[:number] = acts[:number], []
    return done


def _act_again(connection: sa.Connection, row: sa.Row[Any], day: Day) -> None:
    ticket = connection.execute(
        sa.select(obstruction_ticket).filter_by(
            need_id=row.need_id, institution_code=row.institution_code, obstruction_id=row.obstruction_id
        )
    ).one_or_none()
    if ticket is not None:
        act = Act(actor_id=row.actor, role=row.role, reason=row.note, at=row.at)
        note_act(connection, ticket, row.kind, act, day)

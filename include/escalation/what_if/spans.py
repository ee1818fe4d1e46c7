"""When each breach of a past quarter would have stood open under a policy. Pure: the stall rules of the domain, run by run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain.calendar import WorkingCalendar
from include.domain.case import OTHER_REASON, TERMINAL
from include.domain.clocks import clocks
from include.domain.escalation import Breach, CaseFacts
from include.domain.obstruction import Ticket, acted, climbed, may, opened, reported
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.quarter import Quarter
from include.domain.routing import Network
from include.domain.states import Level
from include.escalation.what_if.history import RUN_AT, CaseSince, PastNeed, PastObstruction, Runs
from include.reference import reason_codes

_APPROVED = stalls.APPROVED_OR_BEYOND
_ENDED = frozenset({"verified", "unresolvable"})
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A breach that stood from run `start` up to and without run `end`."""

    breach: Breach
    start: int
    end: int
    case: CaseSince | None = None
    level: Level | None = None
    reason_code: str | None = None


@dataclass(frozen=True)
class Rules:
    """What spans are counted by."""

    snapshot: PolicySnapshot
    calendar: WorkingCalendar
    coordinators: Network
    runs: Runs

    @cached_property
    def overdue_days(self) -> frozenset[int]:
        """Working days overdue on which something may become due."""
        return frozenset({1, *(rung.overdue_working_days for rung in stalls.ladder(self.snapshot.policy))})

    def last_day_of(self, quarter: Quarter) -> date:
        """The last day on which a need of `quarter` without an approval is pursued."""
        for _ in range(self.snapshot.policy.integer("need_validity_quarters")):
            quarter = quarter.next()
        return quarter.last_day


def open_spans(need: PastNeed, rules: Rules) -> list[Span]:
    """Every breach of a need, for as long as the need was pursued."""
    found: list[Span] = []
    for find in (_overdue_limits, _idle_cases, _turned_down, _unreachable, _unclaimed, _returns, _alerts, _tickets):
        found += find(need, rules)
    return [part for span in found for part in _while_pursued(span, need, rules)]


def _while_pursued(span: Span, need: PastNeed, rules: Rules) -> Iterator[Span]:
    """Nothing of a withdrawn need, and nothing of an expired one until one of its cases is approved."""
    expires = rules.runs.on(rules.last_day_of(need.at(span.start).quarter) + _ONE_DAY)
    end = min(span.end, need.withdrawn)
    if end <= expires:
        if span.start < end:
            yield span if end == span.end else replace(span, end=end)
        return
    approved = min(
        (one.run for course in need.cases.values() for one in course if one.case.furthest_state in _APPROVED),
        default=end,
    )
    for start, stop in ((span.start, min(end, expires)), (max(span.start, expires, approved), end)):
        if start < stop:
            yield replace(span, start=start, end=stop)


# --- Cases -----------------------------------------------------------------------------------------------------------


def _courses(need: PastNeed, rules: Rules) -> Iterator[tuple[str, CaseSince, int]]:
    """Each case as it stood, with the run on which it no longer stood so."""
    for code, course in need.cases.items():
        for one, after in zip(course, [*course[1:], None], strict=True):
            yield code, one, after.run if after else len(rules.runs)


def _overdue_limits(need: PastNeed, rules: Rules) -> Iterator[Span]:
    roll = rules.snapshot.policy.flag("calendar_days_roll_forward")
    for code, one, end in _courses(need, rules):
        if one.case.paused or one.case.state in TERMINAL or one.run >= end:
            continue
        found = clocks(
            one.case,
            rules.snapshot.limits_of(code),
            rules.calendar,
            roll_forward=roll,
            office_hours_end=rules.snapshot.office_hours_end,
            extensions=one.extended,
        )
        for clock in found:
            if clock.stopped_on is None:
                breach = stalls.limit_overdue(
                    need.need_id,
                    code,
                    limit=(clock.from_type, clock.to_type),
                    day0=clock.day0,
                    due_on=clock.due.day,
                    provisional=clock.due.provisional,
                )
                yield Span(breach=breach, start=one.run, end=end, case=one)


def _idle_cases(need: PastNeed, rules: Rules) -> Iterator[Span]:
    for code, one, end in _courses(need, rules):
        breach = stalls.idle(_facts(need.need_id, code, one), rules.calendar, rules.snapshot.policy)
        if breach is not None:
            yield Span(breach=breach, start=one.run, end=end, case=one)


def _turned_down(need: PastNeed, rules: Rules) -> Iterator[Span]:
    if not any(one.case.state in TERMINAL for course in need.cases.values() for one in course):
        return
    changes = sorted({one.run for course in need.cases.values() for one in course})
    for run, end in zip(changes, [*changes[1:], len(rules.runs)], strict=True):
        standing = {
            code: [one for one in course if one.run <= run][-1]
            for code, course in need.cases.items()
            if course and course[0].run <= run
        }
        facts = [_facts(need.need_id, code, one) for code, one in standing.items()]
        if any(case.state in TERMINAL for case in facts):
            breach = stalls.turned_down(facts, rules.snapshot.policy)
            if breach is not None:
                yield Span(breach=breach, start=run, end=end)


def _facts(need_id: str, code: str, one: CaseSince) -> CaseFacts:
    case = one.case
    spoke = case.last_event_at
    return CaseFacts(
        need_id=need_id,
        institution_code=code,
        intended=one.intended,
        state=case.state,
        state_since=case.state_since,
        last_activity_on=spoke.astimezone(SHANGHAI).date() if spoke else case.opened_on,
        paused=case.paused,
        drawn=case.drawn,
        reopened=case.reopened,
    )


# --- Needs -----------------------------------------------------------------------------------------------------------


def _unreachable(need: PastNeed, rules: Rules) -> Iterator[Span]:
    changes = sorted({run for run, _ in need.contacts})
    for run, end in zip(changes, [*changes[1:], len(rules.runs)], strict=False):
        known = [contact for at, contact in need.contacts if at <= run]
        breach = stalls.unreachable(need.need_id, known, rules.snapshot.policy)
        if breach is not None:
            yield Span(breach=breach, start=run, end=end)


def _unclaimed(need: PastNeed, rules: Rules) -> Iterator[Span]:
    if need.pushed is not None:
        run, day = need.pushed
        breach = stalls.unclaimed(need.need_id, day, rules.calendar, rules.snapshot.policy)
        yield Span(breach=breach, start=run, end=need.first_event)


def _returns(need: PastNeed, rules: Rules) -> Iterator[Span]:
    days = rules.snapshot.policy.integer("return_respond_working_days")
    for one in need.returns:
        respond_by = rules.calendar.add_working_days(one.returned_on, days).day
        answered = min((v.run for v in need.versions if v.revision > one.revision), default=len(rules.runs))
        breach = stalls.return_unanswered(need.need_id, one.revision, one.returned_on, respond_by)
        yield Span(breach=breach, start=one.run, end=answered)


def _alerts(need: PastNeed, _: Rules) -> Iterator[Span]:
    for one in need.alerts:
        breach = stalls.alert_opened(need.need_id, one.institution_code, one.rule_id, one.found_on)
        yield Span(breach=breach, start=one.run, end=one.until)


# --- Obstructions ----------------------------------------------------------------------------------------------------


def _tickets(need: PastNeed, rules: Rules) -> Iterator[Span]:
    for one in need.obstructions:
        told: Span | None = None
        for run, ticket in _ticket_by_run(need, one, rules):
            span = _told_of(need, one, ticket, rules.runs.days[run], run)
            if told is not None and (span is None or span.breach.key != told.breach.key):
                yield told
                told = None
            if span is not None:
                told = span if told is None else replace(told, end=span.end)
        if told is not None:
            yield told


def _told_of(need: PastNeed, one: PastObstruction, ticket: Ticket, today: date, run: int) -> Span | None:
    which = (need.need_id, one.institution_code, one.obstruction_id)
    if ticket.confirm_by is not None:
        if ticket.confirm_by >= today:
            return None
        breach = stalls.unconfirmed(
            *which, confirm_by=ticket.confirm_by, since=one.reported_on, provisional=ticket.provisional
        )
    elif (due := ticket.acknowledge_by or ticket.resolve_by) is not None:
        breach = stalls.obstruction(
            *which,
            level=ticket.level,
            level_since=ticket.level_since,
            since=one.reported_on,
            due_on=due,
            provisional=ticket.provisional,
        )
    else:
        return None
    reason = one.reason_code if one.reason_code in reason_codes() else OTHER_REASON
    return Span(breach=breach, start=run, end=run + 1, level=ticket.level, reason_code=reason)


def _ticket_by_run(need: PastNeed, one: PastObstruction, rules: Rules) -> Iterator[tuple[int, Ticket]]:
    """The ticket on each run, from its opening to its end. Feedback is read all day and every day: it climbs on days off too."""
    course = need.cases.get(one.institution_code, [])
    counted: dict[str, Any] = {"calendar": rules.calendar, "policy": rules.snapshot.policy}
    ticket: Ticket | None = None
    resolved_at: datetime | None = None
    acts = deque(one.acts)
    for moment, run in _looks(min(one.received), rules.runs) if course else ():
        day = moment.date()
        known = [since for since in course if (since.run <= run if run is not None else since.known_on <= day)]
        stands = bool(known) and _stands(
            need, one, known[-1], run if run is not None else rules.runs.on(day + _ONE_DAY)
        )
        if ticket is None and stands:
            ticket = opened(_start_level(need, known[-1].run, rules), day, **counted)
        elif ticket is not None:
            while acts and acts[0].at <= moment:
                done = acts.popleft()
                if may(ticket, done.act):
                    ticket = acted(ticket, done.act, done.at.astimezone(SHANGHAI).date(), **counted)
                    resolved_at = done.at if done.act == "resolved" else None
            again = resolved_at is not None and any(resolved_at < at <= moment for at in one.received)
            followed = reported(ticket, day, cleared=not stands, again=again, **counted)
            resolved_at = resolved_at if followed == ticket else None
            ticket = climbed(followed, day, **counted)
        if run is not None and ticket is not None:
            yield run, ticket
            if ticket.state in _ENDED and run >= course[-1].run:
                return


def _looks(first: datetime, runs: Runs) -> Iterator[tuple[datetime, int | None]]:
    """From the day of `first` on: each run, and the end of each day, when no ladder is looked at."""
    day = first.astimezone(SHANGHAI).date()
    while day <= runs.days[-1]:
        if runs.days[run := runs.on(day)] == day:
            yield datetime.combine(day, RUN_AT, SHANGHAI), run
        yield datetime.combine(day, time.max, SHANGHAI), None
        day += _ONE_DAY


def _start_level(need: PastNeed, run: int, rules: Rules) -> Level:
    seen = need.at(run).need
    return stalls.start_level(rules.coordinators, seen.place, is_major=seen.is_major, policy=rules.snapshot.policy)


def _stands(need: PastNeed, one: PastObstruction, known: CaseSince, run: int) -> bool:
    """Whether the institution's word is that it stands: not cleared, not refused by the case path, the need not withdrawn."""
    case = known.case
    if case.state == "closed" or need.withdrawn <= run:
        return False
    return any(standing.obstruction_id == one.obstruction_id for standing in case.open_obstructions)

"""Stalls (停滞): when a rule is broken, and since when. What climbs from there is in `include.domain.ladder`.

Source: handbook section 8; all figures are the project's own and come from policy.csv. No function reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from include.domain.calendar import WorkingCalendar
from include.domain.case import PATH, RANK
from include.domain.ladder import LADDER_KINDS
from include.domain.quarter import Quarter
from include.domain.routing import AUTHORITIES, LEVELS, Network, Place
from include.domain.states import BreachKind, Level, Stall
from include.reference import Policy

NO_CONTACT = "R17"
NOTHING_LEFT_TO_DO = frozenset({"R14", "R15", "R16"})
"""Given up by the enterprise, met by another institution, financed twice."""
BEFORE_DRAWN = frozenset(PATH[: RANK["drawn"]])
APPROVED_OR_BEYOND = frozenset(PATH[RANK["credit_approved"] :])
REACHED = frozenset(PATH[RANK["contacted"] :])


# --- Breaches --------------------------------------------------------------------------------------------------------


ItemKey = tuple[str, str, str]
"""need_id, rule_id, and which ticket, alert, return or hold ("" for what the need climbs the ladder for)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule broken by a case, or by a need as a whole (`institution_code` empty), until it is put right.

    `about` tells it from others of its kind: which limit, ticket or revision. `since` is the day from which the subject has
    stood still; `due_on` the day until which it should have moved.
    """

    need_id: str
    institution_code: str
    rule_id: str
    kind: BreachKind
    about: tuple[str, ...]
    since: date
    due_on: date
    provisional: bool = False

    @property
    def key(self) -> ItemKey:
        """What each telling is stored of, so that it happens once; the last part e.g. alert@ICBC@2026-10-08.

        A need climbs once for all its limits: which of them is the oldest is no part of the key.
        """
        if self.kind in LADDER_KINDS:
            return (self.need_id, self.rule_id, "")
        return (self.need_id, self.rule_id, "@".join((self.kind, self.institution_code, *self.about)))

    @property
    def cause(self) -> str:
        """What is overdue, in codes: e.g. limit@received-contacted@2026-10-08."""
        return "@".join((self.kind, *self.about))


@dataclass(frozen=True, slots=True)
class Contact:
    """A feedback event for S05, at the moment it counts (Asia/Shanghai): did the institution reach the enterprise, or
    fail to (R17)?"""

    at: datetime
    type: str
    reason_code: str | None


def limit_overdue(
    need_id: str, institution_code: str, *, limit: tuple[str, str], day0: date, due_on: date, provisional: bool
) -> Breach:
    """S01: a limit between two states of the case path has run out; the due day is the clock's."""
    return Breach(
        need_id=need_id,
        institution_code=institution_code,
        rule_id=Stall.S01,
        kind=BreachKind.LIMIT,
        about=("-".join(limit), str(day0)),
        since=day0,
        due_on=due_on,
        provisional=provisional,
    )


def unreachable(need_id: str, events: Iterable[Contact], policy: Policy) -> Breach | None:
    """S05: contact_failures events with R17 for a need, all institutions together, and nobody reached it afterwards."""
    ordered = sorted(events, key=lambda event: event.at)
    failures = [event for event in ordered if event.reason_code == NO_CONTACT]
    needed = policy.integer("contact_failures")
    if len(failures) < needed:
        return None
    filled_at = failures[needed - 1].at
    if any(event.type in REACHED and event.at > filled_at for event in ordered):
        return None
    return Breach(
        need_id=need_id,
        institution_code="",
        rule_id=Stall.S05,
        kind=BreachKind.NO_CONTACT,
        about=("1",),
        since=failures[0].at.date(),
        due_on=filled_at.date(),
    )


def unclaimed(need_id: str, pushed_on: date, calendar: WorkingCalendar, policy: Policy) -> Breach:
    """S06: for a pushed need without any event, the day on which unclaimed_working_days are over."""
    due = calendar.add_working_days(pushed_on, policy.integer("unclaimed_working_days"))
    return Breach(
        need_id=need_id,
        institution_code="",
        rule_id=Stall.S06,
        kind=BreachKind.UNCLAIMED,
        about=(str(pushed_on),),
        since=pushed_on,
        due_on=due.day,
        provisional=due.provisional,
    )


def return_unanswered(need_id: str, revision: int, returned_on: date, respond_by: date) -> Breach:
    """S07: a return without a newer revision by its respond_by; for the department."""
    return Breach(
        need_id=need_id,
        institution_code="",
        rule_id=Stall.S07,
        kind=BreachKind.RETURN,
        about=(str(revision),),
        since=returned_on,
        due_on=respond_by,
    )


def push_unanswered(need_id: str, revision: int, queued_on: date, calendar: WorkingCalendar, policy: Policy) -> Breach:
    """S04: a queued push without a final result for push_unanswered_working_days; for the operator."""
    due = calendar.add_working_days(queued_on, policy.integer("push_unanswered_working_days"))
    return Breach(
        need_id=need_id,
        institution_code="",
        rule_id=Stall.S04,
        kind=BreachKind.PUSH,
        about=(str(revision),),
        since=queued_on,
        due_on=due.day,
        provisional=due.provisional,
    )


def hold_undecided(need_id: str, revision: int, held_on: date, calendar: WorkingCalendar, policy: Policy) -> Breach:
    """S08: a held revision that nobody decided on for hold_decision_working_days; for the operator."""
    return _undecided(need_id, revision, held_on, calendar, policy.integer("hold_decision_working_days"))


def hold_forgotten(need_id: str, revision: int, held_on: date, calendar: WorkingCalendar, policy: Policy) -> Breach:
    """S08 after twice that time; for MIIT's coordinator of the nation."""
    return _undecided(need_id, revision, held_on, calendar, 2 * policy.integer("hold_decision_working_days"))


def _undecided(need_id: str, revision: int, held_on: date, calendar: WorkingCalendar, working_days: int) -> Breach:
    due = calendar.add_working_days(held_on, working_days)
    return Breach(
        need_id=need_id,
        institution_code="",
        rule_id=Stall.S08,
        kind=BreachKind.HOLD,
        about=(str(revision),),
        since=held_on,
        due_on=due.day,
        provisional=due.provisional,
    )


def expired(quarter: Quarter, today: date, policy: Policy) -> bool:
    """Whether a need of `quarter` without an approval is past need_validity_quarters, and so no longer pursued."""
    last = quarter
    for _ in range(policy.integer("need_validity_quarters")):
        last = last.next()
    return today > last.last_day


# --- Obstructions ----------------------------------------------------------------------------------------------------


def obstruction(
    need_id: str,
    institution_code: str,
    obstruction_id: str,
    *,
    level: Level,
    level_since: date,
    since: date,
    due_on: date,
    provisional: bool,
) -> Breach:
    """An obstruction (融资梗阻) to be told of since it arrived at a level: once at each."""
    return Breach(
        need_id=need_id,
        institution_code=institution_code,
        rule_id=Stall.OBSTRUCTION,
        kind=BreachKind.OBSTRUCTION,
        about=(obstruction_id, level, str(level_since)),
        since=since,
        due_on=due_on,
        provisional=provisional,
    )


def unconfirmed(
    need_id: str, institution_code: str, obstruction_id: str, *, confirm_by: date, since: date, provisional: bool
) -> Breach:
    """An obstruction that was resolved, and whose institution does not confirm it: told once."""
    return Breach(
        need_id=need_id,
        institution_code=institution_code,
        rule_id=Stall.OBSTRUCTION,
        kind=BreachKind.CONFIRMATION,
        about=(obstruction_id, str(confirm_by)),
        since=since,
        due_on=confirm_by,
        provisional=provisional,
    )


def alert_opened(need_id: str, institution_code: str, rule_id: str, found_on: date) -> Breach:
    """An open alert (警示) of a rule that withholds money (handbook section 5.2): the PBoC's province coordinator is
    notified once."""
    return Breach(
        need_id=need_id,
        institution_code=institution_code,
        rule_id=rule_id,
        kind=BreachKind.ALERT,
        about=(str(found_on),),
        since=found_on,
        due_on=found_on,
    )


def start_level(network: Network, place: Place, *, is_major: bool, policy: Policy) -> Level:
    """Where an obstruction starts: at city level if anybody coordinates there, else at province level; major needs by
    policy."""
    if is_major:
        return next(level for level in LEVELS if level == policy.text("major_start_level"))
    in_city = any(network.holder(authority, Level.CITY, place) for authority in AUTHORITIES)
    return Level.CITY if in_city else Level.PROVINCE

"""Re-offer (再推介): which other institutions a department may think of after refusals or silence.

The project's own rule (policy keys reoffer_…). It is a suggestion to the department and no credit decision: the
enterprise and the institution decide whether to talk, and nothing is sent to an institution. Pure: today is passed in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from include.domain.calendar import WorkingCalendar
from include.domain.case import TERMINAL
from include.domain.escalation import APPROVED_OR_BEYOND, NOTHING_LEFT_TO_DO
from include.reference import Institution, Policy

Cause = Literal["declined", "silence"]

UNTOUCHED = frozenset({"pushed", "received"})
"""States in which an institution has not spoken with the enterprise yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A case as this rule sees it; `drawn` in 万元, days are local dates, `reason_code` of a refusal or closure."""

    institution_code: str
    state: str
    since: date
    last_activity_on: date
    paused: bool
    drawn: Decimal
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a re-offer applies: `refusals` institutions refused, or none answered; true from the day `since` on."""

    cause: Cause
    since: date
    refusals: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An institution that was not asked yet. `landed`: similar needs for which institutions of its kind paid money out."""

    institution_code: str
    landed: int


def occasion(
    pushed_on: date,
    intended: Collection[str],
    cases: Sequence[Asked],
    today: date,
    calendar: WorkingCalendar,
    policy: Policy,
) -> Occasion | None:
    """Whether a need pushed on `pushed_on` may be offered to others; None once an institution approved it.

    After refusals: as S03, with its own number (reoffer_after_declined, or all intended institutions if they are
    fewer). After silence: no institution has spoken with the enterprise, and none reported for more than
    reoffer_after_silence_working_days.
    """
    if any(case.state in APPROVED_OR_BEYOND or case.drawn > 0 for case in cases):
        return None
    if any(case.state in TERMINAL and case.reason_code in NOTHING_LEFT_TO_DO for case in cases):
        return None
    return _refused(intended, cases, policy) or _unheard(pushed_on, cases, today, calendar, policy)


def _refused(intended: Collection[str], cases: Sequence[Asked], policy: Policy) -> Occasion | None:
    needed = policy.integer("reoffer_after_declined")
    needed = min(needed, len(set(intended))) if intended else needed
    refusals = sorted(case.since for case in cases if case.state in TERMINAL)
    if len(refusals) < needed:
        return None
    return Occasion("declined", refusals[needed - 1], len(refusals))


def _unheard(
    pushed_on: date, cases: Sequence[Asked], today: date, calendar: WorkingCalendar, policy: Policy
) -> Occasion | None:
    if any(case.paused or case.state not in UNTOUCHED | TERMINAL for case in cases):
        return None
    heard = max([pushed_on, *(case.last_activity_on for case in cases)])
    silent_until = calendar.add_working_days(heard, policy.integer("reoffer_after_silence_working_days")).day
    if today <= silent_until:
        return None
    return Occasion("silence", silent_until, sum(case.state in TERMINAL for case in cases))


def suggestions(
    asked: Collection[str], listed: Sequence[Institution], landed: Mapping[str, int], policy: Policy, turn: int = 0
) -> tuple[Suggestion, ...]:
    """The institutions of the official list that were not asked, at most reoffer_max_suggestions.

    `asked`: codes of all that were intended, have a case or refused. `landed`: kind of institution → recent needs of
    the same province and category for which institutions of that kind paid money out. Kinds with more of them come
    first; otherwise the order of the list holds, begun at `turn`: another place for each need, so that a letter about
    many needs favours nobody.
    """
    fresh = [one for one in listed if one.code not in asked]
    begin = turn % len(fresh) if fresh else 0
    ranked = sorted([*fresh[begin:], *fresh[:begin]], key=lambda one: -landed.get(one.kind, 0))
    most = policy.integer("reoffer_max_suggestions")
    return tuple(Suggestion(one.code, landed.get(one.kind, 0)) for one in ranked[:most])

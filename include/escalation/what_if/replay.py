"""The ladder played over a past quarter under a policy: who would have been told of what on which day. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain.calendar import WorkingCalendar
from include.domain.escalation import Acknowledged, Breach, BreachKey
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.routing import Coordinator
from include.escalation.breaches import OpenItem
from include.escalation.steps import due_for
from include.escalation.what_if.history import History, OperatorMatter, PastNeed, Taken
from include.escalation.what_if.spans import Rules, Span, open_spans

LADDER_RULES = frozenset({"S01", "S02", "S03", "S05", "S06"})
OPERATOR = "operator"
"""The level of what goes to the operator's mailbox and not to a coordinator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody told of a breach: a step of the ladder, or the only step of what does not climb."""

    day: date
    rule_id: str
    step: int
    level: str
    region_code: str
    authority: str
    coordinator_id: str
    urgent: bool
    need_id: str
    institution_code: str
    breach: str

    @property
    def mail(self) -> tuple[date, str, bool]:
        """By which mail: a coordinator gets one digest a day, and beside it one urgent mail."""
        return (self.day, self.coordinator_id, self.urgent)


def replay(history: History, snapshot: PolicySnapshot, calendar: WorkingCalendar) -> list[Told]:
    """What would have been told if `snapshot` had been in force all the time, day by day."""
    if not history.runs:
        return []
    rules = Rules(snapshot, calendar, history.coordinators, history.runs)
    told = [one for need in history.needs for one in _told_of(need, rules)]
    told += _told_operator(history.operator, rules)
    return sorted(told, key=lambda one: (one.day, one.coordinator_id, one.need_id, one.rule_id, one.breach))


def _told_of(need: PastNeed, rules: Rules) -> Iterator[Told]:
    by_key: defaultdict[BreachKey, list[Span]] = defaultdict(list)
    for span in open_spans(need, rules):
        one = span.breach
        by_key[one.key].append(span)
    for key, spans in by_key.items():
        yield from _climb(need, sorted(spans, key=lambda span: span.start), need.acknowledged.get(key[1:], ()), rules)


def _climb(need: PastNeed, spans: Iterable[Span], taken_on: Sequence[Taken], rules: Rules) -> Iterator[Told]:
    """One breach, each of its steps once, ever."""
    steps: dict[int, set[str]] = {}
    first_told: dict[int, int] = {}
    for span in spans:
        for run in _runs_to_look_at(span, taken_on, rules):
            today = rules.runs.days[run]
            overdue = rules.calendar.working_days_after(span.breach.due_on, today)
            if overdue == 0 and span.breach.rule_id in LADDER_RULES:
                continue
            held = _held(span, taken_on, first_told, run)
            item = OpenItem(
                breach=span.breach,
                need=need.at(run).need,
                state=span.case.case.state if span.case else "",
                overdue=overdue,
                reason_code=span.reason_code,
                level=span.level,
                acknowledged=held,
            )
            allowed = None if held is None else stalls.step_allowed(held, today, rules.calendar, rules.snapshot.policy)
            due = due_for(item, steps, allowed, rules.coordinators, rules.snapshot.policy)
            if any(one.mailed and not one.recipients for one in due):
                continue
            for one in due:
                steps[one.step] = {recipient.coordinator_id for recipient in one.recipients}
                first_told[one.step] = run
                for recipient in one.recipients:
                    yield _told(span.breach, one.step, recipient, urgent=one.urgent, day=today)


def _runs_to_look_at(span: Span, taken_on: Sequence[Taken], rules: Rules) -> Iterable[int]:
    """Where something new may be due: when the breach appears, when a rung is reached, every day while it is acknowledged."""
    if taken_on:
        return range(span.start, span.end)
    due_on, runs = span.breach.due_on, rules.runs
    reached = {runs.on(rules.calendar.add_working_days(due_on, days).day) for days in rules.overdue_days}
    return sorted({max(run, span.start) for run in reached | {span.start} if run < span.end})


def _held(span: Span, taken_on: Sequence[Taken], first_told: dict[int, int], run: int) -> Acknowledged | None:
    """The newest acknowledgement by then, at the highest step that had been told; one of what nobody was told of is void."""
    known = [one for one in taken_on if one.run <= run]
    if not known:
        return None
    newest = known[-1]
    step = max((step for step, at in first_told.items() if at < newest.run), default=None)
    if step is None:
        return None
    spoke = span.case.case.last_event_at if span.case else None
    quiet_since = max(newest.at, spoke) if spoke else newest.at
    return Acknowledged(step, quiet_since.astimezone(SHANGHAI).date())


def _told(breach: Breach, step: int, recipient: Coordinator, *, urgent: bool, day: date) -> Told:
    return Told(
        day=day,
        rule_id=breach.rule_id,
        step=step,
        level=recipient.level,
        region_code=recipient.region_code,
        authority=recipient.authority,
        coordinator_id=recipient.coordinator_id,
        urgent=urgent,
        need_id=breach.need_id,
        institution_code=breach.institution_code,
        breach=breach.key[-1],
    )


def _told_operator(matters: Iterable[OperatorMatter], rules: Rules) -> Iterator[Told]:
    """What the operator is told of on each day on which it is late: the notice says it again until it is settled."""
    limits = {"S04": stalls.push_unanswered, "S08": stalls.hold_undecided}
    for one in matters:
        breach = limits[one.rule_id](one.need_id, one.revision, one.since, rules.calendar, rules.snapshot.policy)
        first = rules.runs.on(rules.calendar.add_working_days(breach.due_on, 1).day)
        for run in range(first, min(one.until, len(rules.runs))):
            yield Told(
                day=rules.runs.days[run],
                rule_id=one.rule_id,
                step=1,
                level=OPERATOR,
                region_code="",
                authority="",
                coordinator_id=OPERATOR,
                urgent=False,
                need_id=one.need_id,
                institution_code="",
                breach=breach.key[-1],
            )

"""The ladder (升级阶梯): which rung an open item has reached, and which authorities are still to be told of it.

A need climbs for its oldest overdue limit, whatever the institution; obstructions, alerts, returns and holds have one
rung each. Source: handbook section 8; all figures are the project's own and come from policy.csv. No function reads a
clock: today is passed in as the number of working days since the due day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from include.domain.calendar import WorkingCalendar
from include.domain.routing import AUTHORITIES
from include.domain.states import Authority, BreachKind, Level
from include.reference import Policy

LADDER_KINDS = (BreachKind.LIMIT, BreachKind.UNCLAIMED)
"""What climbs; all else is told once."""

Taken = Mapping[int, Collection[Authority]]
"""Step → the authorities of which it is recorded that they were told, or that a higher step overtook theirs."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A step: from so many working days overdue, these authorities at this level are told."""

    step: int
    overdue_working_days: int
    level: Level
    authorities: tuple[Authority, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """The highest rung reached, who of it is still to be told, and the lower steps (with authority) that it overtakes."""

    rung: Rung
    authorities: tuple[Authority, ...]
    superseded: tuple[tuple[int, Authority], ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Coordinators took it on when `step` was the highest told; nothing has happened in the case since `quiet_since`."""

    step: int
    quiet_since: date


def ladder(policy: Policy, *, is_major: bool, unclaimed: bool = False) -> tuple[Rung, ...]:
    """The rungs of a need, lowest first: only major needs reach the nation; S06 starts at the second, on its first day."""
    figures = [policy.integer(f"ladder_step{step}_working_days") for step in (1, 2, 3, 4)]
    return _rungs(tuple(figures), is_major, unclaimed)


@cache
def _rungs(figures: tuple[int, ...], is_major: bool, unclaimed: bool) -> tuple[Rung, ...]:
    told = (
        (Level.CITY, (Authority.PBOC,)),
        (Level.PROVINCE, (Authority.PBOC,)),
        (Level.PROVINCE, AUTHORITIES),
        (Level.NATION, AUTHORITIES),
    )
    rungs = [Rung(step, figures[step - 1], *told[step - 1]) for step in (1, 2, 3, 4)]
    if unclaimed:
        rungs = [Rung(2, 1, *told[1]), *rungs[2:]]
    return tuple(rung for rung in rungs if is_major or rung.level != Level.NATION)


_ONCE: Mapping[BreachKind, Rung] = {
    BreachKind.CONFIRMATION: Rung(1, 0, Level.PROVINCE, (Authority.PBOC,)),
    BreachKind.ALERT: Rung(1, 0, Level.PROVINCE, (Authority.PBOC,)),
    # The MIIT coordinator of the department's region stands for the department's mailbox.
    BreachKind.RETURN: Rung(1, 1, Level.PROVINCE, (Authority.MIIT,)),
    BreachKind.HOLD: Rung(1, 1, Level.NATION, (Authority.MIIT,)),
}


def rungs(kind: BreachKind, *, is_major: bool, level: Level | None, policy: Policy) -> tuple[Rung, ...]:
    """The rungs of an open item; `level`: of an obstruction, at which its ticket is."""
    if kind in LADDER_KINDS:
        return ladder(policy, is_major=is_major, unclaimed=kind is BreachKind.UNCLAIMED)
    if kind is BreachKind.OBSTRUCTION:
        return (Rung(1, 0, level or Level.PROVINCE, AUTHORITIES),)
    return (_ONCE[kind],)


def highest_level(kind: BreachKind, rung: Rung, *, is_major: bool) -> Level:
    """How far up a step goes where posts are vacant: not to the nation for a need that is not major.

    An obstruction does: its ticket has the next level up as its holder (handbook section 1).
    """
    if is_major or kind is BreachKind.OBSTRUCTION:
        return Level.NATION
    return max(rung.level, Level.PROVINCE, key=tuple(Level).index)


def due(
    overdue_working_days: int, taken: Taken, of: Sequence[Rung], *, highest_allowed: int | None = None
) -> Due | None:
    """What is newly due of an item; None if nothing is.

    `highest_allowed`: where an acknowledgement keeps it for now (see `step_allowed`); None without one. Only the highest
    step is ever told, and none below one that was told before. So an outage of any length causes one telling.
    """
    reached = [
        rung
        for rung in of
        if overdue_working_days >= rung.overdue_working_days
        and (highest_allowed is None or rung.step <= highest_allowed)
    ]
    if not reached or max(taken, default=0) > reached[-1].step:
        return None
    top = reached[-1]
    authorities = tuple(one for one in top.authorities if one not in taken.get(top.step, ()))
    if not authorities:
        return None
    superseded = tuple(
        (rung.step, one) for rung in reached[:-1] for one in rung.authorities if one not in taken.get(rung.step, ())
    )
    return Due(top, authorities, superseded)


def next_rung(step: int, of: Sequence[Rung]) -> Rung | None:
    """The rung above `step`; None at the top."""
    return next((rung for rung in of if rung.step > step), None)


def step_allowed(acknowledged: Acknowledged, today: date, calendar: WorkingCalendar, policy: Policy) -> int:
    """The highest step that an acknowledged item may have reached: one more for each round of quiet working days.

    A round is policy acknowledged_idle_working_days (ours). Activity in the case begins the first round anew.
    """
    quiet = calendar.working_days_after(acknowledged.quiet_since, today)
    return acknowledged.step + quiet // policy.integer("acknowledged_idle_working_days")


def climbs_on(
    due_on: date, rung: Rung, acknowledged: Acknowledged | None, calendar: WorkingCalendar, policy: Policy
) -> date:
    """The day on which an item reaches `rung` if nothing happens until then."""
    by_ladder = calendar.add_working_days(due_on, rung.overdue_working_days).day
    if acknowledged is None or rung.step <= acknowledged.step:
        return by_ladder
    quiet = (rung.step - acknowledged.step) * policy.integer("acknowledged_idle_working_days")
    return max(by_ladder, calendar.add_working_days(acknowledged.quiet_since, quiet).day)

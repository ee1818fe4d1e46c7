"""Which steps are due (到期应提请), from open items, what was told before and the coordinators on duty. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from include.domain import ladder
from include.domain.ladder import LADDER_KINDS, Rung
from include.domain.routing import Assignment, Network, Post
from include.domain.states import Authority, BreachKind, Level
from include.escalation.breaches import OpenItem, StepKey
from include.reference import Policy
from include.reference.day import Day

Told = Mapping[StepKey, Mapping[int, Collection[Authority]]]
"""Open item → step → the authorities that were told, or whose step was overtaken."""

IN_FULL = (BreachKind.OBSTRUCTION, BreachKind.CONFIRMATION)
"""What is named in every digest while it is open, however much of it there is; beside major needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One authority to be told of one step, and who of it is accountable today."""

    item: OpenItem
    step: int
    authority: Authority
    assignment: Assignment

    @property
    def urgent(self) -> bool:
        """Whether it does not wait for the next digest: an obstruction at nation level, a major need that stalls."""
        if self.item.breach.kind is BreachKind.OBSTRUCTION:
            return self.item.need.is_major or self.item.level == Level.NATION
        return self.item.need.is_major and self.item.breach.kind in LADDER_KINDS

    @property
    def in_full(self) -> bool:
        """Whether it has room in every mail."""
        return self.item.need.is_major or self.item.breach.kind in IN_FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class DueStep:
    """The highest step of an item, newly due: whom to tell, and the lower steps that it overtakes."""

    item: OpenItem
    step: int
    tellings: tuple[Telling, ...]
    superseded: tuple[tuple[int, Authority], ...]


def rungs(item: OpenItem, policy: Policy) -> tuple[Rung, ...]:
    """The rungs that this item can take."""
    return ladder.rungs(item.breach.kind, is_major=item.need.is_major, level=item.level, policy=policy)


def due_steps(items: Iterable[OpenItem], told: Told, coordinators: Network, day: Day) -> list[DueStep]:
    """The steps newly due on the day, of all these items."""
    return list(_due(items, told, coordinators, day))


def _due(items: Iterable[OpenItem], told: Told, coordinators: Network, day: Day) -> Iterator[DueStep]:
    for item in items:
        held = item.acknowledged
        allowed = None if held is None else ladder.step_allowed(held, day.today, day.calendar, day.policy)
        due = ladder.due(item.overdue, told.get(item.key, {}), rungs(item, day.policy), highest_allowed=allowed)
        if due is not None:
            yield DueStep(
                item=item,
                step=due.rung.step,
                tellings=tuple(
                    Telling(
                        item=item,
                        step=due.rung.step,
                        authority=authority,
                        assignment=assigned(item, due.rung, authority, coordinators),
                    )
                    for authority in due.authorities
                ),
                superseded=due.superseded,
            )


def assigned(item: OpenItem, rung: Rung, authority: Authority, coordinators: Network) -> Assignment:
    """Who of an authority is accountable for an item at a rung today."""
    highest = ladder.highest_level(item.breach.kind, rung, is_major=item.need.is_major)
    return coordinators.accountable(authority, rung.level, item.need.place, highest=highest)


def vacant_posts(due: Iterable[DueStep]) -> set[Post]:
    """The posts nobody holds that these steps would be told to."""
    return {post for one in due for telling in one.tellings for post in telling.assignment.vacant}

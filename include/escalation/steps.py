"""Which steps are due (到期应提请), from open items, earlier steps and coordinators on duty. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from include.domain import escalation as stalls
from include.domain.escalation import BreachKey
from include.domain.routing import AUTHORITIES, Assignment, Coordinator, Network
from include.domain.states import Authority, BreachKind, Level
from include.escalation.breaches import OpenItem
from include.reference import Policy
from include.reference.day import Day

_TOLD_ONCE: Mapping[BreachKind, tuple[Authority, ...]] = {
    BreachKind.OBSTRUCTION: AUTHORITIES,
    BreachKind.CONFIRMATION: (Authority.PBOC,),
    BreachKind.ALERT: (Authority.PBOC,),
    # The MIIT coordinator of the department's region stands for the department's mailbox.
    BreachKind.RETURN: (Authority.MIIT,),
}
"""What does not climb the ladder, and which authorities are told: an obstruction at the ticket's level, all else in the province."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueStep:
    """A step of an open item that is due now, and who is accountable; a superseded step notifies nobody."""

    item: OpenItem
    step: int
    mailed: bool
    urgent: bool
    assignments: tuple[Assignment, ...]

    @property
    def recipients(self) -> list[Coordinator]:
        """Who is to be notified."""
        if not self.mailed:
            return []
        return [one.coordinator for one in self.assignments if one.coordinator is not None]


def due_steps(
    items: Iterable[OpenItem],
    taken: Mapping[BreachKey, Mapping[int, set[str]]],
    coordinators: Network,
    day: Day,
) -> list[DueStep]:
    """The steps newly due on the day of all these items; `taken`: item → step → who was told."""
    found: list[DueStep] = []
    for item in items:
        held = item.acknowledged
        allowed = None if held is None else stalls.step_allowed(held, day.today, day.calendar, day.policy)
        found += due_for(item, taken.get(item.key, {}), allowed, coordinators, day.policy)
    return found


def due_for(
    item: OpenItem, taken: Mapping[int, set[str]], allowed: int | None, coordinators: Network, policy: Policy
) -> list[DueStep]:
    """The newly due steps of one item, without those `taken`; `allowed`: where an acknowledgement keeps it for now."""
    place, major, kind = item.need.place, item.need.is_major, item.breach.kind
    if kind in _TOLD_ONCE:
        if taken or (kind == BreachKind.RETURN and item.overdue == 0):
            return []
        from_bank = kind in (BreachKind.OBSTRUCTION, BreachKind.CONFIRMATION)
        level = (item.level or Level.PROVINCE) if kind == BreachKind.OBSTRUCTION else Level.PROVINCE
        urgent = from_bank and (major or level == Level.NATION)
        told = tuple(coordinators.accountable(authority, level, place) for authority in _TOLD_ONCE[kind])
        return [DueStep(item=item, step=1, mailed=True, urgent=urgent, assignments=told)]
    rungs = {rung.step: rung for rung in stalls.ladder(policy)}
    return [
        DueStep(
            item=item,
            step=one.step,
            mailed=one.mailed,
            urgent=one.mailed and (major or rungs[one.step].level == Level.NATION),
            assignments=tuple(
                coordinators.accountable(authority, rungs[one.step].level, place)
                for authority in rungs[one.step].authorities
            ),
        )
        for one in stalls.due_steps(item.overdue, taken.keys(), policy, highest_allowed=allowed)
    ]

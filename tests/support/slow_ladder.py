"""The ladder a second time, written from the handbook's words alone and without regard to speed: who is told of what by which mail.

It counts days one by one, keeps its own memory, and shares no code with the ladder it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

RUNGS = ((1, 2, "city", ("PBOC",)), (2, 5, "province", ("PBOC",)), (3, 10, "province", ("MIIT", "PBOC")))
TOP = (4, 10, "nation", ("MIIT", "PBOC"))
UPWARDS = ("city", "province", "nation")
QUIET_DAYS = 3


@dataclass
class SlowNeed:
    """A need as the ladder sees it: due days of its limits that run; what was recorded of its present round."""

    need_id: str
    is_major: bool
    round: int = 1
    climbing: bool = False
    recorded: dict[tuple[int, str], str] = field(default_factory=dict)
    taken_on: tuple[int, date] | None = None


@dataclass(frozen=True)
class SlowTelling:
    """One authority told of one step of a need's round, by a mail to an address."""

    need_id: str
    round: int
    step: int
    authority: str
    address: str


@dataclass
class SlowLadder:
    """Its memory over a course of days."""

    needs: dict[str, SlowNeed]
    lines: int
    waiting: dict[tuple[str, int, int, str], datetime] = field(default_factory=dict)

    def look(
        self,
        now: datetime,
        due_days: Mapping[str, Sequence[date]],
        posts: Mapping[tuple[str, str], str],
        working: Callable[[date], bool],
        *,
        had_digest: Collection[str],
        urgent_only: bool = False,
    ) -> set[SlowTelling]:
        """What is told now. `posts`: authority and level → address of who is on duty; `due_days`: of the limits that run."""
        today = now.date()
        due: list[tuple[SlowNeed, int, int, str, str | None]] = []
        for need in self.needs.values():
            overdue = max((_days_between(one, today, working) for one in due_days[need.need_id]), default=0)
            if overdue == 0:
                if need.climbing:
                    need.round, need.climbing, need.recorded, need.taken_on = need.round + 1, False, {}, None
                continue
            due += self._due(need, overdue, today, posts, working)
        told = self._told(due, had_digest, urgent_only)
        self._remember(due, told, now, had_digest, urgent_only)
        return told

    def take_on(self, need_id: str, today: date) -> None:
        """Coordinators take the need on."""
        need = self.needs[need_id]
        need.taken_on = (max(step for (step, _), how in need.recorded.items() if how == "told"), today)

    def _due(
        self,
        need: SlowNeed,
        overdue: int,
        today: date,
        posts: Mapping[tuple[str, str], str],
        working: Callable[[date], bool],
    ) -> list[tuple[SlowNeed, int, int, str, str | None]]:
        reached = [rung for rung in (*RUNGS, *((TOP,) if need.is_major else ())) if overdue >= rung[1]]
        if need.taken_on is not None:
            step, since = need.taken_on
            most = step + _days_between(since, today, working) // QUIET_DAYS
            reached = [rung for rung in reached if rung[0] <= most]
        if not reached or any(step > reached[-1][0] for step, _ in need.recorded):
            return []
        step, _, level, authorities = reached[-1]
        levels = [one for one in UPWARDS[UPWARDS.index(level) :] if one != "nation" or need.is_major]
        return [
            (need, overdue, step, one, next((posts[one, at] for at in levels if (one, at) in posts), None))
            for one in authorities
            if (step, one) not in need.recorded
        ]

    def _told(
        self,
        due: Sequence[tuple[SlowNeed, int, int, str, str | None]],
        had_digest: Collection[str],
        urgent_only: bool,
    ) -> set[SlowTelling]:
        told = set()
        for address in {one[4] for one in due if one[4] is not None}:
            here = [one for one in due if one[4] == address]
            majors = [one for one in here if one[0].is_major]
            others = [] if urgent_only or address in had_digest else [one for one in here if not one[0].is_major]
            named: list[str] = []
            for need, _, step, authority, _ in sorted(others, key=self._order):
                if need.need_id not in named and len(named) < self.lines:
                    named.append(need.need_id)
                if need.need_id in named:
                    told.add(SlowTelling(need.need_id, need.round, step, authority, address))
            for need, _, step, authority, _ in majors:
                told.add(SlowTelling(need.need_id, need.round, step, authority, address))
        return told

    def _order(self, one: tuple[SlowNeed, int, int, str, str | None]) -> tuple[float, int, str]:
        need, overdue, step, *_ = one
        since = [
            at.timestamp() for (n, r, s, _), at in self.waiting.items() if (n, r, s) == (need.need_id, need.round, step)
        ]
        return (min(since, default=float("inf")), -overdue, need.need_id)

    def _remember(
        self,
        due: Sequence[tuple[SlowNeed, int, int, str, str | None]],
        told: set[SlowTelling],
        now: datetime,
        had_digest: Collection[str],
        urgent_only: bool,
    ) -> None:
        keys = {(need.need_id, need.round, step, authority) for need, _, step, authority, _ in due}
        named = {(one.need_id, one.round, one.step, one.authority) for one in told}
        self.waiting = {key: at for key, at in self.waiting.items() if key in keys - named}
        for need, _, step, authority, address in due:
            key = (need.need_id, need.round, step, authority)
            if key in named:
                need.climbing = True
                need.recorded[step, authority] = "told"
                for lower, _, _, authorities in RUNGS:
                    for one in authorities if lower < step else ():
                        need.recorded.setdefault((lower, one), "overtaken")
            elif address is not None and not need.is_major and not urgent_only and address not in had_digest:
                self.waiting.setdefault(key, now)


def _days_between(after: date, until: date, working: Callable[[date], bool]) -> int:
    number, day = 0, after
    while day < until:
        day += timedelta(days=1)
        number += working(day)
    return number

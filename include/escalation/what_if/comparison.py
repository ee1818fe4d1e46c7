"""The same quarter three times side by side: as it was told, as the policy in force would, as another policy would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa

from include.domain.calendar import WorkingCalendar
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.quarter import Quarter
from include.escalation.what_if import queries
from include.escalation.what_if.history import read_history
from include.escalation.what_if.replay import OPERATOR, Told, replay

Group = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of something: really (None: not kept), under the policy in force, under the other one."""

    actual: int | None
    present: int
    assumed: int

    @property
    def change(self) -> int:
        """What the other policy would have meant beyond the one in force."""
        return self.assumed - self.present


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The outcome. `first`, `last`: the working days looked at, None if there were none; `needs`: how many were filed."""

    quarter: Quarter
    needs: int
    first: date | None
    last: date | None
    actual: Sequence[Told]
    present: Sequence[Told]
    assumed: Sequence[Told]

    def counted(self, key: Callable[[Told], Group]) -> list[tuple[Group, Counts]]:
        """Steps told, by `key`, in its order."""
        sums = [Counter(key(one) for one in told) for told in (self.actual, self.present, self.assumed)]
        return [(group, Counts(*(one[group] for one in sums))) for group in sorted(set().union(*sums))]

    def mails(self, *, urgent: bool) -> Counts:
        """Digests, or urgent mails, to coordinators."""
        return self._distinct(lambda one: one.mail if one.level != OPERATOR and one.urgent == urgent else None)

    def recipients(self) -> Counts:
        """Coordinators who got any mail."""
        return self._distinct(lambda one: one.coordinator_id if one.level != OPERATOR else None)

    def steps(self) -> Counts:
        """Times that a coordinator was told of something."""
        return Counts(
            *(sum(one.level != OPERATOR for one in told) for told in (self.actual, self.present, self.assumed))
        )

    def notices(self) -> Counts:
        """Days with a notice to the operator of a late push or hold. A notice does not keep of which quarters it told."""
        return replace(self._distinct(lambda one: one.day if one.level == OPERATOR else None), actual=None)

    def _distinct(self, key: Callable[[Told], Hashable | None]) -> Counts:
        return Counts(*(len({key(one) for one in told} - {None}) for told in (self.actual, self.present, self.assumed)))


def what_if(
    engine: sa.Engine,
    quarter: Quarter,
    assumed: PolicySnapshot,
    *,
    present: PolicySnapshot,
    now: datetime,
    calendar: WorkingCalendar,
) -> WhatIf:
    """Who would have been told of what, and when, on the cases of `quarter` up to `now`, had `assumed` been in force.

    From what is stored alone, in a transaction that cannot write. Both replays look at every working day at the hour of
    escalate_stalled, and take the coordinators of today; what really happened also knows of days on which nobody looked.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        history = read_history(connection, quarter, now, calendar)
        actual = [_told(row) for row in connection.execute(queries.TOLD, {"quarter": str(quarter)})]
    in_force = replay(history, present, calendar)
    days = history.runs.days
    return WhatIf(
        quarter=quarter,
        needs=len(history.needs),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        actual=actual,
        present=in_force,
        assumed=in_force if assumed == present else replay(history, assumed, calendar),
    )


def quarters(connection: sa.Connection) -> list[str]:
    """The quarters of which needs are stored, newest first."""
    return list(connection.execute(queries.QUARTERS).scalars())


def only_changed(rows: Iterable[tuple[Group, Counts]]) -> list[tuple[Group, Counts]]:
    """Those that the other policy would have changed."""
    return [row for row in rows if row[1].change]


def _told(row: sa.Row[tuple[object, ...]]) -> Told:
    return Told(
        day=row.day,
        rule_id=row.rule_id,
        step=row.step,
        level=row.level or "",
        region_code=row.region_code or "",
        authority=row.authority or "",
        coordinator_id=row.coordinator_id,
        urgent=bool(row.urgent),
        need_id=row.need_id,
        institution_code=row.institution_code,
        breach=row.breach,
    )

"""The same quarter three times side by side: as it was told, as the policy in force would, as another policy would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa

from include.base.addresses import mailbox
from include.domain.calendar import WorkingCalendar
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.quarter import Quarter
from include.escalation.what_if.past import lay_out
from include.escalation.what_if.replay import OPERATOR, PastDays, Told, replay

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
        """Addresses of coordinators that got any mail."""
        return self._distinct(lambda one: one.mailbox if one.level != OPERATOR else None)

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

    In one transaction that is rolled back, on temporary tables that hide the real ones. Both replays look at every working day at
    the hour of escalate_stalled; what really happened also knows of days on which nobody looked.
    """
    asked = {"quarter": str(quarter), "now": now}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        needs, first = connection.execute(_FILED, asked).one()
        actual = [_told(row) for row in connection.execute(_TOLD, asked)]
        if first is None:
            return WhatIf(quarter, needs, None, None, actual, [], [])
        lay_out(connection, str(quarter))
        days = PastDays(first, now, calendar)
        in_force = _rolled_back(connection, str(quarter), present, days)
        tried = in_force if assumed == present else _rolled_back(connection, str(quarter), assumed, days)
        connection.rollback()
    working_days = days.working_days()
    return WhatIf(
        quarter=quarter,
        needs=needs,
        first=working_days[0] if working_days else None,
        last=working_days[-1] if working_days else None,
        actual=actual,
        present=in_force,
        assumed=tried,
    )


def _rolled_back(connection: sa.Connection, quarter: str, snapshot: PolicySnapshot, days: PastDays) -> Sequence[Told]:
    with connection.begin_nested() as savepoint:
        told = replay(connection, quarter, snapshot, days)
        savepoint.rollback()
    return told


_FILED = sa.text(
    """
    select count(distinct need_id), min((received_at at time zone 'Asia/Shanghai')::date) from need_version
    where need_id in (select need_id from need_version where quarter = :quarter) and received_at <= :now
    """
)

# What the ladder really told.
_TOLD = sa.text(
    """
    select (step.raised_at at time zone 'Asia/Shanghai')::date as day, step.need_id, step.institution_code, step.rule_id,
           step.item, step.round, step.step, step.coordinator_id, step.authority, post.level, post.region_code, post.email,
           step.idempotency_key like 'urgent:%' as urgent
    from escalation_step step left join coordinator post using (coordinator_id)
    where step.need_id in (select need_id from need_version where quarter = :quarter) and step.state = 'mailed'
    order by step.step_id
    """
)

_QUARTERS = sa.text("select distinct quarter from need_version order by quarter desc")


def quarters(connection: sa.Connection) -> list[str]:
    """The quarters of which needs are stored, newest first."""
    return list(connection.execute(_QUARTERS).scalars())


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
        authority=row.authority,
        coordinator_id=row.coordinator_id,
        mailbox=mailbox(row.email) if row.email else row.coordinator_id,
        urgent=bool(row.urgent),
        need_id=row.need_id,
        institution_code=row.institution_code,
        item=row.item,
        round=row.round,
    )

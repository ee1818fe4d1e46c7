"""What a played quarter asked of people: how many pushed needs were told upwards, and how many mails a person got."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from include.domain.states import Level
from include.words.states import word


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelLoad:
    """Mails to coordinators of one level. `persons`: on duty; `days`: on which the ladder was played."""

    level: Level
    persons: int
    mails: int
    days: int

    @property
    def per_person_and_day(self) -> float:
        """Mails a person and working day."""
        return self.mails / (self.persons * self.days) if self.persons and self.days else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Of the pushed needs: flagged (on the ladder, S01 and S06), told to the nation by it, with obstructions there."""

    pushed: int
    flagged: int
    to_nation: int
    obstructed: int
    obstructed_at_nation: int
    levels: tuple[LevelLoad, ...]

    @property
    def flagged_share(self) -> float:
        """Flagged of pushed."""
        return self.flagged / self.pushed if self.pushed else 0.0

    @property
    def nation_share(self) -> float:
        """Told to the nation of pushed, obstructions apart."""
        return self.to_nation / self.pushed if self.pushed else 0.0

    def lines(self) -> list[str]:
        """The figures in words."""
        told = [
            f"已推送 {self.pushed:,} 项，督办 {self.flagged:,} 项（{self.flagged_share:.1%}），"
            f"报至全国 {self.to_nation:,} 项（{self.nation_share:.1%}）；"
            f"融资梗阻 {self.obstructed:,} 项，其中全国层级 {self.obstructed_at_nation:,} 项"
        ]
        return told + [
            f"{word(Level, one.level)}协调人 {one.persons} 人，{one.days} 个督办日共收到 {one.mails:,} 封，"
            f"人均每个工作日 {one.per_person_and_day:.2f} 封"
            for one in self.levels
        ]


_NEEDS = sa.text(
    """
    with pushed as (select distinct need_id from delivered_push where quarter = :quarter),
    told as (
        select distinct need_id, level from escalation_step join coordinator using (coordinator_id)
        where rule_id in ('S01', 'S06') and state = 'mailed'
    )
    select (select count(*) from pushed) as pushed,
           (select count(distinct need_id) from told join pushed using (need_id)) as flagged,
           (select count(distinct need_id) from told join pushed using (need_id) where level = 'nation') as to_nation,
           (select count(distinct need_id) from obstruction_ticket join pushed using (need_id)) as obstructed,
           (select count(distinct need_id) from obstruction_ticket join pushed using (need_id)
            where exists (select from obstruction_event event
                          where event.ticket_id = obstruction_ticket.ticket_id and event.level = 'nation'))
               as obstructed_at_nation
    """
)
_MAILS = sa.text(
    """
    select level, count(distinct idempotency_key) as mails
    from escalation_step join coordinator using (coordinator_id)
    where idempotency_key is not null group by level
    """
)
_PERSONS = sa.text("select level, count(*) as persons from coordinator where on_duty group by level")


def load_of(connection: sa.Connection, quarter: str, *, days: int) -> Load:
    """The load of a quarter whose ladder was played on so many `days`."""
    needs = connection.execute(_NEEDS, {"quarter": quarter}).mappings().one()
    mails = {row.level: row.mails for row in connection.execute(_MAILS)}
    persons = {row.level: row.persons for row in connection.execute(_PERSONS)}
    levels = tuple(
        LevelLoad(level=level, persons=persons.get(level, 0), mails=mails.get(level, 0), days=days) for level in Level
    )
    return Load(**needs, levels=levels)

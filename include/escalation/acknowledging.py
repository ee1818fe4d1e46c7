"""Open breaches, who was notified when, what comes next; and acknowledging a breach (接办), which pauses its ladder for a
while."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain import escalation as stalls
from include.domain.escalation import BreachKey
from include.escalation.breaches import OpenItem, open_items
from include.reference.day import Day
from include.store.tables import coordinator, escalation_acknowledgement, escalation_step
from include.words.names import post_label
from include.words.stalls import rung_label, why

_LADDER_RULES = ("S01", "S02", "S03", "S05", "S06")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step of which somebody was notified: which post, when."""

    step: int
    post: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreach:
    """An open breach as the console shows it; `next_on` and `next_to` are empty at the top of the ladder."""

    item: OpenItem
    title: str
    told: tuple[Told, ...]
    next_on: date | None
    next_to: str


def open_breaches(connection: sa.Connection, *, day: Day) -> list[OpenBreach]:
    """Every overdue breach that climbs the ladder, the longest overdue first."""
    items = [item for item in open_items(connection, day) if item.overdue > 0 and item.breach.rule_id in _LADDER_RULES]
    told, taken = _told(connection, items)
    found = []
    for item in sorted(items, key=lambda item: (-item.overdue, not item.need.is_major, item.key)):
        above = stalls.next_rung(max(taken.get(item.key, ()), default=0), day.policy)
        found.append(
            OpenBreach(
                item=item,
                title=why(item.breach),
                told=tuple(told.get(item.key, ())),
                next_on=stalls.climbs_on(item.breach.due_on, above, item.acknowledged, day.calendar, day.policy)
                if above
                else None,
                next_to=rung_label(above) if above else "",
            )
        )
    return found


def acknowledge(connection: sa.Connection, key: BreachKey, *, act: Act, day: Day) -> None:
    """Record that the coordinators acknowledge the breach. Raises InvalidRequest if it is not open or nobody was
    notified yet."""
    act = audit.signed(act)
    found = {one.item.key: one for one in open_breaches(connection, day=day)}
    one = found.get(key)
    if one is None or not one.told:
        raise InvalidRequest("该事项已经办结，或尚未提请协调人。", "请刷新“停滞事项”页面后再处理。")
    need_id, institution_code, rule_id, breach = key
    connection.execute(
        escalation_acknowledgement.insert().values(
            need_id=need_id,
            institution_code=institution_code,
            rule_id=rule_id,
            breach=breach,
            step=max(told.step for told in one.told),
            actor=act.actor_id,
            note=act.reason,
            at=act.at,
        )
    )
    audit.record(
        connection,
        act=act,
        action="acknowledge_breach",
        object_=f"breach:{need_id}/{institution_code}/{rule_id}/{breach}",
    )


def _told(
    connection: sa.Connection, items: list[OpenItem]
) -> tuple[dict[BreachKey, list[Told]], dict[BreachKey, set[int]]]:
    told: defaultdict[BreachKey, list[Told]] = defaultdict(list)
    taken: defaultdict[BreachKey, set[int]] = defaultdict(set)
    posts = {row.coordinator_id: row for row in connection.execute(sa.select(coordinator))}
    step = escalation_step.c
    needs = sa.literal([item.need.need_id for item in items], sa.ARRAY(sa.Text))
    for row in connection.execute(
        sa.select(escalation_step).where(step.need_id == sa.any_(needs)).order_by(step.step, step.step_id)
    ):
        key = (row.need_id, row.institution_code, row.rule_id, row.breach)
        taken[key].add(row.step)
        if row.state == "mailed":
            post = posts.get(row.coordinator_id)
            label = post_label(post.authority, post.level, post.region_code) if post else row.coordinator_id
            told[key].append(Told(step=row.step, post=label, at=row.raised_at))
    return told, taken

"""Taking an item on (认领): its ladder waits while the case is worked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.states import StepState
from include.escalation.rounds import in_running_round
from include.store.tables import escalation_acknowledgement, escalation_round, escalation_step


def climbs(connection: sa.Connection, need_id: str) -> bool:
    """Whether somebody was told of the need in a round that still runs: then it can be taken on."""
    return bool(_told(connection, need_id))


def acknowledge(connection: sa.Connection, need_id: str, *, act: Act) -> None:
    """Record that coordinators take on what the need climbs the ladder for, in its present round.

    Raises InvalidRequest if the act is not signed, or if nobody was told of the need or it is settled by now. Taking it on
    again counts anew: the newest entry holds the ladder.
    """
    act = audit.signed(act)
    told = _told(connection, need_id)
    if not told:
        raise InvalidRequest("该事项已经办结，或尚未提请协调人。", "请刷新“逾期督办”页面后再处理。")
    for row in told:
        connection.execute(
            escalation_acknowledgement.insert().values(
                need_id=need_id,
                rule_id=row.rule_id,
                round=row.round,
                step=row.step,
                actor=act.actor_id,
                note=act.reason,
                at=act.at,
            )
        )
        audit.record(
            connection,
            act=act,
            action="acknowledge_breach",
            object_=f"breach:{need_id}/{row.rule_id}/{row.round}",
        )


@dataclass(frozen=True, slots=True)
class TakenOn:
    """What became of several needs taken on at once: which were, and which were settled or not told of meanwhile."""

    taken: tuple[str, ...]
    refused: tuple[str, ...]


def acknowledge_all(connection: sa.Connection, need_ids: Sequence[str], *, act: Act) -> TakenOn:
    """Record for each of these needs, with one reason and an audit entry each, that coordinators take it on.

    What cannot be taken on any more does not hinder the others. Raises InvalidRequest if the act is not signed, if none is
    chosen, or if none of them can be taken on.
    """
    act = audit.signed(act)
    chosen = tuple(dict.fromkeys(need_ids))
    if not chosen:
        raise InvalidRequest("没有选择要认领的需求。", "请在“逾期督办”中勾选需求后再提交。")
    refused = tuple(need_id for need_id in chosen if not climbs(connection, need_id))
    taken = tuple(need_id for need_id in chosen if need_id not in set(refused)) or chosen[:1]
    for need_id in taken:
        acknowledge(connection, need_id, act=act)
    return TakenOn(taken, refused)


def _told(connection: sa.Connection, need_id: str) -> Sequence[Any]:
    """The rounds of the need that run and of which somebody was told, with the highest step told."""
    step = escalation_step.c
    return connection.execute(
        sa.select(step.rule_id, step.round, sa.func.max(step.step).label("step"))
        .join(escalation_round, in_running_round(escalation_step))
        .where(step.need_id == need_id, step.item == "", step.state == StepState.MAILED)
        .group_by(step.rule_id, step.round)
    ).all()

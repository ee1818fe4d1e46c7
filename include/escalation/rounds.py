"""Rounds of the ladder (轮次): what a step or an acknowledgement belongs to."""

from __future__ import annotations

import sqlalchemy as sa

from include.store.tables import escalation_round


def in_running_round(of: sa.Table) -> sa.ColumnElement[bool]:
    """The condition that joins `escalation_round` to rows of `of` (need_id, rule_id, round) whose round has not ended."""
    running = escalation_round.c
    return (
        (running.need_id == of.c.need_id)
        & (running.rule_id == of.c.rule_id)
        & (running.round == of.c.round)
        & running.ended_at.is_(None)
    )

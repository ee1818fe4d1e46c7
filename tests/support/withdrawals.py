"""Needs that two persons withdraw."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from include.base.act import Act
from include.withdrawals.two_persons import OwnReason, decide_withdrawal, request_withdrawal
from tests.support.rows import moment

NOW = moment("2026-10-20 10:00")
REASON = "已向主管部门核实"


def person(actor: str, at: datetime = NOW, reason: str = REASON) -> Act:
    return Act(actor_id=actor, role="operator", reason=reason, at=at)


def ask(
    connection: sa.Connection, need_id: str, reason_code: OwnReason = "duplicate_project", *, at: datetime = NOW
) -> int:
    """The operator wang asks for the withdrawal."""
    return request_withdrawal(connection, need_id, reason_code=reason_code, act=person("wang", at))


def withdraw_by_two(
    connection: sa.Connection, need_id: str, reason_code: OwnReason = "duplicate_project", *, at: datetime = NOW
) -> None:
    """wang asks, li confirms."""
    decide_withdrawal(
        connection, ask(connection, need_id, reason_code, at=at), decision="confirmed", act=person("li", at)
    )

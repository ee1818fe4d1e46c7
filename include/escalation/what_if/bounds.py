"""What a page may ask of a processor: one look at a time for each person, at a quarter that is not too large; and that it was asked."""

from __future__ import annotations

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.quarter import Quarter
from include.escalation.what_if.parameters import differences
from include.store.locks import Lock, try_hold

MOST_NEEDS = 2_500
"""Needs of a quarter that a page looks at: about a minute. The command has no such limit."""


def take_turn(connection: sa.Connection, quarter: Quarter, actor: str) -> None:
    """Hold the person's turn until the transaction ends. Raises InvalidRequest while another look of his runs, or for a large quarter."""
    if not try_hold(connection, Lock.WHAT_IF, actor):
        raise InvalidRequest("上一次试算还没有结束。", "请等待其结束后再试。")
    needs = connection.execute(_NEEDS, {"quarter": str(quarter)}).scalar_one()
    if needs > MOST_NEEDS:
        raise InvalidRequest(
            f"{quarter} 有 {needs:,} 项需求，超过页面试算的上限 {MOST_NEEDS:,} 项。",
            "请在服务器上用命令 python -m include.escalation.what_if 试算。",
        )


_NEEDS = sa.text("select count(distinct need_id) from need_version where quarter = :quarter")


def record_look(
    connection: sa.Connection, quarter: Quarter, present: PolicySnapshot, assumed: PolicySnapshot, *, act: Act
) -> None:
    """Add to the audit trail that the person tried these figures."""
    audit.record(
        connection,
        act=act.because("督办规则试算"),
        action="try_escalation",
        object_=f"quarter:{quarter}",
        details={one.key: [one.value, value] for one, value in differences(present, assumed)},
    )

"""Differences between ledgers, as reconciliation stores them."""

from __future__ import annotations

import sqlalchemy as sa

from include.store import tables
from tests.support import rows


def add_difference(database: sa.Engine, number: int, *, closed: bool = False) -> None:
    """A need whose push the ledger does not know; `closed`: no more."""
    with database.begin() as connection:
        rows.add_need(connection, number)
        connection.execute(
            tables.reconciliation_finding.insert().values(
                quarter=rows.QUARTER,
                kind="missing_in_ledger",
                need_id=rows.need_id(number),
                revision=1,
                explanation="台账中没有这一推送。",
                suggestion="请与信贷市场服务平台核对。",
                found_at=rows.TAKEN_IN,
                closed_at=rows.REPORTED if closed else None,
            )
        )

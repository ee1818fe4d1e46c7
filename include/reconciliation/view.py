"""Differences between ledgers (对账差异) as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

_CHOSEN = """
    (:quarter = '' or quarter = :quarter) and (:kind = '' or kind = :kind)
    and (closed_at is null) = (:state <> 'closed')
"""
_DIFFERENCES = sa.text(
    f"""
    select quarter, kind, need_id, revision, explanation, suggestion, found_at, closed_at, (
        select uscc from newest_need need where need.need_id = reconciliation_finding.need_id
    ) as uscc
    from reconciliation_finding where {_CHOSEN}
    order by closed_at desc nulls last, found_at, finding_id limit :at_most offset :after
    """
)
_COUNT = sa.text(f"select count(*) from reconciliation_finding where {_CHOSEN}")
_CHOICES = sa.text(
    """
    select array(select distinct quarter from reconciliation_finding order by 1 desc) as quarters,
           array(select distinct kind from reconciliation_finding order by 1) as kinds
    """
)


def differences(
    connection: sa.Connection, *, state: str, quarter: str, kind: str, at_most: int, after: int = 0
) -> tuple[Sequence[sa.Row[Any]], int]:
    """The open or (`state` "closed") closed differences, the oldest open first, the last closed first, at most so many after
    so many; and how many there are."""
    asked = {"state": state, "quarter": quarter, "kind": kind}
    rows = connection.execute(_DIFFERENCES, {**asked, "at_most": at_most, "after": after}).all()
    return rows, connection.execute(_COUNT, asked).scalar_one()


def choices(connection: sa.Connection) -> sa.Row[Any]:
    """What can be filtered by: `quarters`, the newest first, and `kinds`."""
    return connection.execute(_CHOICES).one()

"""Withdrawals by us as people see them: what waits for a second person, what was decided, and who must hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.domain.states import WithdrawalReason

PAGE = 50
"""Requests on one page."""

_REQUESTS = """
    select asked.*, version.enterprise_name, version.project_name, version.uscc, version.quarter, version.department_code,
           version.financing_need, version.is_major, version.revision as newest_revision,
           coalesce(money.approved, 0) as approved, coalesce(money.drawn, 0) as drawn,
           exists (select from delivered_push push where push.need_id = asked.need_id) as pushed
    from {requests} asked join newest_need version using (need_id)
    left join lateral (
        select sum(matched.approved) as approved, sum(matched.drawn) as drawn
        from matching_case matched where matched.need_id = asked.need_id
    ) money on true
"""
_WAITING = sa.text(f"{_REQUESTS.format(requests='waiting_withdrawal')} order by asked.requested_at, asked.request_id")
_SETTLED = sa.text(
    f"""
    select asked.*, decided.decision, decided.decided_by, decided.role as decided_role,
           decided.reason as decided_because, decided.decided_at, notice.reason_code as withdrawn_for,
           coalesce(decided.decided_at, notice.noticed_at) as settled_at
    from ({_REQUESTS.format(requests="withdrawal_request")}) asked
    left join withdrawal_decision decided using (request_id)
    left join withdrawal_notice notice on notice.need_id = asked.need_id
    where (decided.request_id is not null or notice.need_id is not null)
      and (:before ::bigint is null or asked.request_id < :before)
    order by asked.request_id desc limit :at_most
    """
)
_WAITING_OF_NEED = sa.text("select * from waiting_withdrawal where need_id = :need_id")
_COUNT = sa.text("select count(*) as number, min(requested_at) as oldest from waiting_withdrawal")
_BY_US = sa.text(
    """
    select notice.need_id, notice.reason_code, notice.noticed_at, version.department_code, version.quarter,
           version.enterprise_name, version.project_name, version.uscc, version.financing_need, version.is_major
    from withdrawal_notice notice join newest_need version using (need_id)
    where notice.reason_code = any(:reasons) and notice.noticed_at > :since and notice.noticed_at <= :until
    order by notice.noticed_at, notice.need_id
    """
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many requests wait for a second person, and since when the oldest."""

    number: int
    oldest: datetime | None


def waiting_requests(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """The requests that wait for a second person, oldest first, with their needs and what banks reported of them (万元)."""
    return connection.execute(_WAITING).all()


def settled_requests(connection: sa.Connection, *, before: int | None) -> Sequence[sa.Row[Any]]:
    """Requests that ended, the newest first, a page of them; `before`: the number of the last one on the page before."""
    return connection.execute(_SETTLED, {"before": before, "at_most": PAGE}).all()


def waiting_request_of(connection: sa.Connection, need_id: str) -> sa.Row[Any] | None:
    """The request about a need that waits; None if none does."""
    return connection.execute(_WAITING_OF_NEED, {"need_id": need_id}).one_or_none()


def waiting_withdrawals(connection: sa.Connection) -> Waiting:
    """How much waits for a second person."""
    return Waiting(**connection.execute(_COUNT).one()._mapping)


def withdrawn_by_us(connection: sa.Connection, *, since: datetime, until: datetime) -> Sequence[sa.Row[Any]]:
    """The needs that we withdrew after `since` and up to `until`, in order, for those who must hear of it."""
    reasons = [WithdrawalReason.DUPLICATE_PROJECT, WithdrawalReason.FALSE_INFORMATION]
    return connection.execute(_BY_US, {"reasons": reasons, "since": since, "until": until}).all()

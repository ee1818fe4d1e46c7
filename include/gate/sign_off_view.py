"""What an approver looks at before signing a quarter's pushes off (签批): counts and totals, and oddities. Read-only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.gate.sign_off import WaitingPush
from include.reference import Policy

UNIT_SUSPECT = "DQ37"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDepartment:
    """A department's part of a list; amounts in 万元."""

    department_code: str
    needs: int
    total: Decimal
    largest: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Facts of the quarter that bear on a sign-off. `median`: of the filed financing needs, 万元; None if there is none."""

    median: Decimal | None
    batch_findings: Sequence[tuple[str, str]]
    open_holds: Sequence[tuple[str, int]]
    stopped: Sequence[str]
    unreadable: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature of the quarter; `total` in 万元."""

    actor: str
    role: str
    reason: str
    needs: int
    total: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """What waits for sign-off in a quarter; `total` in 万元, `since`: of the oldest."""

    quarter: str
    needs: int
    major: int
    total: Decimal
    since: datetime

    @property
    def since_day(self) -> date:
        """The local date of `since`."""
        return self.since.astimezone(SHANGHAI).date()


def by_department(pushes: Sequence[WaitingPush]) -> list[OfDepartment]:
    """Totals of the list by department code."""
    amounts: defaultdict[str, list[Decimal]] = defaultdict(list)
    for one in pushes:
        amounts[one.department_code].append(one.financing_need or Decimal(0))
    return [
        OfDepartment(department_code=code, needs=len(found), total=sum(found, Decimal(0)), largest=max(found))
        for code, found in sorted(amounts.items())
    ]


def unsigned_quarters(connection: sa.Connection) -> Sequence[Unsigned]:
    """What waits for sign-off, the oldest quarter first."""
    return [Unsigned(**row) for row in connection.execute(_QUARTERS).mappings()]


def times_the_median(push: WaitingPush, surroundings: Surroundings, policy: Policy) -> Decimal | None:
    """How many times the median a need asks for, if that is more than approval_outlier_factor."""
    if not surroundings.median or push.financing_need is None:
        return None
    times = push.financing_need / surroundings.median
    return times if times > policy.decimal("approval_outlier_factor") else None


def surroundings(connection: sa.Connection, quarter: str) -> Surroundings:
    """The present oddities of the quarter."""
    asked = {"quarter": quarter}
    return Surroundings(
        median=connection.execute(_MEDIAN, asked).scalar(),
        batch_findings=list(connection.execute(_BATCH_FINDINGS, asked).tuples()),
        open_holds=list(connection.execute(_OPEN_HOLDS, asked).tuples()),
        stopped=list(connection.execute(_STOPPED, asked).scalars()),
        unreadable=list(connection.execute(_UNREADABLE, asked).tuples()),
    )


def signatures(connection: sa.Connection, quarter: str) -> list[Signed]:
    """The signatures of the quarter, the newest first."""
    return [Signed(**row) for row in connection.execute(_SIGNATURES, {"quarter": quarter}).mappings()]


_QUARTERS = sa.text(
    """
    select quarter, count(*) as needs, count(*) filter (where is_major) as major,
           coalesce(sum(financing_need), 0) as total, min(since) as since
    from signable_push group by quarter order by quarter
    """
)

_MEDIAN = sa.text(
    """
    select cast(percentile_cont(0.5) within group (order by financing_need) as numeric)
    from live_need where quarter = :quarter
    """
)

_BATCH_FINDINGS = sa.text(
    """
    select department_code, rule_id from newest_batch_finding where quarter = :quarter
    group by department_code, rule_id order by department_code, rule_id
    """
)

_OPEN_HOLDS = sa.text(
    """
    select department_code, count(*) from quarantine where quarter = :quarter and state = 'open'
    group by department_code order by department_code
    """
)

_STOPPED = sa.text(
    """
    select department_code from department_stop where quarter = :quarter and state <> 'continued' order by department_code
    """
)

_UNREADABLE = sa.text(
    """
    select split_part(source, '/', 3), count(*) from set_aside
    where resolved_at is null and split_part(source, '/', 2) = :quarter
      and split_part(source, '/', 1) in ('needs', 'manifest')
    group by 1 order by 1
    """
)

_SIGNATURES = sa.text(
    "select actor, role, reason, needs, total, at from push_signature where quarter = :quarter order by signature_id desc"
)

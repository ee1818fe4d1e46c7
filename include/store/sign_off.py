"""What waits for sign-off (签批), in SQL that all stages share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from include.base.business_time import SHANGHAI


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


def unsigned_quarters(connection: sa.Connection) -> Sequence[Unsigned]:
    """What waits for sign-off, the oldest quarter first."""
    return [Unsigned(**row) for row in connection.execute(_QUARTERS).mappings()]


_QUARTERS = sa.text(
    """
    select quarter, count(*) as needs, count(*) filter (where is_major) as major,
           coalesce(sum(financing_need), 0) as total, min(since) as since
    from signable_push group by quarter order by quarter
    """
)

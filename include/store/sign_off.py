"""What waits for sign-off (签批), in SQL that all stages share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.store.outcomes import pushable

STILL_WAITING = f"from push_unsigned waiting join need_version version using (need_id, revision) where {pushable()}"
"""Of `waiting`: what was not withdrawn, overtaken, held or stopped meanwhile."""


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
    f"""
    select waiting.quarter, count(*) as needs, count(*) filter (where waiting.is_major) as major,
           coalesce(sum(version.financing_need), 0) as total, min(waiting.since) as since
    {STILL_WAITING}
    group by waiting.quarter order by waiting.quarter
    """
)

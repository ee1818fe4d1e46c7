"""Totals over the cases of a need, with the figures of its newest pushed revision. Amounts in 万元, exact."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from include.store.database import array_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedSums:
    """Totals of a need; `external_funds` is its total investment without own capital. None: not usable."""

    need_id: str
    states: Collection[str]
    answered: int
    approved: Decimal
    contracted: Decimal
    drawn: Decimal
    financing_need: Decimal | None
    total: Decimal | None
    external_funds: Decimal | None


def need_sums(connection: sa.Connection, revisions: Mapping[str, int]) -> list[NeedSums]:
    """The totals of each of these needs; `revisions`: the newest pushed revision of each."""
    asked = {"need_ids": array_of(revisions), "revisions": array_of(revisions.values())}
    return [NeedSums(**row._asdict()) for row in connection.execute(_NEED_SUMS, asked).all()]


_NEED_SUMS = sa.text(
    """
    select need_id, coalesce(states, '{}') as states, coalesce(answered, 0) as answered,
           coalesce(approved, 0) as approved, coalesce(contracted, 0) as contracted, coalesce(drawn, 0) as drawn,
           version.financing_need, version.total_investment as total,
           version.total_investment - version.own_capital as external_funds
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) pushed (need_id, revision)
    join need_version version using (need_id, revision)
    left join (
        select need_id, array_agg(distinct state) as states, count(*) filter (where answered) as answered,
               sum(approved) as approved, sum(contracted) as contracted, sum(drawn) as drawn
        from matching_case where need_id = any(cast(:need_ids as text[])) group by need_id
    ) summed using (need_id)
    """
)

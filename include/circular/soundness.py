"""How sound the financing is (防范“洗绿”“漂绿”): alerts, the cases they keep out, and the effect attributable to loans.

The queries read the circular's temporary tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFigures:
    """Alerts (警示) of one rule: how many were opened, cleared, confirmed or closed as no longer true, and on how many needs."""

    rule_id: str
    opened: int
    cleared: int
    confirmed: int
    closed: int
    needs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOutFigures:
    """Cases that an alert, open or confirmed, keeps out of every other figure; amounts in 万元."""

    cases: int
    needs: int
    contracted_amount: Decimal
    drawn_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFigures:
    """Expected effect a year by loan share: of each need the part min(1, drawn / total investment), counted once."""

    needs: int
    energy_saving_tce: Decimal
    carbon_reduction_tco2: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundness:
    """Alerts by rule (notes left out), the cases they keep out, and the effect of the other cases."""

    alerts: tuple[AlertFigures, ...]
    kept_out: KeptOutFigures
    effect: EffectFigures

    @classmethod
    def of(cls, connection: sa.Connection, moment: datetime) -> Soundness:
        """As of `moment`, while the circular's temporary tables exist."""
        return cls(
            alerts=tuple(AlertFigures(**row) for row in connection.execute(_ALERTS, {"moment": moment}).mappings()),
            kept_out=KeptOutFigures(**connection.execute(_KEPT_OUT).mappings().one()),
            effect=EffectFigures(**connection.execute(_EFFECT).mappings().one()),
        )


_ALERTS = sa.text(
    """
    select rule_id, count(*) as opened,
           count(*) filter (where state = 'cleared' and settled_at <= :moment) as cleared,
           count(*) filter (where state = 'confirmed' and settled_at <= :moment) as confirmed,
           count(*) filter (where state = 'closed' and settled_at <= :moment) as closed,
           count(distinct need_id) as needs
    from alert join circular_need using (need_id)
    where severity = 'hold' and opened_at <= :moment
    group by rule_id order by rule_id
    """
)

_KEPT_OUT = sa.text(
    """
    select count(*) as cases, count(distinct need_id) as needs,
           coalesce(sum(kept.contracted), 0) as contracted_amount, coalesce(sum(kept.drawn), 0) as drawn_amount
    from circular_kept_out kept join circular_need need using (need_id)
    where need.pushed
    """
)

# Benefits as filed are whole ten-thousandths. A need counts once, however many institutions lend to it.
_EFFECT = sa.text(
    """
    select count(*) as needs,
           coalesce(sum(coalesce(filed.saving, 0) * share), 0) / 10000 as energy_saving_tce,
           coalesce(sum(coalesce(filed.carbon, 0) * share), 0) / 10000 as carbon_reduction_tco2
    from (
        select need_id, revision, least(1, drawn / total_investment) as share
        from circular_need where pushed and drawn > 0 and total_investment > 0
    ) lent
    join need_fingerprint filed using (need_id, revision)
    """
)

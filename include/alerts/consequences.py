"""What a decision on alerts does to the money of their cases, in words (Chinese), and which withdrawal it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from include.alerts.settling import Decision
from include.alerts.view import withheld
from include.domain.states import AlertState
from include.words import alerts as words
from include.words.amounts import amount


def effect_on_money(connection: sa.Connection, alerts: Sequence[sa.Row[Any]], decision: Decision) -> str:
    """A sentence about what the circular counts once these alerts (rows of the view) are cleared or confirmed."""
    holding = [one.alert_id for one in alerts if one.severity == "hold"]
    if not holding:
        return words.ONLY_A_NOTE
    found = withheld(connection, holding)
    if not found.cases:
        return words.NOT_COUNTED
    if decision == "confirmed":
        return words.KEPT_OUT.format(cases=found.cases, contracted=amount(found.contracted), drawn=amount(found.drawn))
    freed = words.FREED.format(
        cases=found.freed_cases, contracted=amount(found.freed_contracted), drawn=amount(found.freed_drawn)
    )
    rest = found.cases - found.freed_cases
    return (freed if found.freed_cases else "") + (words.HELD_OTHERWISE.format(cases=rest) if rest else "")


def offered_withdrawal(one: sa.Row[Any]) -> str | None:
    """The reason for which the need of a confirmed alert may be withdrawn; None if nothing is offered (any more)."""
    if one.state != AlertState.CONFIRMED or one.withdrawn or one.asked:
        return None
    return words.WITHDRAWABLE.get(one.rule_id)

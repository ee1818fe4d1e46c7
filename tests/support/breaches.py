"""Breaches for tests that look at their words."""

from __future__ import annotations

from datetime import date

from include.domain.escalation import Breach
from include.domain.states import BreachKind

_KINDS = {
    "S01": BreachKind.LIMIT,
    "S02": BreachKind.IDLE,
    "S05": BreachKind.NO_CONTACT,
    "S06": BreachKind.UNCLAIMED,
    "S07": BreachKind.RETURN,
    "OBSTRUCTION": BreachKind.OBSTRUCTION,
}


def breach(rule_id: str, *about: str) -> Breach:
    """A breach of this rule; `about` as its kind has it."""
    return Breach(
        need_id="FN202600000001",
        institution_code="ICBC",
        rule_id=rule_id,
        kind=_KINDS[rule_id],
        about=about,
        since=date(2026, 9, 30),
        due_on=date(2026, 10, 9),
    )

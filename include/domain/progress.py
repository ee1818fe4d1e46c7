"""How far the matching of a need has come (对接进度), as its factory and department see it.

Source: handbook section 6. Amounts are in 万元.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from include.domain.case import TERMINAL

_BEST_FIRST = (
    ("contracted", frozenset({"contracted", "drawn", "post_loan"})),
    ("approved", frozenset({"credit_approved"})),
    ("accepted", frozenset({"accepted"})),
    ("contacted", frozenset({"contacted", "visited"})),
    ("distributed", frozenset({"received"})),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """The report of a need: its stage, how many institutions have answered, what they approved and paid out."""

    stage: str
    institutions: int
    approved_amount: Decimal
    drawn_amount: Decimal


class CaseSums(Protocol):
    """Sums over the cases of a need."""

    @property
    def states(self) -> Collection[str]: ...
    @property
    def answered(self) -> int: ...
    @property
    def approved(self) -> Decimal: ...
    @property
    def drawn(self) -> Decimal: ...


def progress(sums: CaseSums, need_amount: Decimal | None, withdrawn: bool) -> Progress:
    """The progress of a pushed need. A need without a usable amount is never fully funded."""
    return Progress(
        stage=_stage(sums.states, sums.drawn, need_amount, withdrawn),
        institutions=sums.answered,
        approved_amount=sums.approved,
        drawn_amount=sums.drawn,
    )


def _stage(states: Collection[str], drawn: Decimal, need_amount: Decimal | None, withdrawn: bool) -> str:
    if withdrawn:
        return "withdrawn"
    if drawn > 0:
        return "funded" if need_amount is not None and drawn >= need_amount else "funded_partly"
    for stage, reached in _BEST_FIRST:
        if not reached.isdisjoint(states):
            return stage
    return "unmet" if states and TERMINAL.issuperset(states) else "pushed"

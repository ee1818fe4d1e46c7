"""Rows of an edition's tables as their readers may see them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal

from include.circular.disclosure import case_counts, need_counts
from include.circular.editions.model import Cell, Hidden
from include.circular.figures import CaseFigures, NeedFigures
from include.circular.suppression import Cell as Place
from include.words.amounts import half_up

_WAN_PER_YI = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of the row `key`; amounts and rates are hidden with the counts that they rest on, and are as published."""

    key: str
    of: NeedFigures | CaseFigures
    hidden: Set[Place] = frozenset()

    def number(self, name: str) -> int:
        """The count, hidden or not."""
        counts = need_counts(self.of) if isinstance(self.of, NeedFigures) else case_counts(self.of)
        return counts[name]

    def hides(self, *names: str) -> bool:
        """Whether one of these counts may not be seen."""
        return any((self.key, name) in self.hidden for name in names)

    def count(self, name: str) -> Cell:
        """The count as it may be shown."""
        return Hidden.SMALL if self.hides(name) else self.number(name)

    def amount(self, name: str) -> Cell:
        """The amount in 亿元 that belongs to the count `name`."""
        return Hidden.SMALL if self.hides(name) else yi(getattr(self.of, f"{name}_amount"))

    def rate(self, part: str, whole: str) -> Cell:
        """part / whole as a fraction of 1."""
        return Hidden.SMALL if self.hides(part, whole) else fraction(self.number(part), self.number(whole))


def yi(wan: Decimal) -> Decimal:
    """万元 in 亿元 with two decimals, half up."""
    return half_up(wan / _WAN_PER_YI, "0.01")


def fraction(part: int, whole: int) -> Decimal | None:
    """part / whole, half up to a tenth of a percent; None if there is no whole."""
    return None if whole == 0 else half_up(Decimal(part) / whole, "0.001")


def guarded(count: int, needs: int, minimum: int) -> Cell:
    """A count that stands alone, unless it rests on few needs; `minimum` 0 shows all."""
    return Hidden.SMALL if 0 < needs < minimum else count

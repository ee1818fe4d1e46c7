"""Calendar quarters (季度), written as "2026Q3"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_PATTERN = re.compile(r"([0-9]{4})Q([1-4])")


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter; quarters order by time."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not (1 <= self.year <= 9999 and 1 <= self.number <= 4):
            raise ValueError(f"not a quarter: {self.year}, {self.number}")

    @classmethod
    def parse(cls, text: str) -> Quarter:
        """The quarter that `text` names; exactly "2026Q3", else ValueError."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f"not a quarter: {text!r}")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Quarter:
        """The quarter that `day` lies in; a datetime counts by its own date."""
        return cls(day.year, (day.month + 2) // 3)

    def __str__(self) -> str:
        return f"{self.year:04d}Q{self.number}"

    @property
    def first_day(self) -> date:
        """The first day of the quarter."""
        return date(self.year, self.number * 3 - 2, 1)

    @property
    def last_day(self) -> date:
        """The last day of the quarter, working or not."""
        if self.number == 4:
            return date(self.year, 12, 31)
        return date(self.year, self.number * 3 + 1, 1) - timedelta(days=1)

    def next(self) -> Quarter:
        """The next quarter."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    def previous(self) -> Quarter:
        """The previous quarter."""
        return Quarter(self.year - (self.number == 1), (self.number + 2) % 4 + 1)

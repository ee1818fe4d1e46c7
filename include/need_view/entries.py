"""What a timeline is made of: its entries, and what is known of the need and the reader while they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from include.words.shown import Reader, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event: its stage (`part`), a sentence, and further lines.

    `internal`: for those who may act, not for everyone who may look. `tone`: plain, good, warn or bad.
    """

    at: datetime
    part: str
    title: str
    lines: tuple[str, ...] = ()
    tone: str = "plain"
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """The need and its reader; `uscc` of its newest revision, names of people by id."""

    need_id: str
    today: date
    role: Reader
    uscc: str | None
    names: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {"need_id": self.need_id, "today": self.today}

    def shown(self, field: str, value: object) -> str:
        """A text about the need as its reader may see it."""
        return shown(field, value, self.uscc, self.role)

"""An act: who does something, in what role, why and when. One value, because the five always travel together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

SYSTEM_ROLE = "system"
"""The role of a stage that acts by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An act of a person in the console or at a command line, or of a stage by itself.

    `actor_id` is the auth manager's immutable id, a stage's name or an institution's code; `name` is for display only.
    `reason` is what the person wrote, or why the stage acts. `at` is business time (aware).
    """

    actor_id: str
    name: str = ""
    role: str
    reason: str = ""
    at: datetime

    @classmethod
    def by_stage(cls, stage: str, at: datetime, reason: str = "") -> Self:
        """An act of a stage by itself."""
        return cls(actor_id=stage, role=SYSTEM_ROLE, reason=reason, at=at)

    def because(self, reason: str) -> Self:
        """The same act for this reason."""
        return replace(self, reason=reason)

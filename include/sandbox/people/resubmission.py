"""Departments that answer a return: the factory corrects its need, and the department recommends the next revision.

Handbook section 13: 80 % within the term, half of them within three working days; a few later, the rest never.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from include.reference.calendar import china_calendar
from include.sandbox.platforms.filing import FiledNeed

IN_TIME = 0.80
"""Share of the returns that a department answers within the term, as long as it answers any."""
_SOON, _LATE = 0.5, 0.25
_SOON_DAYS, _IN_TIME_DAYS, _LATE_DAYS = (1, 3), (4, 9), (12, 24)
"""Working days after the return. The term is ten (policy return_respond_working_days)."""


class Resubmissions:
    """Which returned needs come back corrected, and when: a pure function of (seed, need_id, revision).

    `corrected` holds the correct item by need_id; `share` of the returned needs come back within the term, and a quarter
    of the others after it (none if `share` is 0).
    """

    def __init__(self, seed: int, corrected: Mapping[str, Mapping[str, Any]], share: float) -> None:
        self._seed = seed
        self._corrected = corrected
        self._share = share
        self._due: list[FiledNeed] = []

    def note_return(self, need: FiledNeed, returned_at: datetime) -> None:
        """Plan the department's reaction to the return of `need`."""
        chance = random.Random(f"{self._seed}:{need.need_id}:{need.revision}:resubmission")
        days = self._days(chance)
        if days is None or need.need_id not in self._corrected:
            return
        day = china_calendar().add_working_days(returned_at.date(), days).day
        moment = datetime(
            day.year, day.month, day.day, chance.randint(9, 16), chance.randint(0, 59), tzinfo=returned_at.tzinfo
        )
        text = moment.isoformat(timespec="seconds")
        item = dict(self._corrected[need.need_id])
        item |= {"revision": need.revision + 1, "status": "recommended", "updated_at": text}
        recommended_at = (moment - timedelta(minutes=5)).isoformat(timespec="seconds")
        item["review"] = dict(item["review"]) | {"recommended_at": recommended_at}
        self._due.append(replace(need, revision=need.revision + 1, status="recommended", updated_at=moment, item=item))

    def _days(self, chance: random.Random) -> int | None:
        """Working days until the correction; None: there is none."""
        drawn = chance.random()
        if drawn < self._share:
            return chance.randint(*(_SOON_DAYS if chance.random() < _SOON else _IN_TIME_DAYS))
        late = self._share > 0 and drawn < self._share + (1 - self._share) * _LATE
        return chance.randint(*_LATE_DAYS) if late else None

    def due(self, now: datetime) -> list[FiledNeed]:
        """The needs that have come back by `now`, each handed out once."""
        arrived = sorted((need for need in self._due if need.updated_at <= now), key=lambda need: need.updated_at)
        self._due = [need for need in self._due if need.updated_at > now]
        return arrived

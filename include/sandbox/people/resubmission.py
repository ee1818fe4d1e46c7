"""Factories that correct a returned need and file it again at a higher revision some working days later."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from include.reference.calendar import china_calendar
from include.sandbox.platforms.filing import FiledNeed


class Resubmissions:
    """Which returned needs come back corrected, and when: a pure function of (seed, need_id, revision).

    `corrected` holds the correct item by need_id; `share` of the returned needs come back.
    """

    def __init__(self, seed: int, corrected: Mapping[str, Mapping[str, Any]], share: float) -> None:
        self._seed = seed
        self._corrected = corrected
        self._share = share
        self._due: list[FiledNeed] = []

    def note_return(self, need: FiledNeed, returned_at: datetime) -> None:
        """Plan the factory's reaction to the return of `need`."""
        chance = random.Random(f"{self._seed}:{need.need_id}:{need.revision}:resubmission")
        if chance.random() >= self._share or need.need_id not in self._corrected:
            return
        day = china_calendar().add_working_days(returned_at.date(), chance.randint(2, 8)).day
        moment = datetime(
            day.year, day.month, day.day, chance.randint(9, 16), chance.randint(0, 59), tzinfo=returned_at.tzinfo
        )
        text = moment.isoformat(timespec="seconds")
        item = dict(self._corrected[need.need_id])
        item |= {"revision": need.revision + 1, "status": "recommended", "updated_at": text}
        recommended_at = (moment - timedelta(minutes=5)).isoformat(timespec="seconds")
        item["review"] = dict(item["review"]) | {"recommended_at": recommended_at}
        self._due.append(replace(need, revision=need.revision + 1, status="recommended", updated_at=moment, item=item))

    def due(self, now: datetime) -> list[FiledNeed]:
        """The needs that have come back by `now`, each handed out once."""
        arrived = sorted((need for need in self._due if need.updated_at <= now), key=lambda need: need.updated_at)
        self._due = [need for need in self._due if need.updated_at > now]
        return arrived

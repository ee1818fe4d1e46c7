"""Coordinators who may be told."""

from __future__ import annotations

from include.domain.routing import Coordinator
from include.domain.states import Authority, Level


def person(authority: Authority, level: Level, region: str, name: str = "", **changes: object) -> Coordinator:
    fields: dict[str, object] = {
        "coordinator_id": name or f"{authority}-{region}",
        "authority": authority,
        "level": level,
        "region_code": region,
        "role": "协调岗",
        "email": "post@example.test",
        "on_duty": True,
    }
    return Coordinator(**{**fields, **changes})  # type: ignore[arg-type]

"""Coordinators (协调人) of both authorities: the nation, every province and planned city, and a share of the cities."""

from __future__ import annotations

import random
from typing import Any

from include.reference import branches, departments, rows

_ROLES = {
    ("MIIT", "nation"): "节能与综合利用司协调岗",
    ("PBOC", "nation"): "信贷市场司协调岗",
    ("MIIT", "province"): "节能与综合利用处协调岗",
    ("PBOC", "province"): "信贷政策处协调岗",
    ("MIIT", "city"): "市工业和信息化局绿色制造科协调岗",
    ("PBOC", "city"): "人民银行市分行信贷政策科协调岗",
}
_CITY_SHARE, _OFF_DUTY = 0.5, 0.12


def make_coordinators(chance: random.Random) -> list[dict[str, Any]]:
    """In the platform's order. If the first one of a region is off duty, a province has a second one on duty."""
    made: list[dict[str, Any]] = []

    def add(authority: str, level: str, region: str, *, on_duty: bool) -> None:
        number = sum(c["authority"] == authority and c["region_code"] == region for c in made) + 1
        made.append(
            {
                "coordinator_id": f"XT-{authority}-{region}-{number}",
                "authority": authority,
                "level": level,
                "region_code": region,
                "role": _ROLES[authority, level],
                "email": f"{authority.lower()}-{region}-{number}@coordination.example",
                "on_duty": on_duty,
            }
        )

    for authority in ("MIIT", "PBOC"):
        add(authority, "nation", "000000", on_duty=True)
    provinces = [("MIIT", department) for department in departments()]
    provinces += [("PBOC", branch.region_code) for branch in branches().values()]
    for authority, region in provinces:
        first_on_duty = chance.random() >= _OFF_DUTY
        add(authority, "province", region, on_duty=first_on_duty)
        if not first_on_duty:
            add(authority, "province", region, on_duty=True)
    for city in rows("cities"):
        for authority in ("MIIT", "PBOC"):
            if chance.random() < _CITY_SHARE:
                add(authority, "city", city["code"], on_duty=chance.random() >= _OFF_DUTY)
    return made

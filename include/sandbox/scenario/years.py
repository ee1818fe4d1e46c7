"""Several quarters in one world: one register, one history, and what shows only over time.

Some projects of a quarter are filed again in the next one, by the same factory (DQ42). Each spring some factories that
filed are removed from the register, as its yearly round does. There is no answer key: a need may break rules of history.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from include.domain.quarter import Quarter
from include.sandbox.platforms.filing import FiledNeed
from include.sandbox.scenario.stage import Scenario, Wishes, made

_REPEATED, _REMOVED = 0.04, 0.03
_SPRING = {2024: "2024-03-29", 2025: "2025-03-28", 2026: "2026-03-27"}
"""When the wave of a year comes: between the yearly round's publication and 15 April (handbook section 13)."""
_NUMBERS_A_QUARTER = 10_000


def make_years(last: Wishes, quarters: Sequence[str], needs: int) -> Scenario:
    """Earlier `quarters` in order, each with `needs` needs, then the one of `last`."""
    wished = [
        replace(last, quarter=quarter, needs=needs, factories=5 * needs, stopped_department=None, lived=True)
        for quarter in quarters
    ] + [replace(last, factories=5 * last.needs)]
    scenarios = [made(replace(one, first_number=_NUMBERS_A_QUARTER * position)) for position, one in enumerate(wished)]
    chance = random.Random(f"{last.seed}:{quarters}:years")
    for before, after in pairwise(scenarios):
        _file_again(chance, before, after)
    return _joined(scenarios, _removals(chance, scenarios))


def _file_again(chance: random.Random, before: Scenario, after: Scenario) -> None:
    """Some clean projects of `before` are filed once more in `after`, in the place of clean needs of the department."""
    by_department: dict[str, list[FiledNeed]] = {}
    for one in _clean(before):
        by_department.setdefault(one.department_code, []).append(one)
    wanted = round(len(after.needs) * _REPEATED)
    for again in chance.sample(_clean(after), len(_clean(after))):
        known = by_department.get(again.department_code)
        if wanted and known:
            _copy_project(known.pop().item, again.item)
            wanted -= 1


def _copy_project(first: Mapping[str, Any], again: dict[str, Any]) -> None:
    again["enterprise"] = copy.deepcopy(first["enterprise"])
    for name in ("name", "project_code", "site_county_code"):
        again["project"][name] = first["project"][name]


def _clean(scenario: Scenario) -> list[FiledNeed]:
    return [
        one for one in scenario.filed if scenario.severities.get(one.need_id) == "clean" and one.status == "recommended"
    ]


def _removals(chance: random.Random, scenarios: Sequence[Scenario]) -> dict[str, str]:
    """Credit code → day of removal, of some factories that filed before that spring."""
    days: dict[str, str] = {}
    for year, day in _SPRING.items():
        filed = {
            one.item["enterprise"]["uscc"]
            for scenario in scenarios
            if Quarter.parse(scenario.quarter).first_day.year < year and str(scenario.cut_off.date()) < day
            for one in _clean(scenario)
        }
        free = sorted(filed - days.keys())
        days |= dict.fromkeys(chance.sample(free, round(len(free) * _REMOVED)), day)
    return days


def _joined(scenarios: Sequence[Scenario], removals: Mapping[str, str]) -> Scenario:
    rows = {(row["uscc"], row["name"], row["listed_on"]): row for one in scenarios for row in one.factories}
    factories = [
        {**row, "removed_on": removals[row["uscc"]]} if row["uscc"] in removals and not row["removed_on"] else row
        for _, row in sorted(rows.items())
    ]
    return replace(
        scenarios[-1],
        filed=tuple(need for one in scenarios for need in one.filed),
        seen_before=tuple(need for one in scenarios for need in one.seen_before),
        factories=tuple(factories),
        severities={need_id: severity for one in scenarios for need_id, severity in one.severities.items()},
        answer_key={},
        corrected={need_id: item for one in scenarios for need_id, item in one.corrected.items()},
        earlier_reports={one.quarter: one.reports for one in scenarios[:-1]},
    )

"""A quarter generated from a seed: the register, the needs of 37 departments, planted defects and their answer key.

Same arguments, same scenario. Mix of the handbook's section 13: 70 % clean, 12 % block, 8 % hold, 10 % warn only; five
departments with a zero return, one that has not reported. With `lived`, that one reports on T+3, another one's manifest
comes on T+1, and two major needs are recommended five working days before the cut-off.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.reference import departments
from include.reference.calendar import china_calendar
from include.sandbox.people.coordinators import make_coordinators
from include.sandbox.platforms.filing import DepartmentReport, FiledNeed
from include.sandbox.scenario.maker import Maker
from include.sandbox.scenario.planning import plan
from include.sandbox.scenario.plants import Finding
from include.sandbox.scenario.register import Factory, make_factories, remove_some, spread

_ZERO_RETURNS, _MISSING = 5, 1
_LATE_NEEDS, _URGENT_NEEDS = 2, 2
_SMALL_DEPARTMENTS = (
    "460000",
    "540000",
    "630000",
    "210200",
    "660000",
    "350200",
    "640000",
    "230000",
    "220000",
    "520000",
    "620000",
)


@dataclass(frozen=True, slots=True, repr=False)
class Scenario:
    """A quarter as both platforms start with it.

    `filed`: every need at its newest content. `seen_before`: older contents that a listing still shows ahead of the newest
    (a need that changed while it was read is seen twice), at a lower revision or, wrongly, at the same one; all clean.
    `answer_key`: findings (rule_id, field) expected for each recommended need; an empty set for a clean one.
    `corrected`: the blocked needs as they should have been filed. `cut_off`: the end of the last working day.
    `earlier_reports`: of earlier quarters, if their needs are filed too (`years`).
    """

    seed: int
    quarter: str
    cut_off: datetime
    filed: tuple[FiledNeed, ...]
    seen_before: tuple[FiledNeed, ...]
    factories: tuple[Mapping[str, Any], ...]
    coordinators: tuple[Mapping[str, Any], ...]
    reports: tuple[DepartmentReport, ...]
    answer_key: Mapping[str, frozenset[Finding]]
    severities: Mapping[str, str]
    corrected: Mapping[str, Mapping[str, Any]]
    earlier_reports: Mapping[str, tuple[DepartmentReport, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<Scenario of {self.quarter}, seed {self.seed}: {len(self.filed)} items, {len(self.factories)} factories>"
        )

    @property
    def needs(self) -> tuple[Mapping[str, Any], ...]:
        """The recommended needs that are JSON objects, as filed."""
        return tuple(f.item for f in self.filed if f.status == "recommended" and isinstance(f.item, dict))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a scenario should hold: so many recommended needs, factories in the register, items that are no needs.

    `stopped_department`: a department with so many returns that rule B08 stops its pushes. `lived`: some departments are
    late, and some needs urgent. `first_number`: needs are numbered after it.
    """

    seed: int = 490
    quarter: str = "2026Q3"
    needs: int = 1600
    factories: int = 8300
    unreadable: int = 2
    stopped_department: str | None = None
    lived: bool = False
    first_number: int = 0


def make_scenario(
    seed: int = 490,
    quarter: str = "2026Q3",
    needs: int = 1600,
    factories: int = 8300,
    unreadable: int = 2,
    stopped_department: str | None = None,
) -> Scenario:
    """The scenario of these wishes (see `Wishes`). Raises TooFewNeeds as `made`."""
    return made(
        Wishes(
            seed=seed,
            quarter=quarter,
            needs=needs,
            factories=factories,
            unreadable=unreadable,
            stopped_department=stopped_department,
        )
    )


def made(wishes: Wishes) -> Scenario:
    """The scenario of these wishes. Raises TooFewNeeds if the department to stop has too few needs for rule B08."""
    seed, quarter, needs, factories = wishes.seed, wishes.quarter, wishes.needs, wishes.factories
    unreadable, stopped_department, lived = wishes.unreadable, wishes.stopped_department, wishes.lived
    chance = random.Random(f"{seed}:{quarter}:{needs}:{factories}:{unreadable}")
    parsed = Quarter.parse(quarter)
    silent = chance.sample([c for c in _SMALL_DEPARTMENTS if c != stopped_department], _ZERO_RETURNS + _MISSING)
    missing = set(silent[_ZERO_RETURNS:])
    filing = [code for code in departments() if code not in silent]
    counts = spread(needs, filing, least=1)
    extra = spread(max(10, needs * 3 // 100), filing)
    register = _register(chance, factories, {c: counts.get(c, 0) + extra.get(c, 0) + 3 for c in departments()})
    reports = {
        code: _report(chance, parsed, code, zero=code in silent) for code in departments() if code not in missing
    }
    if lived:
        late = next(code for code in _SMALL_DEPARTMENTS if code not in silent and code != stopped_department)
        reports |= {late: _late_report(parsed, late, 1), **{code: _late_report(parsed, code, 3) for code in missing}}
    maker = Maker(chance, parsed, register, reports, wishes.first_number)
    maker.file_recommended(plan(chance, counts, stopped_department))
    maker.file_others(extra, sorted(missing))
    largest = max(counts, key=lambda code: (counts[code], code))
    maker.file_unreadable(largest, unreadable)
    if lived:
        for code in missing:
            maker.file_at(code, _LATE_NEEDS, reports[code].reported_at - timedelta(minutes=20))
        maker.file_at(largest, _URGENT_NEEDS, _urgent(parsed), is_major=True)
    remove_some(chance, [f for made in register.values() for f in made if id(f) not in maker.used], factories)
    return Scenario(
        seed=seed,
        quarter=quarter,
        cut_off=china_calendar().deadline(parsed),
        filed=tuple(maker.filed),
        seen_before=tuple(maker.seen_before),
        factories=_rows(register),
        coordinators=tuple(make_coordinators(chance)),
        reports=tuple(reports.values()),
        answer_key=maker.answer_key,
        severities=maker.severities,
        corrected=maker.corrected,
    )


def _rows(register: Mapping[str, list[Factory]]) -> tuple[Mapping[str, Any], ...]:
    rows = [row for made in register.values() for factory in made for row in (factory.row, *factory.other_rows)]
    return tuple(sorted(rows, key=lambda row: (str(row["uscc"]), str(row["listed_on"]))))


def _register(chance: random.Random, total: int, least: Mapping[str, int]) -> dict[str, list[Factory]]:
    shares = spread(total, list(departments()))
    return make_factories(chance, {code: max(shares[code], least[code]) for code in departments()})


def _late_report(quarter: Quarter, code: str, working_days: int) -> DepartmentReport:
    """A manifest so many working days after the cut-off."""
    day = china_calendar().add_working_days(china_calendar().last_working_day(quarter).day, working_days).day
    return DepartmentReport(code, datetime.combine(day, time(10, 30), SHANGHAI), zero_return=False)


def _urgent(quarter: Quarter) -> datetime:
    """Five working days before the cut-off, in the morning."""
    return datetime.combine(china_calendar().before_cutoff(quarter, 5).day, time(10, 5), SHANGHAI)


def _report(chance: random.Random, quarter: Quarter, code: str, *, zero: bool) -> DepartmentReport:
    """A department reports in the last eight working days of the quarter, most of them late in it."""
    back = chance.choices(range(8), (34, 22, 14, 10, 7, 6, 4, 3))[0]
    day = china_calendar().add_working_days(china_calendar().last_working_day(quarter).day, -back).day
    moment = time(chance.randint(9, 17), chance.randint(0, 59), chance.randint(0, 59))
    return DepartmentReport(code, datetime.combine(day, moment, SHANGHAI), zero)

"""A quarter made up from a seed: the register, the needs of 37 departments, planted defects and the key to them.

Same arguments, same scenario. Mix of the handbook's section 13: 70 % clean, 12 % block, 8 % hold, 10 % warn only; five
departments with a zero return, one that has not reported.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from include.domain.calendar import SHANGHAI
from include.domain.quarter import Quarter
from include.reference import departments
from include.reference.calendar import china_calendar
from include.sandbox.boundaries import BOUNDARIES, Boundary
from include.sandbox.coordinators import make_coordinators
from include.sandbox.defects import BLOCK, HOLD, WARN, Defect, several
from include.sandbox.filing import DepartmentReport, FiledNeed
from include.sandbox.needs import ANY_SHAPE, Period, Shape, clean_need
from include.sandbox.plants import Site
from include.sandbox.register import Factory, list_before, make_factories, remove_some, spread

Finding = tuple[str, str]

_BLOCK_SHARE, _HOLD_SHARE, _WARN_SHARE, _BOUNDARY_SHARE, _SEVERAL_SHARE = 0.12, 0.08, 0.10, 0.03, 0.15
_BLOCKED_AT_MOST, _BREAKER_ROWS = 0.30, 5
_ZERO_RETURNS, _MISSING = 5, 1
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
_UNREADABLE_ITEMS: tuple[Any, ...] = (None, "系统导出失败", 20260930, ["", ""])


@dataclass(frozen=True, slots=True, repr=False)
class Scenario:
    """A quarter as both platforms start with it.

    `answer_key`: findings (rule_id, field) expected for each recommended need; an empty set for a clean one.
    `corrected`: the blocked needs as they should have been filed. `cut_off`: the end of the last working day.
    """

    seed: int
    quarter: str
    cut_off: datetime
    filed: tuple[FiledNeed, ...]
    factories: tuple[Mapping[str, Any], ...]
    coordinators: tuple[Mapping[str, Any], ...]
    reports: tuple[DepartmentReport, ...]
    answer_key: Mapping[str, frozenset[Finding]]
    severities: Mapping[str, str]
    corrected: Mapping[str, Mapping[str, Any]]

    def __repr__(self) -> str:
        return (
            f"<Scenario of {self.quarter}, seed {self.seed}: {len(self.filed)} items, {len(self.factories)} factories>"
        )

    @property
    def needs(self) -> tuple[Mapping[str, Any], ...]:
        """The recommended needs that are JSON objects, as filed."""
        return tuple(f.item for f in self.filed if f.status == "recommended" and isinstance(f.item, dict))


def make_scenario(
    seed: int = 490, quarter: str = "2026Q3", needs: int = 1600, factories: int = 8300, unreadable: int = 2
) -> Scenario:
    """A scenario with `needs` recommended needs, `factories` rows of the register and `unreadable` items that are no needs."""
    chance = random.Random(f"{seed}:{quarter}:{needs}:{factories}:{unreadable}")
    parsed = Quarter.parse(quarter)
    silent = chance.sample(_SMALL_DEPARTMENTS, _ZERO_RETURNS + _MISSING)
    missing = set(silent[_ZERO_RETURNS:])
    filing = [code for code in departments() if code not in silent]
    counts = spread(needs, filing, least=1)
    extra = spread(max(10, needs * 3 // 100), filing)
    register = _register(chance, factories, {c: counts.get(c, 0) + extra.get(c, 0) + 3 for c in departments()})
    reports = {
        code: _report(chance, parsed, code, zero=code in silent) for code in departments() if code not in missing
    }
    maker = _Maker(chance, parsed, register, reports)
    maker.file_recommended(counts)
    maker.file_others(extra, sorted(missing))
    maker.file_unreadable(max(counts, key=lambda code: (counts[code], code)), unreadable)
    used = maker.used
    remove_some(chance, [f for made in register.values() for f in made if id(f) not in used], factories)
    return Scenario(
        seed=seed,
        quarter=quarter,
        cut_off=china_calendar().deadline(parsed),
        filed=tuple(maker.filed),
        factories=tuple(sorted((f.row for made in register.values() for f in made), key=lambda row: str(row["uscc"]))),
        coordinators=tuple(make_coordinators(chance)),
        reports=tuple(reports.values()),
        answer_key=maker.answer_key,
        severities=maker.severities,
        corrected=maker.corrected,
    )


def _register(chance: random.Random, total: int, least: Mapping[str, int]) -> dict[str, list[Factory]]:
    shares = spread(total, list(departments()))
    return make_factories(chance, {code: max(shares[code], least[code]) for code in departments()})


def _report(chance: random.Random, quarter: Quarter, code: str, *, zero: bool) -> DepartmentReport:
    """A department reports in the last eight working days of the quarter, most of them late in it."""
    back = chance.choices(range(8), (34, 22, 14, 10, 7, 6, 4, 3))[0]
    day = china_calendar().add_working_days(china_calendar().last_working_day(quarter).day, -back).day
    moment = time(chance.randint(9, 17), chance.randint(0, 59), chance.randint(0, 59))
    return DepartmentReport(code, datetime.combine(day, moment, SHANGHAI), zero)


class _Maker:
    """Files the needs one after the other; a factory files once."""

    def __init__(
        self,
        chance: random.Random,
        quarter: Quarter,
        register: Mapping[str, list[Factory]],
        reports: Mapping[str, DepartmentReport],
    ) -> None:
        self._chance = chance
        self._quarter = quarter
        self._reports = reports
        self._free = {code: chance.sample(made, len(made)) for code, made in register.items()}
        self._number = 0
        self.used: set[int] = set()
        self.filed: list[FiledNeed] = []
        self.answer_key: dict[str, frozenset[Finding]] = {}
        self.severities: dict[str, str] = {}
        self.corrected: dict[str, Mapping[str, Any]] = {}

    def file_recommended(self, counts: Mapping[str, int]) -> None:
        """The recommended needs of every department, with what is planted in them."""
        for code, planted in self._plans(counts):
            if isinstance(planted, Boundary):
                self._file_boundary(code, planted)
            else:
                self._file(code, planted)

    def file_others(self, counts: Mapping[str, int], unreported: Sequence[str]) -> None:
        """Needs that are not recommended: submitted (those of departments that have not reported too) or withdrawn."""
        places = [code for code, count in counts.items() for _ in range(count)]
        for position, code in enumerate(places):
            self._file_other(code, "withdrawn" if position % 5 < 2 else "submitted")
        for code in unreported:
            self._file_other(code, "submitted")

    def file_unreadable(self, code: str, count: int) -> None:
        """Items that are no JSON objects, between the needs of one department."""
        reported = self._reports[code].reported_at
        for position in range(count):
            item = _UNREADABLE_ITEMS[position % len(_UNREADABLE_ITEMS)]
            self.filed.append(FiledNeed("", 0, code, str(self._quarter), "recommended", False, reported, item))

    def _plans(self, counts: Mapping[str, int]) -> list[tuple[str, tuple[Defect, ...] | Boundary]]:
        """What to plant at which place; no department gets so many blocks that rule B08 would stop it."""
        total = sum(counts.values())
        places = [code for code, count in counts.items() for _ in range(count)]
        self._chance.shuffle(places)
        blocks: list[tuple[Defect, ...]] = self._round(BLOCK, round(total * _BLOCK_SHARE * (1 - _SEVERAL_SHARE)))
        blocks += [several(self._chance) for _ in range(round(total * _BLOCK_SHARE * _SEVERAL_SHARE))]
        room = {
            code: int(count * _BLOCKED_AT_MOST) if count >= _BREAKER_ROWS else (count + 1) // 2
            for code, count in counts.items()
        }
        blocked: list[tuple[str, tuple[Defect, ...] | Boundary]] = []
        rest: list[str] = []
        for code in places:
            if blocks and room[code] > 0:
                room[code] -= 1
                blocked.append((code, blocks.pop()))
            else:
                rest.append(code)
        others: list[tuple[Defect, ...] | Boundary] = [
            *self._round(HOLD, round(total * _HOLD_SHARE)),
            *self._round(WARN, round(total * _WARN_SHARE)),
            *self._chance.sample(BOUNDARIES, min(len(BOUNDARIES), round(total * _BOUNDARY_SHARE))),
        ]
        others += [()] * (len(rest) - len(others))
        plans = [*blocked, *zip(rest, others, strict=False)]
        order = {code: position for position, code in enumerate(counts)}
        self._chance.shuffle(plans)
        return sorted(plans, key=lambda plan: order[plan[0]])

    def _round(self, defects: Sequence[Defect], count: int) -> list[tuple[Defect, ...]]:
        """`count` defects: each once before any comes again; of few, as many rules as possible."""
        first: dict[str, Defect] = {}
        for defect in self._chance.sample(defects, len(defects)):
            first.setdefault(defect.name.split()[0], defect)
        chosen = set(first.values())
        rest = [defect for defect in self._chance.sample(defects, len(defects)) if defect not in chosen]
        ordered = [*first.values(), *rest]
        return [(ordered[position % len(ordered)],) for position in range(count)]

    def _file(self, code: str, planted: tuple[Defect, ...]) -> None:
        shape = next((d.shape for d in planted if d.shape != ANY_SHAPE), ANY_SHAPE)
        site = self._site(code, shape)
        clean = copy.deepcopy(site.need)
        expected: set[Finding] = set()
        for defect in planted:
            expected |= defect.plant(site)
        severity = min((d.severity for d in planted), key=("block", "hold", "warn").index, default="clean")
        need_id = self._add(site, clean, expected, severity)
        if severity == "block":
            self.corrected[need_id] = clean

    def _file_boundary(self, code: str, boundary: Boundary) -> None:
        site = self._site(code, boundary.shape)
        clean = copy.deepcopy(site.need)
        boundary.change(site)
        self._add(site, clean, set(), "clean")

    def _file_other(self, code: str, status: str) -> None:
        site = self._site(code, ANY_SHAPE)
        site.need["status"] = status
        if status == "submitted":
            site.need["review"] = dict.fromkeys(site.need["review"])
        self.filed.append(_filed(site.need, site.need, status))

    def _add(self, site: Site, clean: Mapping[str, Any], expected: set[Finding], severity: str) -> str:
        self.filed.append(_filed(site.need, clean, "recommended"))
        need_id = str(site.need["need_id"])
        self.answer_key[need_id] = frozenset(expected)
        self.severities[need_id] = severity
        return need_id

    def _site(self, code: str, shape: Shape) -> Site:
        self._number += 1
        factory = self._free[code].pop()
        self.used.add(id(factory))
        list_before(self._chance, factory, self._quarter.first_day - timedelta(days=7))
        report = self._reports.get(code)
        reports_at = report.reported_at if report else china_calendar().deadline(self._quarter)
        need = clean_need(self._chance, factory, self._number, Period(self._quarter, reports_at), shape)
        return Site(need, factory, self._quarter, self._chance)


def _filed(item: dict[str, Any], clean: Mapping[str, Any], status: str) -> FiledNeed:
    """`item` with what the platform's own index knows, which is what was right before the defect."""
    return FiledNeed(
        need_id=str(item["need_id"]),
        revision=int(clean["revision"]),
        department_code=str(clean["department_code"]),
        quarter=str(clean["quarter"]),
        status=status,
        is_major=item["is_major"] is True,
        updated_at=datetime.fromisoformat(clean["updated_at"]),
        item=item,
    )

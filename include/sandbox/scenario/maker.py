"""Files the needs of a scenario one after the other and writes the answer key of the planted defects."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from include.domain.quarter import Quarter
from include.reference.calendar import china_calendar
from include.sandbox.platforms.filing import DepartmentReport, FiledNeed
from include.sandbox.scenario.boundaries import Boundary
from include.sandbox.scenario.defects import Defect, FiledBy
from include.sandbox.scenario.needs import ANY_SHAPE, Period, Shape, clean_need
from include.sandbox.scenario.planning import Planted, beside_own_department
from include.sandbox.scenario.plants import Finding, Findings, Need, Site
from include.sandbox.scenario.register import Factory, branch_of, list_before

LATE: Finding = ("DQ52", "review.recommended_at")
_UNREADABLE_ITEMS: tuple[Any, ...] = (None, "系统导出失败", 20260930, ["", ""])


class Maker:
    """Files the needs; a factory files once, apart from what is planted beside a clean need of its own."""

    def __init__(
        self,
        chance: random.Random,
        quarter: Quarter,
        register: Mapping[str, list[Factory]],
        reports: Mapping[str, DepartmentReport],
        first_number: int = 0,
    ) -> None:
        self._chance = chance
        self._quarter = quarter
        self._reports = reports
        self._register = register
        self._free = {code: chance.sample(made, len(made)) for code, made in register.items()}
        self._number = first_number
        self._clean: list[Site] = []
        self.used: set[int] = set()
        self.filed: list[FiledNeed] = []
        self.seen_before: list[FiledNeed] = []
        self.answer_key: dict[str, frozenset[Finding]] = {}
        self.severities: dict[str, str] = {}
        self.corrected: dict[str, Need] = {}

    def file_recommended(self, plans: Sequence[tuple[str, Planted]]) -> None:
        """The recommended needs of every department: first those that stand alone, then those beside clean ones."""
        alone = [one for one in plans if not _witnesses(one[1])]
        beside = [one for one in plans if _witnesses(one[1])]
        beside.sort(key=lambda one: (not beside_own_department(one[1]), _witnesses(one[1])))
        for code, planted in (*alone, *beside):
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

    def file_at(self, code: str, count: int, recommended_at: datetime, *, is_major: bool = False) -> None:
        """Clean needs of a department that it recommends at a moment, beside the mix; late ones are held (DQ52)."""
        late = recommended_at >= china_calendar().deadline(self._quarter)
        for _ in range(count):
            site = self._site(code, Shape(is_major=is_major), recommended_at=recommended_at)
            self._add(site, {LATE} if late else set(), "hold" if late else "clean")

    def file_unreadable(self, code: str, count: int) -> None:
        """Items that are no JSON objects, between the needs of one department."""
        reported = self._reports[code].reported_at
        for position in range(count):
            item = _UNREADABLE_ITEMS[position % len(_UNREADABLE_ITEMS)]
            self.filed.append(
                FiledNeed("", 0, code, str(self._quarter), "recommended", False, reported, reported, item)
            )

    def _file(self, code: str, planted: tuple[Defect, ...]) -> None:
        shape = next((d.shape for d in planted if d.shape != ANY_SHAPE), ANY_SHAPE)
        site = self._site_beside(code, shape, planted[0]) if planted else self._site(code, shape)
        expected: Findings = set()
        for defect in planted:
            expected |= defect.plant(site)
        severity = min((d.severity for d in planted), key=("block", "hold", "warn").index, default="clean")
        need_id = self._add(site, expected, severity)
        if severity == "block" and all(defect.correctable for defect in planted):
            self.corrected[need_id] = site.corrected
        if not planted:
            self._clean.append(site)

    def _file_boundary(self, code: str, boundary: Boundary) -> None:
        site = self._site_beside(code, boundary.shape, boundary)
        boundary.change(site)
        self._add(site, set(), "clean")

    def _file_other(self, code: str, status: str) -> None:
        site = self._site(code, ANY_SHAPE)
        site.need["status"] = status
        if status == "submitted":
            site.need["review"] = dict.fromkeys(site.need["review"])
            site.need["updated_at"] = site.corrected["updated_at"] = site.need["submitted_at"]
        elif self._clean:  # A withdrawn need occupies no project.
            site.need["project"]["project_code"] = self._clean.pop().need["project"]["project_code"]
        self.filed.append(_filed(site, status))

    def _add(self, site: Site, expected: Findings, severity: str) -> str:
        self.filed.append(_filed(site, "recommended"))
        for before in site.seen_before:
            updated_at = datetime.fromisoformat(before["updated_at"])
            self.seen_before.append(
                replace(self.filed[-1], revision=before["revision"], updated_at=updated_at, item=before)
            )
        need_id = str(site.need["need_id"])
        self.answer_key[need_id] = frozenset(expected)
        self.severities[need_id] = severity
        return need_id

    def _site_beside(self, code: str, shape: Shape, planted: Defect | Boundary) -> Site:
        """A site with the clean needs that `planted` uses, filed by the factory it names."""
        witnesses: list[Site] = []
        while len(witnesses) < planted.witnesses:
            witnesses.append(self._witness(code, shape, "own" if witnesses else planted.filed_by))
        if planted.filed_by == "own":
            return self._site(code, shape, witnesses=tuple(witnesses))
        factory = witnesses[0].factory
        if planted.filed_by == "branch":
            factory = branch_of(self._chance, factory, code)
            self._register[code].append(factory)
            self.used.add(id(factory))
        return self._site(code, shape, factory, tuple(witnesses))

    def _witness(self, code: str, shape: Shape, filed_by: FiledBy) -> Site:
        """Use a clean need: of department `code` if the factory must be the same, of another department for a branch."""

        def fits(site: Site) -> bool:
            own = site.factory.row["department_code"] == code
            return (
                site.need["is_major"] is False
                and (not shape.energy or site.need["benefit"]["carbon_reduction_tco2"] is not None)
                and {"witness": own, "branch": not own, "own": True}[filed_by]
            )

        position = next(at for at, site in enumerate(self._clean) if fits(site))
        return self._clean.pop(position)

    def _site(
        self,
        code: str,
        shape: Shape,
        factory: Factory | None = None,
        witnesses: tuple[Site, ...] = (),
        recommended_at: datetime | None = None,
    ) -> Site:
        self._number += 1
        if factory is None:
            factory = self._free[code].pop()
            self.used.add(id(factory))
            list_before(self._chance, factory, self._quarter.first_day - timedelta(days=7))
        report = self._reports.get(code)
        reports_at = report.reported_at if report else china_calendar().deadline(self._quarter)
        period = Period(self._quarter, reports_at, recommended_at)
        need = clean_need(self._chance, factory, self._number, period, shape)
        return Site(need, copy.deepcopy(need), factory, self._quarter, self._chance, witnesses)


def _witnesses(planted: Planted) -> int:
    return max((one.witnesses for one in (planted if isinstance(planted, tuple) else (planted,))), default=0)


def _filed(site: Site, status: str) -> FiledNeed:
    """The need with the platform's index, which holds the values before the defect."""
    item, clean = site.need, site.corrected
    return FiledNeed(
        need_id=str(item["need_id"]),
        revision=int(clean["revision"]),
        department_code=str(clean["department_code"]),
        quarter=str(clean["quarter"]),
        status=status,
        is_major=item["is_major"] is True,
        submitted_at=datetime.fromisoformat(clean["submitted_at"]),
        updated_at=datetime.fromisoformat(clean["updated_at"]),
        item=item,
    )

"""The filter of the holds as it stands in the address: kept from page to page and through every decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends

from green_finance.console.parameters import AnyAmount, AnyCode, AnyDepartment, AnyQuarter, Words
from include.domain.states import HoldTab
from include.quarantine.listing import Chosen


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter in the words of the address; empty: no restriction. `least`: financing need in 万元."""

    tab: HoldTab = HoldTab.OPEN
    quarter: str = ""
    department: str = ""
    rule: str = ""
    due: str = ""
    least: str = ""
    words: str = ""

    @property
    def query(self) -> str:
        """The part of the address behind the question mark, without what restricts nothing."""
        return urlencode({name: value for name, value in self.fields.items() if value})

    @property
    def fields(self) -> dict[str, str]:
        """Name → value of the fields of a form that keeps the filter."""
        shown = {name: str(getattr(self, name)) for name in self.__dataclass_fields__}
        return shown | {"tab": "" if self.tab is HoldTab.OPEN else self.tab.value}

    @property
    def restricts(self) -> bool:
        """Whether anything but the tab is chosen."""
        return any(value for name, value in self.fields.items() if name != "tab")

    def at(self, tab: HoldTab) -> Asked:
        """The same filter in another tab."""
        return replace(self, tab=tab)

    def chosen(self, today: date, actor: str, *, may_know: bool) -> Chosen:
        """The filter as the worklist asks it of the database. The rule is for those who may know it."""
        return Chosen(
            tab=self.tab,
            quarter=self.quarter or None,
            department_code=self.department or None,
            rule_id=(self.rule or None) if may_know else None,
            decide_by={"late": today - timedelta(days=1), "today": today}.get(self.due),
            least_need=Decimal(self.least) if self.least else None,
            words=tuple(self.words.split()),
            actor=actor,
        )


def asked(
    tab: HoldTab | None = None,
    quarter: AnyQuarter = "",
    department: AnyDepartment = "",
    rule: AnyCode = "",
    due: AnyCode = "",
    least: AnyAmount = "",
    words: Words = "",
) -> Asked:
    """The filter of this request."""
    return Asked(tab or HoldTab.OPEN, quarter, department, rule, due, least, words)


Filter = Annotated[Asked, Depends(asked)]

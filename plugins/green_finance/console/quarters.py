"""A quarter (季度): each department from report to draw-down beside the quarter before, each number linked to its needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.console import lists
from green_finance.console.access import Admitted
from green_finance.console.pages import CurrentDay, engine, show
from green_finance.console.parameters import AnyQuarter
from include.circular.figures import DepartmentFigures, NeedFigures, figures
from include.domain.quarter import Quarter
from include.domain.states import ManifestState
from include.gate.sign_off_view import unsigned_quarters
from include.intake.view import newest_quarters, newest_with_needs
from include.reference import department_short_name
from include.words.states import word

router = APIRouter(prefix="/quarters")

_QUARTERS = 20
"""Quarters to choose from."""

COLUMNS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("recommended", "推荐", {}),
    ("passed", "通过", {"outcome": "passed"}),
    ("held", "待核实", {"outcome": "held"}),
    ("returned", "退回补正", {"outcome": "returned"}),
    ("pushed", "已推送", {"reached": "pushed"}),
    ("answered", "有反馈", {"reached": "answered"}),
    ("approved", "已授信", {"reached": "approved"}),
    ("drawn", "已放款", {"reached": "drawn"}),
)
"""Figure of the circular, its heading, and the filter that lists the needs behind it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A department, or all of them: whether it reported, its figures, and those of the quarter before."""

    code: str
    name: str
    report: str
    is_silent: bool
    now: NeedFigures
    before: NeedFigures


@router.get("", response_class=HTMLResponse)
def quarter_page(request: Request, access: Admitted, day: CurrentDay, quarter: AnyQuarter = "") -> HTMLResponse:
    """The chosen quarter, or the newest one taken in."""
    with engine().connect() as connection:
        known = newest_quarters(connection, _QUARTERS)
        chosen = quarter or newest_with_needs(connection) or next(iter(known), "")
        before = str(Quarter.parse(chosen).previous()) if chosen else ""
        this = figures(connection, chosen, day=day) if chosen else None
        last = figures(connection, before, day=day) if chosen else None
        unsigned = sum(one.needs for one in unsigned_quarters(connection) if one.quarter == chosen)
    found: list[Line] = []
    total = None
    is_open = this is not None and day.now < this.reporting_deadline
    if this is not None and last is not None:
        earlier = {one.department_code: one.needs for one in last.departments}
        found = [
            Line(
                code=one.department_code,
                name=department_short_name(one.department_code),
                report=_report(one, is_open=is_open),
                is_silent=one.manifest == ManifestState.MISSING and not is_open,
                now=one.needs,
                before=earlier.get(one.department_code, NeedFigures()),
            )
            for one in this.departments
            if one.department_code in access.sees
        ]
        total = Line(code="", name="合计", report="", is_silent=False, now=this.needs, before=last.needs)
    return show(
        request,
        "quarters.html",
        quarter=chosen,
        quarters=known,
        before=before,
        lines=found,
        total=total,
        columns=COLUMNS,
        unsigned=unsigned,
        is_open=is_open,
        query=lists.query,
    )


def _report(one: DepartmentFigures, *, is_open: bool) -> str:
    """Whether the department reported; before the cut-off nobody is silent yet."""
    if one.manifest == ManifestState.MISSING and is_open:
        return "尚未报送"
    return "零报送" if one.zero_return else word(ManifestState, one.manifest)

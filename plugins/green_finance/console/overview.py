"""The first page (总览): the cut-off, what waits for people, how far the quarter is, where it comes from, whether all is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from green_finance.connections import settings
from green_finance.console.access import Access, Admitted
from green_finance.console.pages import CurrentDay, engine, show
from green_finance.console.parameters import AnyQuarter
from include.circular.figures import CircularFigures, NeedFigures, figures
from include.domain.quarter import Quarter
from include.domain.states import Condition, ManifestState
from include.gate import department_stop
from include.intake.view import newest_quarters, newest_with_needs
from include.letters.operator_matters import matters
from include.need_view.health import health, worst
from include.reference import department_short_name
from include.reference.day import Day
from include.reference.tile_map import tiles
from include.store.reports import published_quarters
from include.words.states import word, words

router = APIRouter()

_QUARTERS_SHOWN = 8

_OF_NEEDS = frozenset(
    {"holds", "stops", "withdrawals", "deadlines", "approvals", "alerts", "deliveries", "differences", "unreadable"}
)
"""What a user who is confined to departments sees of them; the rest is of the whole country."""

STEPS: Sequence[tuple[str, str, str, dict[str, str]]] = (
    ("推荐", "recommended", "", {}),
    ("通过审核", "passed", "passed_amount", {"outcome": "passed"}),
    ("已推送", "pushed", "pushed_amount", {"reached": "pushed"}),
    ("有反馈", "answered", "", {"reached": "answered"}),
    ("已授信", "approved", "approved_amount", {"reached": "approved"}),
    ("已签约", "contracted", "contracted_amount", {"reached": "contracted"}),
    ("已放款", "drawn", "drawn_amount", {"reached": "drawn"}),
)
"""The funnel: name, number of needs, amount, and the filter that lists the needs."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the funnel; `share` of the widest step, 0 to 100; `amount` in 万元, None where there is none."""

    name: str
    needs: int
    amount: Decimal | None
    share: int
    filter: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tile:
    """A department on the map: whether it reported, in words and as a class of colour."""

    code: str
    name: str
    column: int
    row: int
    state: str
    colour: str
    recommended: int


@dataclass(frozen=True, slots=True)
class CutOff:
    """The running quarter's last working day, in how many working days, and whether the calendar for it is provisional."""

    quarter: str
    on: date
    working_days: int
    provisional: bool


@router.get("/", response_class=HTMLResponse)
def overview(request: Request, access: Admitted, day: CurrentDay, quarter: AnyQuarter = "") -> HTMLResponse:
    """The first page, with the chosen quarter or the newest one taken in."""
    with engine().connect() as connection:
        known = newest_quarters(connection, _QUARTERS_SHOWN)
        chosen = quarter or newest_with_needs(connection) or next(iter(known), "")
        found_matters = [one for one in matters(connection, day) if access.departments is None or one.page in _OF_NEEDS]
        found = figures(connection, chosen, day=day) if chosen else None
        checks = health(connection, day)
        return show(
            request,
            "overview.html",
            access=access,
            simulated=day.now if settings().sandbox else None,
            cut_off=_cut_off(day),
            matters=found_matters,
            waiting=sum(item.count for one in found_matters for item in one.items if item.since is not None),
            condition=worst(checks),
            conditions=words(Condition),
            unwell=[one for one in checks if one.condition in (Condition.LATE, Condition.TROUBLED)],
            quarter=chosen,
            quarters=known,
            steps=_steps(found.needs) if found else [],
            tiles=_tiles(connection, found, day, access) if found else [],
            trend=_trend(connection, known),
            published=published_quarters(connection, "circular"),
        )


def _cut_off(day: Day) -> CutOff:
    running = Quarter.of(day.today)
    last = day.calendar.last_working_day(running)
    if last.day < day.today:
        running = running.next()
        last = day.calendar.last_working_day(running)
    left = day.calendar.working_days_after(day.today, last.day)
    return CutOff(str(running), last.day, left, last.provisional)


def _steps(needs: NeedFigures) -> list[Step]:
    widest = max(needs.recommended, needs.pushed, 1)
    return [
        Step(
            name=name,
            needs=getattr(needs, number),
            amount=getattr(needs, money) if money else None,
            share=round(100 * getattr(needs, number) / widest),
            filter=asked,
        )
        for name, number, money, asked in STEPS
    ]


def _tiles(connection: Connection, found: CircularFigures, day: Day, access: Access) -> list[Tile]:
    stopped = {stop.department_code for stop in department_stop.all_stops(connection) if stop.quarter == found.quarter}
    open_still = day.now < found.reporting_deadline
    return [
        Tile(
            code=one.department_code,
            name=department_short_name(one.department_code),
            column=tiles()[one.department_code][0],
            row=tiles()[one.department_code][1],
            state=state,
            colour=colour,
            recommended=one.needs.recommended,
        )
        for one in found.departments
        if one.department_code in access.sees
        for state, colour in [
            _reported(one.manifest, one.zero_return, one.department_code in stopped, open_still=open_still)
        ]
    ]


def _reported(manifest: str, zero_return: bool, stopped: bool, *, open_still: bool) -> tuple[str, str]:
    if stopped:
        return "暂停推送", "stopped"
    if manifest == ManifestState.MISSING:
        return ("尚未报送", "waiting") if open_still else (word(ManifestState, manifest), "missing")
    if zero_return:
        return "零报送", "zero"
    return ("逾期报送", "late") if manifest == ManifestState.LATE else ("已报送", "reported")


def _trend(connection: Connection, quarters: Sequence[str]) -> list[tuple[str, dict[str, int]]]:
    """Each quarter, the oldest first, with its records by outcome, as on its validation pages."""
    from include.gate.results import quarter_counts

    return [(quarter, dict(quarter_counts(connection, quarter))) for quarter in reversed(quarters)]

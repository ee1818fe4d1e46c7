"""The state of each quarter, what waits in the outbox and for people, and the published pages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.connections import settings
from green_finance.console.access import Admitted
from green_finance.console.pages import business_now, engine, published, show
from green_finance.console.parameters import Quarter
from include import obstructions
from include.alerts import view as alerts
from include.delivery.view import waiting_by_channel
from include.domain.states import Channel
from include.gate import department_stop
from include.gate.sign_off_view import unsigned_quarters
from include.intake.view import newest_quarters
from include.quarantine import view as quarantine
from include.register.acceptance import held_snapshots
from include.store.reports import published_quarters
from include.store.set_aside import open_counts
from include.withdrawals.view import waiting_withdrawals
from include.words.states import words

if TYPE_CHECKING:
    from sqlalchemy import Connection

router = APIRouter()

_QUARTERS_SHOWN = 8


@router.get("/", response_class=HTMLResponse)
def overview(request: Request, access: Admitted) -> HTMLResponse:
    """The first page."""
    with engine().connect() as connection:
        return show(
            request,
            "overview.html",
            access=access,
            simulated=business_now() if settings().sandbox else None,
            quarters=_quarters(connection),
            waiting=waiting_by_channel(connection),
            channels=words(Channel),
            for_people=_for_people(connection),
            unsigned=sum(one.needs for one in unsigned_quarters(connection)),
            published=published_quarters(connection, "circular"),
        )


def _quarters(connection: Connection) -> list[tuple[str, Counter[str]]]:
    """The newest quarters, each with its records by outcome, as on its validation pages."""
    from include.gate.results import quarter_counts

    return [(quarter, quarter_counts(connection, quarter)) for quarter in newest_quarters(connection, _QUARTERS_SHOWN)]


def _for_people(connection: Connection) -> dict[str, int]:
    """How much waits for a person, by page."""
    return {
        "holds": quarantine.open_count(connection),
        "stops": department_stop.waiting_count(connection),
        "alerts": alerts.open_count(connection),
        "withdrawals": waiting_withdrawals(connection).number,
        "obstructions": obstructions.worked_on_count(connection),
        "registers": len(held_snapshots(connection)),
        "unreadable": sum(open_counts(connection).values()),
    }


@router.get("/circular/{quarter}", response_class=HTMLResponse)
def circular(quarter: Quarter) -> HTMLResponse:
    """The circular in force of a quarter."""
    return published("circular", quarter, f"{quarter} 的通报尚未发布。")

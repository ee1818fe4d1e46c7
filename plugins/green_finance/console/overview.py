"""Where each quarter stands, what waits in the outbox and for people, and the published pages."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.connections import settings
from green_finance.console.access import Admitted
from green_finance.console.pages import business_now, engine, published, show
from green_finance.console.parameters import Quarter
from include.store.sign_off import unsigned_quarters

router = APIRouter()

_QUARTERS_SHOWN = 8

_QUARTERS = sa.text("select distinct quarter from intake where not dry_run order by quarter desc limit :most")

_WAITING = sa.text(
    """
    select channel,
           count(*) filter (where state in ('pending', 'unknown')) as open,
           count(*) filter (where state = 'held') as held,
           min(created_at) filter (where state in ('pending', 'unknown', 'held')) as oldest
    from delivery group by channel order by channel
    """
)

_FOR_PEOPLE = sa.text(
    """
    select (select count(*) from quarantine where state = 'open') as holds,
           (select count(*) from department_stop where state <> 'continued') as stops,
           (select count(*) from alert where state = 'open') as alerts,
           (select count(*) from obstruction_ticket where state in ('open', 'acknowledged', 'in_progress')) as obstructions,
           (select count(*) from register_snapshot held
            where not in_use and not exists (
                select from register_snapshot newer
                where newer.in_use and (newer.as_of, newer.snapshot_id) > (held.as_of, held.snapshot_id)
            )) as registers,
           (select count(*) from set_aside where resolved_at is null) as unreadable
    """
)

_PUBLISHED = sa.text(
    """
    select quarter, max(created_at) as created_at from report where kind = :kind group by quarter order by quarter desc
    """
)

_CHANNELS = {"market": "信贷市场服务平台", "green_platform": "绿色平台", "mail": "邮件"}


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
            waiting=connection.execute(_WAITING).all(),
            channels=_CHANNELS,
            for_people=connection.execute(_FOR_PEOPLE).one(),
            unsigned=sum(one.needs for one in unsigned_quarters(connection)),
            validations=connection.execute(_PUBLISHED, {"kind": "validation"}).all(),
            published=connection.execute(_PUBLISHED, {"kind": "circular"}).all(),
        )


def _quarters(connection: sa.Connection) -> list[tuple[str, Counter[str]]]:
    """The newest quarters, each with its records by outcome, as its validation pages count them."""
    from include.gate.results import quarter_counts

    quarters = connection.execute(_QUARTERS, {"most": _QUARTERS_SHOWN}).scalars().all()
    return [(quarter, quarter_counts(connection, quarter)) for quarter in quarters]


@router.get("/circular/{quarter}", response_class=HTMLResponse)
def circular(quarter: Quarter) -> HTMLResponse:
    """The circular in force of a quarter."""
    return published("circular", quarter, f"{quarter} 的通报尚未发布。")

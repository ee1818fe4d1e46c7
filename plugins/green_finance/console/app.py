"""The console's pages: where a quarter stands, and its published circular. Every route asks for Airflow's user."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from green_finance.connections import settings
from include.errors import UserFacingError
from include.store.database import open_database
from include.store.tables import report

console = FastAPI(title="绿厂融通", docs_url=None, redoc_url=None, openapi_url=None)

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)

_QUARTERS = sa.text(
    """
    select quarter,
           count(*) filter (where verdict = 'passed') as passed,
           count(*) filter (where verdict = 'held') as held,
           count(*) filter (where verdict = 'returned') as returned
    from judgement group by quarter order by quarter desc
    """
)

_WAITING = sa.text(
    """
    select channel,
           count(*) filter (where state in ('pending', 'unknown')) as open,
           count(*) filter (where state = 'held') as held,
           min(created_at) filter (where state in ('pending', 'unknown', 'held')) as oldest
    from delivery group by channel order by channel
    """
)

_CHANNELS = {"market": "信贷市场服务平台", "green_platform": "绿色平台", "mail": "邮件"}


@cache
def _engine() -> sa.Engine:
    return open_database(settings())


@console.get("/", response_class=HTMLResponse)
def overview(user: GetUserDep) -> HTMLResponse:
    """Where each quarter stands, what waits in the outbox, which circulars are published."""
    try:
        engine = _engine()
    except UserFacingError as error:
        return _page("problem.html", status_code=503, what=error.what, next_step=error.next_step)
    with engine.connect() as connection:
        published = connection.execute(
            sa.select(report.c.quarter, sa.func.max(report.c.created_at).label("created_at"))
            .where(report.c.kind == "circular")
            .group_by(report.c.quarter)
            .order_by(report.c.quarter.desc())
        ).all()
        quarters = connection.execute(_QUARTERS).all()
        waiting = connection.execute(_WAITING).all()
    return _page(
        "overview.html",
        user=user.get_name(),
        quarters=quarters,
        waiting=waiting,
        channels=_CHANNELS,
        published=published,
    )


@console.get("/circular/{quarter}", response_class=HTMLResponse)
def circular(quarter: str, user: GetUserDep) -> HTMLResponse:
    """The circular in force of a quarter."""
    with _engine().connect() as connection:
        html = connection.execute(
            sa.select(report.c.html)
            .where((report.c.kind == "circular") & (report.c.quarter == quarter))
            .order_by(report.c.report_id.desc())
            .limit(1)
        ).scalar()
    if html is None:
        raise HTTPException(404, f"{quarter} 的通报尚未发布。")
    return HTMLResponse(html)


def _page(template: str, status_code: int = 200, **values: object) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(template).render(**values), status_code=status_code)

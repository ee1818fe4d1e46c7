"""The roster of coordinators (协调人名册): posts by level and department, vacant ones marked. No names, no addresses."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints

from green_finance.console.pages import engine, show
from green_finance.console.parameters import AnyDepartment
from include.domain.routing import LEVELS
from include.domain.states import Authority, Level
from include.reference import departments
from include.store import roster as rosters
from include.words.names import region_name
from include.words.shown import NAME, public
from include.words.states import word

router = APIRouter(prefix="/roster")

AnyLevel = Annotated[str, StringConstraints(pattern=f"^({'|'.join(LEVELS)})$")]


@router.get("", response_class=HTMLResponse)
def page(
    request: Request, level: AnyLevel = Level.PROVINCE, department: AnyDepartment = "", vacant: bool = False
) -> HTMLResponse:
    """The posts of a level, those of one department if asked; `vacant`: only those with nobody on duty."""
    with engine().connect() as connection:
        rows = rosters.roster(connection, Level(level), department)
        vacancies = rosters.vacancies(connection)
    return show(
        request,
        "roster.html",
        rows=[row for row in rows if not (vacant and row.on_duty)],
        posts=len(rows),
        vacancies=vacancies,
        level=level,
        department=department,
        vacant=vacant,
        departments=departments(),
        region=region_name,
        office=lambda role: public(role, NAME),
        level_name=lambda code: word(Level, code),
        authority_name=lambda code: word(Authority, code),
    )

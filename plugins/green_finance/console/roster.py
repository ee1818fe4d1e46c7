"""The roster of coordinators (协调人名册): posts by level and department, vacant ones marked. No names, no addresses."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints

from green_finance.console import lists
from green_finance.console.access import Admitted
from green_finance.console.pages import engine, show
from green_finance.console.parameters import AnyDepartment
from include.domain.routing import LEVELS
from include.domain.states import Authority, Level
from include.reference import departments
from include.store import roster as rosters
from include.words.names import region_name
from include.words.shown import NAME, public
from include.words.spreadsheet import Column
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
        asked=lists.query(_in_address(level, department, vacant)),
        level=level,
        department=department,
        vacant=vacant,
        departments=departments(),
        region=region_name,
        office=lambda role: public(role, NAME),
        level_name=lambda code: word(Level, code),
        authority_name=lambda code: word(Authority, code),
    )


@router.get("/export/{form}")
def export_roster(
    access: Admitted,
    form: Literal["csv", "xlsx"],
    level: AnyLevel = Level.PROVINCE,
    department: AnyDepartment = "",
    vacant: bool = False,
) -> Response:
    """The posts that match as a file, without names or addresses."""
    with engine().connect() as connection:
        rows = rosters.roster(connection, Level(level), department)
    chosen = [row for row in rows if not (vacant and row.on_duty)]
    asked = lists.query(_in_address(level, department, vacant))
    return lists.export(access, "协调人名册", form, _COLUMNS, chosen, asked)


def _in_address(level: str, department: str, vacant: bool) -> dict[str, object]:
    return {"level": level, "department": department, "vacant": vacant}


_COLUMNS: tuple[Column[rosters.RosterRow], ...] = (
    Column("地区", 12, lambda row: departments()[row.department_code].short_name if row.department_code else ""),
    Column("岗位所在", 16, lambda row: region_name(row.post.region_code)),
    Column("层级", 8, lambda row: word(Level, row.post.level)),
    Column("部门", 10, lambda row: word(Authority, row.post.authority)),
    Column("职务", 24, lambda row: public(row.role, NAME)),
    Column("状态", 8, lambda row: "在岗" if row.on_duty else "不在岗" if row.listed else "空缺"),
)

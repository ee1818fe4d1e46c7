"""What the gate made of a quarter and of its departments, dry runs, and what a new rule set would change."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import DECIDERS
from green_finance.console.pages import document, engine, published
from green_finance.console.parameters import Department, Quarter
from green_finance.console.reading import ReadsAs
from include.gate import view as pages
from include.gate.rejudge import KIND as REJUDGEMENT
from include.gate.view import DRY_RUN, KIND
from include.words.shown import INSIDERS

router = APIRouter()


@router.get(f"/{KIND}/{{quarter}}")
def without_slash(quarter: Quarter) -> RedirectResponse:
    """The links of the overview are relative to its folder, as in the files."""
    return RedirectResponse(f"{quarter}/")


@router.get(f"/{KIND}/{{quarter}}/", response_class=HTMLResponse)
@router.get(f"/{KIND}/{{quarter}}/index.html", response_class=HTMLResponse)
def overview(quarter: Quarter) -> HTMLResponse:
    """The results of a quarter, department by department."""
    with engine().connect() as connection:
        return _shown(pages.quarter_page(connection, quarter), f"{quarter} 尚无审核结果。")


@router.get(f"/{KIND}/{{quarter}}/{DRY_RUN}/", response_class=HTMLResponse, tags=[*DECIDERS])
def dry_runs(quarter: Quarter) -> HTMLResponse:
    """The results of a quarter's newest dry runs, department by department."""
    with engine().connect() as connection:
        return _shown(pages.dry_run_overview(connection, quarter), f"{quarter} 没有试运行结果。")


@router.get(f"/{KIND}/{{quarter}}/{DRY_RUN}/{{department_code}}", response_class=HTMLResponse, tags=[*DECIDERS])
@router.get(f"/{KIND}/{{quarter}}/{DRY_RUN}/{{department_code}}.html", response_class=HTMLResponse, tags=[*DECIDERS])
def dry_run(quarter: Quarter, department_code: Department) -> HTMLResponse:
    """The results of a department's newest dry run."""
    with engine().connect() as connection:
        page = pages.dry_run_page(connection, quarter, department_code)
    return _shown(page, f"{department_code} {quarter} 没有试运行结果。")


@router.get(f"/{KIND}/{{quarter}}/{{department_code}}", response_class=HTMLResponse)
@router.get(f"/{KIND}/{{quarter}}/{{department_code}}.html", response_class=HTMLResponse)
def department(quarter: Quarter, department_code: Department, role: ReadsAs) -> HTMLResponse:
    """The results of a department's quarter; why needs are held only for those who may know."""
    with engine().connect() as connection:
        page = pages.department_page(connection, quarter, department_code, insider=role in INSIDERS)
    return _shown(page, f"{department_code} {quarter} 尚无审核结果。")


def _shown(page: str | None, missing: str) -> HTMLResponse:
    if page is None:
        raise HTTPException(404, missing)
    return document(page)


@router.get(f"/{REJUDGEMENT}/{{quarter}}", response_class=HTMLResponse, tags=[*DECIDERS])
def rejudgement(quarter: Quarter) -> HTMLResponse:
    """What another rule set would change in a quarter."""
    return published(REJUDGEMENT, quarter, f"{quarter} 尚未重新审核。")

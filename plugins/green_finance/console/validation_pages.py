"""The gate's pages: results of a quarter and of its departments, dry runs, and what a new rule set would change."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.connections import settings
from green_finance.console.access import DECIDERS, Admitted
from green_finance.console.pages import document, engine, published
from green_finance.console.parameters import Department, Quarter
from green_finance.console.reading import ReadsAs
from include.gate.rejudge import KIND as REJUDGEMENT
from include.gate.view import DRY_RUN, KIND, open_page, preview_file
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
    return published(KIND, quarter, f"{quarter} 的审核结果尚未生成。")


@router.get(f"/{KIND}/{{quarter}}/{DRY_RUN}/{{department_code}}", response_class=HTMLResponse, tags=[*DECIDERS])
def dry_run(quarter: Quarter, department_code: Department, access: Admitted) -> HTMLResponse:
    """The results of a department's newest dry run, which are in a file alone."""
    folder = settings().reports_dir
    file = preview_file(folder, quarter, department_code) if folder else None
    hidden = access.departments is not None and department_code not in access.departments
    if hidden or file is None or not file.is_file():
        raise HTTPException(404, f"{department_code} {quarter} 没有试运行结果，或报告目录不在本机。")
    return document(file.read_text(encoding="utf-8"))


@router.get(f"/{KIND}/{{quarter}}/{{department_code}}", response_class=HTMLResponse)
@router.get(f"/{KIND}/{{quarter}}/{{department_code}}.html", response_class=HTMLResponse)
def department(quarter: Quarter, department_code: Department, role: ReadsAs) -> HTMLResponse:
    """The results of a department's quarter; why needs are held only for insiders."""
    page = published(f"{KIND}/{department_code}", quarter, f"{department_code} {quarter} 的审核结果尚未生成。")
    if role in INSIDERS:
        return page
    with engine().connect() as connection:
        return document(open_page(connection, quarter, department_code))


@router.get(f"/{REJUDGEMENT}/{{quarter}}", response_class=HTMLResponse, tags=[*DECIDERS])
def rejudgement(quarter: Quarter) -> HTMLResponse:
    """What another rule set would change in a quarter."""
    return published(REJUDGEMENT, quarter, f"{quarter} 尚未重新审核。")

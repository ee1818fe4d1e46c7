"""Validation pages (审核结果页): what the gate made of a department's quarter, for people; one overview for each quarter.

Self-contained HTML in Chinese, without personal data and without any value of a field but the names of enterprise and
project. A page is kept in table `report` (kind `validation/<department_code>`, the overview `validation`) and, where a folder
is given, as a file. The same results give the same page, which is not stored again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from include.base.business_time import SHANGHAI
from include.gate.engine.judge import Verdict
from include.gate.results import (
    OUTCOMES,
    DepartmentCounts,
    DepartmentResults,
    ReviewedNeed,
    department_results,
    dry_run_results,
    quarter_results,
    without_hold_reasons,
)
from include.reference import departments, rules
from include.reference.field_names import field_name
from include.store.reports import lock_page, publish_page, write_page
from include.store.tables import intake

KIND = "validation"
DRY_RUN = "dry_run"

SEVERITIES = {"block": "退回", "hold": "挂起", "warn": "提示"}
_BATCH_SEVERITIES = {"block": "阻断", "hold": "待核实", "warn": "提示"}
_MOST_SHOWN = 100
"""Findings and amendments of one need: a list of any length may have been filed, and each element may have one."""

_OUTCOME_NAMES = {
    "passed": "通过",
    "returned": "退回",
    "held": "挂起",
    "superseded": "被取代",
    "unreadable": "无法读取",
    "unjudged": "未出结论",
}
_HOLD_NAMES = {"released": "核实后放行", "returned": "核实后退回", "expired": "未决定即关闭", "open": "待核实"}
_QUARTERS = {"1": "第一季度", "2": "第二季度", "3": "第三季度", "4": "第四季度"}
_VERSION_DIGITS = 7


def publish(engine: sa.Engine, *, intake_id: int, department_code: str, now: datetime, reports_dir: Path | None) -> str:
    """Publish the page of a department for the quarter of this intake, as its results stand now.

    Returns its path below the console's root. A dry run has its `preview`, and publishes nothing.
    """
    header = _header(engine, intake_id)
    if header.dry_run:
        return f"{KIND}/{header.quarter}/{DRY_RUN}/{department_code}"
    _publish_department(engine, header.quarter, department_code, now, reports_dir)
    return f"{KIND}/{header.quarter}/{department_code}"


def publish_quarter(engine: sa.Engine, *, intake_id: int, now: datetime, reports_dir: Path | None) -> None:
    """Publish the pages of the intake's departments anew (their batch is judged last) and the quarter's overview.

    A dry run changes none of them.
    """
    header = _header(engine, intake_id)
    if header.dry_run:
        return
    for department_code in header.departments:
        _publish_department(engine, header.quarter, department_code, now, reports_dir)
    _publish_overview(engine, header.quarter, now, reports_dir)


def refresh(engine: sa.Engine, *, quarter: str, department_code: str, now: datetime, reports_dir: Path | None) -> None:
    """Publish a department's page and the overview anew after a person has decided something outside an intake."""
    _publish_department(engine, quarter, department_code, now, reports_dir)
    _publish_overview(engine, quarter, now, reports_dir)


def _header(engine: sa.Engine, intake_id: int) -> sa.Row[Any]:
    with engine.connect() as connection:
        return connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()


def _publish_department(
    engine: sa.Engine, quarter: str, department_code: str, now: datetime, reports_dir: Path | None
) -> None:
    with engine.begin() as connection:
        kind = f"{KIND}/{department_code}"
        lock_page(connection, kind, quarter)
        results = department_results(connection, quarter, department_code)
        html = render(results)
        publish_page(connection, kind=kind, quarter=quarter, html=html, figures=_figures(results), now=now)
    if reports_dir is not None:
        write_page(html, _folder(reports_dir, quarter) / f"{department_code}.html")


def _publish_overview(engine: sa.Engine, quarter: str, now: datetime, reports_dir: Path | None) -> None:
    with engine.begin() as connection:
        lock_page(connection, KIND, quarter)
        counts, batch = quarter_results(connection, quarter)
        html = _render_overview(quarter, counts, batch)
        figures = {
            "departments": {one.department_code: _whole_counts(one.counts) for one in counts},
            "batch": [asdict(finding) for finding in batch],
        }
        publish_page(connection, kind=KIND, quarter=quarter, html=html, figures=figures, now=now)
    if reports_dir is not None:
        write_page(html, _folder(reports_dir, quarter) / "index.html")


def preview(
    connection: sa.Connection,
    *,
    quarter: str,
    department_code: str,
    judged: Sequence[tuple[str | None, int | None, Verdict]],
    ruleset_version: str,
    now: datetime,
    reports_dir: Path,
) -> None:
    """Write the page of a dry run, whose verdicts (with need_id and revision) are stored nowhere, as a file."""
    results = dry_run_results(
        connection,
        quarter=quarter,
        department_code=department_code,
        judged=judged,
        ruleset_version=ruleset_version,
        now=now,
    )
    write_page(render(results, dry_run=True), preview_file(reports_dir, quarter, department_code))


def preview_file(reports_dir: Path, quarter: str, department_code: str) -> Path:
    """Where the page of a department's newest dry run lies."""
    return _folder(reports_dir, quarter) / DRY_RUN / f"{department_code}.html"


def render(results: DepartmentResults, *, dry_run: bool = False) -> str:
    """The page of a department's results."""
    groups = [
        (title, [need for need in results.needs if need.outcome == outcome])
        for outcome, title in (("returned", "退回补正"), ("held", "挂起待核"), ("passed", "已通过，有提示"))
    ]
    return page_template("department.html").render(
        results=results,
        department=departments()[results.department_code].name,
        period=period(results.quarter),
        judged_at=results.judged_at.astimezone(SHANGHAI) if results.judged_at else None,
        version=short_version(results.ruleset_version),
        dry_run=dry_run,
        bar=_bar(results),
        # A dry run sees what it judged and nothing else.
        shown_outcomes=OUTCOMES[:3] if dry_run else OUTCOMES[:5],
        groups=[(title, needs) for title, needs in groups if needs],
        outcome_of=_outcome_of,
    )


def open_page(connection: sa.Connection, quarter: str, department_code: str) -> str:
    """The page of a department's results for readers who may not know why needs are held; kept nowhere."""
    return render(without_hold_reasons(department_results(connection, quarter, department_code)))


def period(quarter: str) -> str:
    """A quarter in words: 2026年第三季度."""
    return f"{quarter[:4]}年{_QUARTERS[quarter[-1]]}"


def short_version(version: str | None) -> str:
    """A rule set's version with the first digits of its hash, enough to tell two apart."""
    number, _, digest = (version or "—").partition("+")
    return f"{number}+{digest[:_VERSION_DIGITS]}" if digest else number


def _render_overview(quarter: str, counts: Sequence[DepartmentCounts], batch: Sequence[Any]) -> str:
    by_code = {one.department_code: one for one in counts}
    lines = [(department, by_code.get(code)) for code, department in departments().items()]
    total = {name: sum(one.counts[name] for one in counts) for name in OUTCOMES}
    return page_template("quarter.html").render(
        period=period(quarter),
        lines=lines,
        total=total,
        batch=batch,
        noted=sorted({finding.rule_id for one in counts for finding in one.batch}),
        decided_at=max((one.decided_at.astimezone(SHANGHAI) for one in counts if one.decided_at), default=None),
    )


def _bar(results: DepartmentResults) -> list[dict[str, Any]]:
    """The parts of the bar, those with nothing in them left out; widths in % of all records."""
    return [
        {"name": name, "label": label, "count": count, "width": f"{100 * count / results.listed:.2f}"}
        for name, label in _OUTCOME_NAMES.items()
        if (count := results.counts[name])
    ]


def _outcome_of(need: ReviewedNeed) -> str:
    if need.hold is not None:
        return _HOLD_NAMES[need.hold]
    return _OUTCOME_NAMES[need.outcome]


def _figures(results: DepartmentResults) -> dict[str, Any]:
    return {
        "counts": _whole_counts(results.counts),
        "rules": [asdict(one) for one in results.rules],
        "batch": [asdict(finding) for finding in results.batch],
        "ruleset_version": results.ruleset_version,
        "judged_at": results.judged_at.isoformat() if results.judged_at else None,
    }


def _whole_counts(counts: Any) -> dict[str, int]:
    return {"listed": sum(counts.values()), **{name: counts[name] for name in OUTCOMES}}


def _folder(reports_dir: Path, quarter: str) -> Path:
    return reports_dir / KIND / quarter


def page_template(name: str) -> Template:
    """A template of the gate's pages, with the words that they share."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["field_name"] = field_name
    environment.globals.update(
        rules=rules(),
        severities=SEVERITIES,
        batch_severities=_BATCH_SEVERITIES,
        outcomes=_OUTCOME_NAMES,
        most=_MOST_SHOWN,
    )
    return environment

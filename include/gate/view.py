"""Validation pages (审核结果页): the gate's results of a department's quarter, for people; one overview for each quarter.

Self-contained HTML in Chinese, without personal data; of all fields only the names of enterprise and project are shown.
A page is rendered from the database on request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from include.base.business_time import SHANGHAI
from include.domain.states import HoldState, RecordOutcome, Severity
from include.gate.dry_run import dry_run_counts, dry_run_results
from include.gate.results import (
    OUTCOMES,
    DepartmentCounts,
    DepartmentResults,
    ReviewedNeed,
    department_results,
    quarter_results,
    was_read,
    without_hold_reasons,
)
from include.reference import departments, rules
from include.reference.form import field_name
from include.words.quarters import quarter_label
from include.words.states import BATCH_SEVERITIES, word, words

KIND = "validation"
DRY_RUN = "dry_run"

_MOST_SHOWN = 100
"""Findings and amendments shown of one need: a filed list may be of any length, and each element may have some."""

_VERSION_DIGITS = 7


def department_page(connection: sa.Connection, quarter: str, department_code: str, *, insider: bool) -> str | None:
    """The page of a department's present results; None if nothing was listed.

    `insider`: for a reader who may know why needs are held.
    """
    results = department_results(connection, quarter, department_code)
    if not results.listed and not results.batch and not was_read(connection, quarter, department_code):
        return None
    return render(results if insider else without_hold_reasons(results))


def quarter_page(connection: sa.Connection, quarter: str) -> str | None:
    """The present overview of a quarter; None if nothing was listed."""
    counts, batch = quarter_results(connection, quarter)
    return _render_overview(quarter, counts, batch) if counts or batch else None


def dry_run_page(connection: sa.Connection, quarter: str, department_code: str) -> str | None:
    """The page of a department's newest dry run; None if there was none."""
    results = dry_run_results(connection, quarter, department_code)
    return render(results, dry_run=True) if results else None


def dry_run_overview(connection: sa.Connection, quarter: str) -> str | None:
    """The overview of the newest dry runs of a quarter; None if there was none."""
    counts = dry_run_counts(connection, quarter)
    return _render_overview(quarter, counts, (), dry_run=True) if counts else None


def page_path(quarter: str, *, dry_run: bool) -> str:
    """Path of the overview below the console's root."""
    return f"{KIND}/{quarter}/{DRY_RUN}/" if dry_run else f"{KIND}/{quarter}/"


def render(results: DepartmentResults, *, dry_run: bool = False) -> str:
    """The page of a department's results."""
    groups = [
        (title, [need for need in results.needs if need.outcome == outcome])
        for outcome, title in (("returned", "退回补正"), ("held", "待核实"), ("passed", "已通过，有提示"))
    ]
    return page_template("department.html").render(
        results=results,
        department=departments()[results.department_code].name,
        period=quarter_label(results.quarter),
        judged_at=results.judged_at.astimezone(SHANGHAI) if results.judged_at else None,
        version=short_version(results.ruleset_version),
        dry_run=dry_run,
        bar=_bar(results),
        # A dry run sees only what it judged itself.
        shown_outcomes=OUTCOMES[:3] if dry_run else OUTCOMES[:5],
        groups=[(title, needs) for title, needs in groups if needs],
        outcome_of=_outcome_of,
    )


def short_version(version: str | None) -> str:
    """A rule set's version with the first digits of its hash, enough to tell two apart."""
    number, _, digest = (version or "—").partition("+")
    return f"{number}+{digest[:_VERSION_DIGITS]}" if digest else number


def _render_overview(
    quarter: str, counts: Sequence[DepartmentCounts], batch: Sequence[Any], *, dry_run: bool = False
) -> str:
    by_code = {one.department_code: one for one in counts}
    lines = [(department, by_code.get(code)) for code, department in departments().items()]
    total = {name: sum(one.counts[name] for one in counts) for name in OUTCOMES}
    return page_template("quarter.html").render(
        period=quarter_label(quarter),
        dry_run=dry_run,
        lines=lines,
        total=total,
        batch=batch,
        noted=sorted({finding.rule_id for one in counts for finding in one.batch}),
        decided_at=max((one.decided_at.astimezone(SHANGHAI) for one in counts if one.decided_at), default=None),
    )


def _bar(results: DepartmentResults) -> list[dict[str, Any]]:
    """The parts of the bar, without empty ones; widths in % of all records."""
    return [
        {"name": name, "label": label, "count": count, "width": f"{100 * count / results.listed:.2f}"}
        for name, label in words(RecordOutcome).items()
        if (count := results.counts[name])
    ]


def _outcome_of(need: ReviewedNeed) -> str:
    if need.hold is not None:
        return word(HoldState, need.hold)
    return word(RecordOutcome, need.outcome)


def page_template(name: str) -> Template:
    """A template of the gate's pages, with their common words."""
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
        severities=words(Severity),
        batch_severities=BATCH_SEVERITIES,
        outcomes=words(RecordOutcome),
        most=_MOST_SHOWN,
    )
    return environment

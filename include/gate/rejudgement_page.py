"""The page of a quarter judged again: what the rule set in force would change, in Chinese, without values of fields."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.gate.rejudge import KIND, ChangedVerdict, Rejudgement
from include.gate.view import page_template, short_version
from include.reference import departments
from include.store.reports import lock_page, publish_page, write_page
from include.words.quarters import quarter_label

_VERDICTS = ("passed", "returned", "held")
_ORDER = {verdict: position for position, verdict in enumerate(_VERDICTS)}


def publish(engine: sa.Engine, result: Rejudgement, *, now: datetime, reports_dir: Path | None) -> int:
    """Publish the page as report kind `rejudgement` of the quarter, and as a file if wanted; returns the report's id."""
    html = render(result, now)
    with engine.begin() as connection:
        lock_page(connection, KIND, result.quarter)
        page = publish_page(connection, kind=KIND, quarter=result.quarter, html=html, figures=figures(result), now=now)
    if reports_dir is not None:
        write_page(html, reports_dir / KIND / f"{result.quarter}.html")
    return page.report_id


def render(result: Rejudgement, now: datetime) -> str:
    """The page."""
    by_transition: dict[tuple[str, str], list[ChangedVerdict]] = defaultdict(list)
    for change in result.changed:
        by_transition[change.before, change.after].append(change)
    groups = sorted(
        by_transition.items(), key=lambda group: (group[0][0] == group[0][1], *(_ORDER[name] for name in group[0]))
    )
    moved = sum(number for (before, after), number in result.verdicts.items() if before != after)
    return page_template("rejudgement.html").render(
        result=result,
        period=quarter_label(result.quarter),
        now=now.astimezone(SHANGHAI),
        limited_to=[departments()[code].short_name for code in result.departments]
        if len(result.departments) < len(departments())
        else [],
        before_versions=_versions(result.versions[0]),
        after_versions=_versions(result.versions[1]),
        verdict_names=_VERDICTS,
        moved=moved,
        same=result.judged - len(result.changed),
        rule_changes=_rule_changes(result.changed),
        groups=[(before, after, changes) for (before, after), changes in groups],
        short_name=lambda code: departments()[code].short_name,
    )


def figures(result: Rejudgement) -> dict[str, Any]:
    """The page's figures as JSON; changes without names."""
    return {
        "departments": list(result.departments),
        "judged": result.judged,
        "reproduced": result.reproduced,
        "emptied": result.emptied,
        "verdicts": [[*pair, number] for pair, number in sorted(result.verdicts.items())],
        "versions": {"before": list(result.versions[0]), "after": list(result.versions[1])},
        "changed": [
            {name: value for name, value in asdict(change).items() if name not in ("enterprise", "project")}
            for change in result.changed
        ],
    }


def _versions(versions: Sequence[str]) -> str:
    # A department with policy values of its own has a rule set of its own.
    shown = [short_version(version) for version in versions]
    return shown[0] if len(shown) == 1 else f"{len(shown)} 个版本（{'、'.join(shown)}）" if shown else "—"


def _rule_changes(changed: Sequence[ChangedVerdict]) -> list[tuple[str, int, int]]:
    """Rule, needs on which only the new rule set fires, needs on which only the old one did; most first."""
    fires: Counter[str] = Counter()
    fired: Counter[str] = Counter()
    for change in changed:
        fires.update({finding.rule_id for finding in change.added})
        fired.update({finding.rule_id for finding in change.gone})
    rules = sorted(fires | fired, key=lambda rule_id: (-(fires[rule_id] + fired[rule_id]), rule_id))
    return [(rule_id, fires[rule_id], fired[rule_id]) for rule_id in rules]

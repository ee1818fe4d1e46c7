"""The public page of the circular: one self-contained, printable HTML document in Chinese.

Amounts are published in 亿元 with two decimals and rates in % with one, rounded half up from exact sums. No enterprise
names, no contacts; cells that rest on few needs are hidden (suppression.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.base.business_time import SHANGHAI
from include.circular.figures import CaseFigures, CircularFigures, NeedFigures
from include.circular.suppression import hidden_cells
from include.domain.states import ManifestState
from include.reference import Policy, departments, enum_labels, institutions, reason_codes, rules
from include.words.amounts import half_up, yi
from include.words.quarters import quarter_label
from include.words.states import word

HIDDEN = "—"
# What the page shows of a department. A whole equals the sum of its parts, so they are suppressed together where
# needed.
_REVIEW_PARTS = {"recommended": ("passed", "returned", "pending")}
_NEED_COLUMNS = (
    "recommended",
    "passed",
    "returned",
    "pending",
    "pushed",
    "answered",
    "contacted",
    "accepted",
    "approved",
    "drawn",
    "stalled",
)
_CASE_COLUMNS = ("cases", "answered", "contacted", "accepted", "approved", "contracted", "drawn", "declined")

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(figures: CircularFigures, policy: Policy) -> str:
    """The public version of the circular as an HTML page; the same figures give the same page."""
    minimum = policy.integer("small_cell_min")
    national = _Cells(_need_counts(figures.needs), minimum=minimum)
    return _templates.get_template("circular.html").render(
        period=quarter_label(figures.quarter),
        as_of=figures.cut_off_moment.astimezone(SHANGHAI),
        minimum=minimum,
        national=national,
        needs=figures.needs,
        cases=figures.cases,
        funnel=_funnel(figures.needs, national),
        manifests=figures.manifests,
        on_time_rate=percent(figures.manifests.on_time, figures.manifests.departments),
        missing=[departments()[code].short_name for code in figures.manifests.missing],
        departments=_departments(figures, minimum),
        institution_groups=_institutions(figures, minimum),
        institution_total=_Cells(_case_counts(figures.cases), minimum=minimum),
        refusals=[
            {
                "reason": reason_codes()[row.reason_code].name,
                "remedy": reason_codes()[row.reason_code].remedy,
                "events": f"{row.events:,}" if row.needs >= minimum else HIDDEN,
            }
            for row in figures.refusals
        ],
        opened=f"{figures.obstructions.opened:,}" if figures.obstructions.opened_needs >= minimum else HIDDEN,
        still_open=f"{figures.obstructions.open:,}" if figures.obstructions.open_needs >= minimum else HIDDEN,
        escalated=f"{figures.escalated_needs:,}" if figures.escalated_needs >= minimum else HIDDEN,
        loan_rate=percent_of(figures.loan_rate.weighted, figures.loan_rate.amount)
        if figures.loan_rate.needs >= minimum
        else HIDDEN,
        kept_out=_kept_out(figures, minimum),
        effect=_effect(figures, minimum),
        alerts=_alerts(figures, minimum),
        yi=yi,
    )


def _kept_out(figures: CircularFigures, minimum: int) -> dict[str, str]:
    kept = figures.soundness.kept_out
    shown = kept.needs >= minimum
    return {
        "needs": f"{kept.needs:,}" if shown else HIDDEN,
        "drawn": yi(kept.drawn_amount) if shown else HIDDEN,
    }


def _effect(figures: CircularFigures, minimum: int) -> dict[str, str]:
    effect = figures.soundness.effect
    shown = effect.needs >= minimum
    return {
        "saving": f"{half_up(effect.energy_saving_tce, '1'):,}" if shown else HIDDEN,
        "carbon": f"{half_up(effect.carbon_reduction_tco2, '1'):,}" if shown else HIDDEN,
    }


def _alerts(figures: CircularFigures, minimum: int) -> list[dict[str, str]]:
    """By rule; a rule with few needs is shown without numbers."""
    return [
        {"rule": rules()[row.rule_id].message if row.rule_id in rules() else row.rule_id}
        | {
            name: f"{getattr(row, name):,}" if row.needs >= minimum else HIDDEN
            for name in ("opened", "cleared", "confirmed", "closed")
        }
        for row in figures.soundness.alerts
    ]


def percent(part: int, whole: int) -> str:
    """part / whole in % with one decimal, rounded half up; the mark of a suppressed cell if there is no whole."""
    return percent_of(Decimal(part) * 100, Decimal(whole))


def percent_of(weighted: Decimal, amount: Decimal) -> str:
    """weighted / amount in % with one decimal; `weighted` already is percent times the unit of `amount`."""
    if amount == 0:
        return HIDDEN
    with localcontext(prec=60):
        return f"{half_up(weighted / amount, '0.1')}%"


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row of counts as it may be shown; amounts and rates are suppressed together with the counts they are based on."""

    counts: Mapping[str, int]
    hidden: frozenset[str]

    def __init__(
        self, counts: Mapping[str, int], *, minimum: int | None = None, hidden: frozenset[str] = frozenset()
    ) -> None:
        small = (name for name, count in counts.items() if minimum is not None and count < minimum)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "hidden", hidden | frozenset(small))

    def count(self, column: str) -> str:
        return HIDDEN if column in self.hidden else f"{self.counts[column]:,}"

    def amount(self, column: str, amount: Decimal) -> str:
        return HIDDEN if column in self.hidden else yi(amount)

    def rate(self, part: str, whole: str) -> str:
        return HIDDEN if {part, whole} & self.hidden else percent(self.counts[part], self.counts[whole])


def _need_counts(needs: NeedFigures) -> dict[str, int]:
    return {
        name: needs.held + needs.unjudged if name == "pending" else getattr(needs, name)
        for name in (*_NEED_COLUMNS, "contracted", "withdrawn")
    }


def _case_counts(cases: CaseFigures) -> dict[str, int]:
    return {name: getattr(cases, name) for name in _CASE_COLUMNS}


def _funnel(needs: NeedFigures, national: _Cells) -> list[dict[str, Any]]:
    """The steps from recommendation to money, with the width of each bar in percent of the first."""
    steps: Sequence[tuple[str, str, Decimal | None]] = (
        ("recommended", "主管部门推荐", needs.recommended_amount),
        ("passed", "核验通过", needs.passed_amount),
        ("pushed", "推送信贷市场服务平台", needs.pushed_amount),
        ("answered", "金融机构有反馈", None),
        ("contacted", "已联系企业", None),
        ("accepted", "已受理申请", None),
        ("approved", "已获授信", needs.approved_amount),
        ("contracted", "已签合同", needs.contracted_amount),
        ("drawn", "已放款", needs.drawn_amount),
    )
    base = max(needs.recommended, needs.pushed, 1)
    return [
        {
            "label": label,
            "count": national.count(name),
            "width": 0 if name in national.hidden else half_up(Decimal(national.counts[name] * 100) / base, "0.1"),
            "amount": "" if amount is None else national.amount(name, amount),
            "share": "" if name in ("recommended", "passed") else national.rate(name, "pushed"),
        }
        for name, label, amount in steps
    ]


def _departments(figures: CircularFigures, minimum: int) -> list[dict[str, Any]]:
    rows = figures.departments
    counts = [{name: _need_counts(row.needs)[name] for name in _NEED_COLUMNS} for row in rows]
    hidden = _by_row(hidden_cells(counts, minimum=minimum, parts=_REVIEW_PARTS))
    return [
        {
            "name": departments()[row.department_code].short_name,
            "manifest": "零报送"
            if row.zero_return and row.manifest == "on_time"
            else word(ManifestState, row.manifest),
            "needs": row.needs,
            "cells": _Cells(counts[index], hidden=hidden(index)),
        }
        for index, row in enumerate(rows)
    ]


def _institutions(figures: CircularFigures, minimum: int) -> list[dict[str, Any]]:
    counts = [_case_counts(row.cases) for row in figures.institutions]
    hidden = _by_row(hidden_cells(counts, minimum=minimum))
    known = institutions()
    rows = [
        {
            "name": known[row.institution_code].name if row.institution_code in known else row.institution_code,
            "kind": enum_labels("institution.kind")[known[row.institution_code].kind]
            if row.institution_code in known
            else "其他机构",
            "cases": row.cases,
            "cells": _Cells(counts[index], hidden=hidden(index)),
        }
        for index, row in enumerate(figures.institutions)
    ]
    return [{"kind": kind, "rows": list(group)} for kind, group in groupby(rows, key=lambda row: row["kind"])]


def _by_row(hidden: frozenset[tuple[int, str]]) -> Callable[[int], frozenset[str]]:
    return lambda index: frozenset(column for row, column in hidden if row == index)

"""The public page of the circular: one self-contained, printable HTML document in Chinese.

Amounts are published in 亿元 with two decimals and rates in % with one, rounded half up from exact sums. No enterprise
names, no contacts; cells that rest on few needs are hidden (suppression.py). A zero is 0, a suppressed cell *, and what
has no value —.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.base.business_time import SHANGHAI
from include.circular.disclosure import ALL_INSTITUTIONS, NATION, suppressed
from include.circular.figures import CircularFigures, NeedFigures
from include.circular.suppression import Edition
from include.domain.states import ManifestState
from include.reference import Policy, departments, enum_labels, institutions, reason_codes, rules
from include.words.amounts import NOTHING, half_up, yi
from include.words.definitions import CIRCULAR
from include.words.quarters import quarter_label
from include.words.states import word

HIDDEN = "*"

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(figures: CircularFigures, policy: Policy, *, earlier: Sequence[Edition] = ()) -> str:
    """The public version of the circular as an HTML page; the same figures after the same `earlier` editions give the
    same page."""
    minimum = policy.integer("small_cell_min")
    edition = suppressed(figures, minimum=minimum, earlier=earlier)
    national = _Cells(edition, NATION)
    return _templates.get_template("circular.html").render(
        period=quarter_label(figures.quarter),
        as_of=figures.cut_off_moment.astimezone(SHANGHAI),
        minimum=minimum,
        hidden=HIDDEN,
        national=national,
        needs=figures.needs,
        cases=figures.cases,
        funnel=_funnel(figures.needs, national),
        manifests=figures.manifests,
        on_time_rate=percent(figures.manifests.on_time, figures.manifests.departments),
        missing=[departments()[code].short_name for code in figures.manifests.missing],
        departments=_departments(figures, edition),
        institution_groups=_institutions(figures, edition),
        institution_total=_Cells(edition, ALL_INSTITUTIONS),
        refusals=[
            {
                "reason": reason_codes()[row.reason_code].name,
                "remedy": reason_codes()[row.reason_code].remedy,
                "events": _shown(row.events, row.needs, minimum),
            }
            for row in figures.refusals
        ],
        opened=_shown(figures.obstructions.opened, figures.obstructions.opened_needs, minimum),
        still_open=_shown(figures.obstructions.open, figures.obstructions.open_needs, minimum),
        escalated=_shown(figures.escalated_needs, figures.escalated_needs, minimum),
        loan_rate=_loan_rate(figures, minimum),
        kept_out=_kept_out(figures, minimum),
        effect=_effect(figures, minimum),
        alerts=_alerts(figures, minimum),
        definitions=CIRCULAR,
    )


def _shown(count: int, needs: int, minimum: int) -> str:
    """`count`, unless it rests on few needs."""
    return HIDDEN if 0 < needs < minimum else f"{count:,}"


def _loan_rate(figures: CircularFigures, minimum: int) -> str:
    """With two decimals, as banks quote rates; empty if no draw states one."""
    rate = figures.loan_rate
    if rate.amount == 0:
        return ""
    return HIDDEN if rate.needs < minimum else percent_of(rate.weighted, rate.amount, "0.01")


def _kept_out(figures: CircularFigures, minimum: int) -> dict[str, str]:
    kept = figures.soundness.kept_out
    return {
        "needs": _shown(kept.needs, kept.needs, minimum),
        "drawn": HIDDEN if 0 < kept.needs < minimum else yi(kept.drawn_amount),
    }


def _effect(figures: CircularFigures, minimum: int) -> dict[str, str]:
    effect = figures.soundness.effect
    few = 0 < effect.needs < minimum
    return {
        "saving": HIDDEN if few else f"{half_up(effect.energy_saving_tce, '1'):,}",
        "carbon": HIDDEN if few else f"{half_up(effect.carbon_reduction_tco2, '1'):,}",
    }


def _alerts(figures: CircularFigures, minimum: int) -> list[dict[str, str]]:
    """By rule; a rule with few needs is shown without numbers."""
    return [
        {"rule": rules()[row.rule_id].message if row.rule_id in rules() else row.rule_id}
        | {
            name: _shown(getattr(row, name), row.needs, minimum)
            for name in ("opened", "cleared", "confirmed", "closed")
        }
        for row in figures.soundness.alerts
    ]


def percent(part: int, whole: int) -> str:
    """part / whole in % with one decimal, rounded half up; — if there is no whole."""
    return percent_of(Decimal(part) * 100, Decimal(whole))


def percent_of(weighted: Decimal, amount: Decimal, step: str = "0.1") -> str:
    """weighted / amount in %, rounded half up to `step`; `weighted` already is percent times the unit of `amount`."""
    if amount == 0:
        return NOTHING
    with localcontext(prec=60):
        return f"{half_up(weighted / amount, step)}%"


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row of counts as it may be shown; amounts and rates are suppressed together with the counts they are based on."""

    edition: Edition
    row: str

    def number(self, column: str) -> int:
        return self.edition.tables.counts[self.row, column]

    def hides(self, column: str) -> bool:
        return (self.row, column) in self.edition.hidden

    def count(self, column: str) -> str:
        return HIDDEN if self.hides(column) else f"{self.number(column):,}"

    def amount(self, column: str, amount: Decimal) -> str:
        return HIDDEN if self.hides(column) else yi(amount) if self.number(column) else "0"

    def rate(self, part: str, whole: str) -> str:
        hidden = self.hides(part) or self.hides(whole)
        return HIDDEN if hidden else percent(self.number(part), self.number(whole))


def _funnel(needs: NeedFigures, national: _Cells) -> list[dict[str, Any]]:
    """The steps from recommendation to money, with the width of each bar in percent of the first."""
    steps: Sequence[tuple[str, str, Decimal | None]] = (
        ("recommended", "主管部门推荐", None),
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
            "width": 0 if national.hides(name) else half_up(Decimal(national.number(name) * 100) / base, "0.1"),
            "amount": "" if amount is None else national.amount(name, amount),
            "share": "" if name in ("recommended", "passed") else national.rate(name, "pushed"),
        }
        for name, label, amount in steps
    ]


def _departments(figures: CircularFigures, edition: Edition) -> list[dict[str, Any]]:
    return [
        {
            "name": departments()[row.department_code].short_name,
            "manifest": "零报送"
            if row.zero_return and row.manifest == "on_time"
            else word(ManifestState, row.manifest),
            "needs": row.needs,
            "cells": _Cells(edition, row.department_code),
        }
        for row in figures.departments
    ]


def _institutions(figures: CircularFigures, edition: Edition) -> list[dict[str, Any]]:
    known = institutions()
    rows = [
        {
            "name": known[row.institution_code].name if row.institution_code in known else row.institution_code,
            "kind": enum_labels("institution.kind")[known[row.institution_code].kind]
            if row.institution_code in known
            else "其他机构",
            "cases": row.cases,
            "cells": _Cells(edition, row.institution_code),
        }
        for row in figures.institutions
    ]
    return [{"kind": kind, "rows": list(group)} for kind, group in groupby(rows, key=lambda row: row["kind"])]

"""Circulars without a database: figures of a few departments and institutions, as they are stored."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

from include.circular.disclosure import suppressed
from include.circular.editions.content import edition_content
from include.circular.editions.model import Content, EditionKind
from include.circular.editions.snapshot import Snapshot
from include.circular.figures import (
    CaseFigures,
    CircularFigures,
    DepartmentFigures,
    InstitutionFigures,
    LoanRate,
    ManifestFigures,
    NeedFigures,
    ObstructionFigures,
    ReasonFigures,
)
from include.circular.soundness import AlertFigures, EffectFigures, KeptOutFigures, Soundness
from include.reference import departments, institutions
from include.reference.day import Day
from tests.support.rows import moment

DAY = Day.in_force(moment("2026-10-22 18:00"))
PUSHED = {"330000": 40, "320000": 30, "110000": 20, "440000": 12, "540000": 2}
"""Pushed needs by department; the others report that they have none."""


def needs(pushed: int, *, drawn: int | None = None) -> NeedFigures:
    """A department of which one need in ten was held, with 1 亿元 a need."""
    held = pushed // 10
    drawn = pushed // 4 if drawn is None else drawn
    return NeedFigures(
        collected=pushed + held,
        recommended=pushed + held,
        passed=pushed,
        held=held,
        pushed=pushed,
        answered=pushed,
        contacted=pushed,
        accepted=max(pushed // 2, drawn),
        approved=max(pushed // 2, drawn),
        contracted=drawn,
        drawn=drawn,
        passed_amount=Decimal(10_000 * pushed),
        pushed_amount=Decimal(10_000 * pushed),
        approved_amount=Decimal(5_000 * pushed),
        contracted_amount=Decimal(4_000 * drawn),
        drawn_amount=Decimal(4_000 * drawn),
    )


def snapshot(quarter: str = "2026Q3", **drawn: int) -> Snapshot:
    """The circular of a quarter; `drawn`: needs with a draw, by department as d330000=…"""
    by_department = tuple(
        DepartmentFigures(
            department_code=code,
            manifest="on_time",
            zero_return=code not in PUSHED,
            needs=needs(PUSHED.get(code, 0), drawn=drawn.get(f"d{code}")),
        )
        for code in departments()
    )
    by_institution = tuple(
        InstitutionFigures(
            institution_code=code,
            cases=CaseFigures(cases=104, answered=104, contacted=104, accepted=50, approved=50, contracted=26, drawn=26)
            if place == 0
            else CaseFigures(),
        )
        for place, code in enumerate(institutions())
    )
    figures = CircularFigures(
        quarter=quarter,
        cut_off_moment=DAY.now,
        reporting_deadline=moment("2026-10-01 00:00"),
        needs=_sum([row.needs for row in by_department]),
        cases=by_institution[0].cases,
        departments=by_department,
        institutions=by_institution,
        manifests=ManifestFigures(
            departments=37, on_time=37, late=0, zero_returns=sum(row.zero_return for row in by_department), missing=()
        ),
        refusals=(
            ReasonFigures(reason_code="R01", events=9, needs=8),
            ReasonFigures(reason_code="R02", events=2, needs=2),
        ),
        obstructions=ObstructionFigures(opened=12, opened_needs=10, open=2, open_needs=2),
        loan_rate=LoanRate(weighted=Decimal(330), amount=Decimal(100), needs=20),
        stalled_cases=3,
        escalated_needs=4,
        soundness=Soundness(
            alerts=(AlertFigures(rule_id="G01", opened=4, cleared=1, confirmed=1, closed=0, needs=4),),
            kept_out=KeptOutFigures(cases=1, needs=1, contracted_amount=Decimal(777), drawn_amount=Decimal(888)),
            effect=EffectFigures(
                needs=20, energy_saving_tce=Decimal("1234.5"), carbon_reduction_tco2=Decimal("4321.4")
            ),
        ),
    )
    return Snapshot(figures, suppressed(figures, minimum=3).hidden)


def edition(kind: EditionKind = "public", *history: Snapshot, of: Snapshot | None = None) -> Content:
    """An edition of `of`, or of the usual snapshot."""
    return edition_content(of or snapshot(), history, kind, DAY.policy)


def with_institution(name: str) -> Snapshot:
    """The usual snapshot with an institution that is not on the list: its code is what is shown."""
    usual = snapshot()
    first, *others = usual.figures.institutions
    named = (replace(first, institution_code=name), *others)
    return replace(usual, figures=replace(usual.figures, institutions=named))


def _sum(rows: list[NeedFigures]) -> NeedFigures:
    return NeedFigures(
        **{
            field.name: sum((getattr(row, field.name) for row in rows), type(getattr(rows[0], field.name))(0))
            for field in fields(NeedFigures)
        }
    )

"""The nation's weekly table: overdue needs by institution and department, and their share of the open ones, worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from include.letters.digest_contents import WeeklyCell
from include.reference import departments
from include.words.names import institution, region_name

WORST_NAMED = 3
"""Where most overdue needs of a row lie: so many are named in the mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A row as printed; `share` in percent of the open needs, `worst`: where most of the overdue ones lie."""

    name: str
    overdue: int
    open: int
    share: str
    worst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalFigures:
    """Rows by institution and by department, worst first, and the matrix of both: (institution, department) → overdue, open."""

    overdue: int
    open: int
    share: str
    institutions: tuple[Figure, ...]
    departments: tuple[Figure, ...]
    matrix: dict[tuple[str, str], tuple[int, int]]


def national_figures(cells: Iterable[WeeklyCell]) -> NationalFigures:
    """Sum the cells. A cell is the needs of one department at one institution."""
    found = [cell for cell in cells if cell.open_needs]
    overdue, open_ = sum(cell.overdue_needs for cell in found), sum(cell.open_needs for cell in found)
    return NationalFigures(
        overdue=overdue,
        open=open_,
        share=share(overdue, open_),
        institutions=_figures(
            (institution_name(c.institution_code), department_name(c.department_code), c) for c in found
        ),
        departments=_figures(
            (department_name(c.department_code), institution_name(c.institution_code), c) for c in found
        ),
        matrix={
            (institution_name(c.institution_code), department_name(c.department_code)): (c.overdue_needs, c.open_needs)
            for c in found
        },
    )


def share(overdue: int, open_: int) -> str:
    """In percent, rounded half up; — of nothing."""
    return f"{(200 * overdue + open_) // (2 * open_)}%" if open_ else "—"


def institution_name(code: str) -> str:
    """Its name, or what a need without any institution's feedback is called."""
    return institution(code) if code else "尚无机构反馈"


def department_name(code: str) -> str:
    """Its short name."""
    return departments()[code].short_name if code in departments() else region_name(code)


def _figures(cells: Iterable[tuple[str, str, WeeklyCell]]) -> tuple[Figure, ...]:
    """One row for each first name, the most overdue needs first, then the larger share."""
    rows: defaultdict[str, list[tuple[str, WeeklyCell]]] = defaultdict(list)
    for name, other, cell in cells:
        rows[name].append((other, cell))
    figures = [_figure(name, found) for name, found in rows.items()]
    return tuple(sorted(figures, key=lambda one: (-one.overdue, -one.overdue / one.open, one.name)))


def _figure(name: str, cells: list[tuple[str, WeeklyCell]]) -> Figure:
    overdue, open_ = sum(cell.overdue_needs for _, cell in cells), sum(cell.open_needs for _, cell in cells)
    worst = sorted(
        ((cell.overdue_needs, other) for other, cell in cells if cell.overdue_needs), key=lambda w: (-w[0], w[1])
    )
    return Figure(
        name=name,
        overdue=overdue,
        open=open_,
        share=share(overdue, open_),
        worst="、".join(f"{other} {number}" for number, other in worst[:WORST_NAMED]),
    )

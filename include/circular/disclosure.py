"""The circular's public tables as one system of counts, and which of them may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.circular.figures import CaseFigures, CircularFigures, NeedFigures
from include.circular.suppression import Edition, Sum, Tables, hidden_cells

NATION = "nation"
"""Row of the whole country."""
ALL_INSTITUTIONS = "institutions"
"""Row of all institutions together."""
NEED_COLUMNS = (
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
CASE_COLUMNS = ("cases", "answered", "contacted", "accepted", "approved", "contracted", "drawn", "declined")
_NATIONAL_COLUMNS = (*NEED_COLUMNS, "contracted", "withdrawn")
_REVIEWED = ("passed", "returned", "pending")
_NEED_NESTING = (
    *((part, "recommended") for part in _REVIEWED),
    *((part, "pushed") for part in ("answered", "approved", "drawn", "stalled")),
    ("contacted", "answered"),
    ("accepted", "contacted"),
)
_CASE_NESTING = (
    *((part, "cases") for part in ("answered", "approved", "contracted", "drawn", "declined")),
    ("contacted", "answered"),
    ("accepted", "contacted"),
)


def need_counts(needs: NeedFigures, columns: Sequence[str] = _NATIONAL_COLUMNS) -> dict[str, int]:
    """The published counts of needs; `pending` (待核实) are the held and the unjudged."""
    return {name: needs.held + needs.unjudged if name == "pending" else getattr(needs, name) for name in columns}


def case_counts(cases: CaseFigures) -> dict[str, int]:
    """The published counts of cases."""
    return {name: getattr(cases, name) for name in CASE_COLUMNS}


def tables(figures: CircularFigures) -> Tables:
    """Everything countable that the public edition shows: tables 1 to 3, their totals, and the nation's funnel."""
    rows: dict[str, Mapping[str, int]] = {
        NATION: need_counts(figures.needs),
        **{row.department_code: need_counts(row.needs, NEED_COLUMNS) for row in figures.departments},
        ALL_INSTITUTIONS: case_counts(figures.cases),
        **{row.institution_code: case_counts(row.cases) for row in figures.institutions},
    }
    return _tables(rows)


def _tables(rows: Mapping[str, Mapping[str, int]]) -> Tables:
    needs = [row for row, counts in rows.items() if "recommended" in counts and row != NATION]
    cases = [row for row, counts in rows.items() if "cases" in counts and row != ALL_INSTITUTIONS]
    return Tables(
        counts={(row, column): count for row, counts in rows.items() for column, count in counts.items()},
        sums=[
            *_totals(NATION, needs, NEED_COLUMNS),
            *_totals(ALL_INSTITUTIONS, cases, CASE_COLUMNS),
            *(((row, "recommended"), tuple((row, part) for part in _REVIEWED)) for row in (NATION, *needs)),
        ],
        nested=[
            *(((row, small), (row, large)) for row in (NATION, *needs) for small, large in _NEED_NESTING),
            *(((row, small), (row, large)) for row in (ALL_INSTITUTIONS, *cases) for small, large in _CASE_NESTING),
        ],
    )


def _totals(total: str, rows: Sequence[str], columns: Sequence[str]) -> list[Sum]:
    return [((total, column), tuple((row, column) for row in rows)) for column in columns]


def suppressed(figures: CircularFigures, *, minimum: int, earlier: Sequence[Edition] = ()) -> Edition:
    """The public edition of `figures` after the `earlier` ones of the same quarter, oldest first."""
    found = tables(figures)
    return Edition(found, hidden_cells(found, minimum=minimum, earlier=earlier))


def as_json(edition: Edition) -> dict[str, Any]:
    """For storage beside the figures: every count by row and column, and the hidden ones."""
    counts: dict[str, dict[str, int]] = {}
    for (row, column), count in edition.tables.counts.items():
        counts.setdefault(row, {})[column] = count
    return {"counts": counts, "hidden": sorted(list(cell) for cell in edition.hidden)}


def from_json(content: Mapping[str, Any]) -> Edition:
    """What `as_json` stored."""
    return Edition(_tables(content["counts"]), frozenset((row, column) for row, column in content["hidden"]))

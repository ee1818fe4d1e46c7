"""Suppressed cells cannot be worked out again: from sums, from differences, from columns beside, or from earlier editions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.circular.suppression import Cell, Edition, Tables, hidden_cells

Rows = Sequence[tuple[int, int, int]]
"""Of each row: left, right, and how many of these came further; the whole is left + right."""


def _column(*counts: int) -> Tables:
    cells = {(str(index), "n"): count for index, count in enumerate(counts)}
    return Tables({**cells, ("all", "n"): sum(counts)}, [(("all", "n"), tuple(cells))])


def _hidden(*counts: int) -> set[int]:
    return {int(row) for row, _ in hidden_cells(_column(*counts), minimum=3)}


def test_cells_on_few_needs_are_hidden_and_zeros_are_not() -> None:
    assert _hidden(1, 2, 0, 3, 40) == {0, 1}


def test_a_single_hidden_cell_takes_the_smallest_visible_one_with_it() -> None:
    assert _hidden(1, 40, 5, 0, 9) == {0, 2}


def test_two_hidden_cells_that_can_only_be_one_each_take_a_third_with_them() -> None:
    assert _hidden(1, 1, 5, 9) == {0, 1, 2}


def test_a_part_cannot_be_worked_out_from_the_columns_beside_it() -> None:
    hidden = hidden_cells(_tables([(4, 1, 3), (20, 20, 9)]), minimum=3)
    assert {("0", "right"), ("0", "left")} <= hidden


def test_a_cell_between_two_equal_columns_is_no_secret() -> None:
    counts = {("0", "large"): 4, ("0", "n"): 4, ("0", "small"): 4, ("1", "n"): 2, ("2", "n"): 9, ("all", "n"): 15}
    tables = Tables(
        counts,
        [(("all", "n"), (("0", "n"), ("1", "n"), ("2", "n")))],
        [(("0", "small"), ("0", "n")), (("0", "n"), ("0", "large"))],
    )
    hidden = hidden_cells(tables, minimum=3)
    assert hidden & {("0", "small"), ("0", "large"), ("2", "n")}


def test_a_cell_that_an_earlier_edition_shows_protects_nothing() -> None:
    first = Edition(_column(7, 5, 9), frozenset())
    hidden = hidden_cells(_column(2, 5, 9), minimum=3, earlier=[first])
    assert not _worked_out([first, Edition(_column(2, 5, 9), hidden)]) & {("0", "n")}


def test_what_an_earlier_edition_hides_stays_hidden_while_it_is_the_same() -> None:
    before = _column(2, 4, 9)
    first = Edition(before, hidden_cells(before, minimum=3))
    now = _column(8, 4, 9)
    assert ("1", "n") in hidden_cells(now, minimum=3, earlier=[first])


# --- An attacker who solves everything published together ------------------------------------------------------------


def _tables(rows: Rows) -> Tables:
    counts: dict[Cell, int] = {}
    sums = []
    for index, (left, right, further) in enumerate(rows):
        of_row = {"whole": left + right, "left": left, "right": right, "further": min(further, left + right)}
        counts |= {(str(index), column): count for column, count in of_row.items()}
        sums.append(((str(index), "whole"), ((str(index), "left"), (str(index), "right"))))
    for column in ("whole", "left", "right", "further"):
        parts = tuple((str(index), column) for index in range(len(rows)))
        counts["all", column] = sum(counts[part] for part in parts)
        sums.append((("all", column), parts))
    sums.append((("all", "whole"), (("all", "left"), ("all", "right"))))
    return Tables(counts, sums)


def _worked_out(editions: Sequence[Edition]) -> set[Cell]:
    """Cells hidden in the newest edition that have one value in every solution of what all editions show.

    A cell is determined if adding "this cell is 0" to the equations does not leave it free: its unit vector lies in their
    span, so that it adds nothing to their rank. A count that did not change is one unknown in both editions.
    """
    names: dict[Cell, tuple[int, int]] = {}
    unknowns: dict[tuple[Cell, int], int] = {}
    columns: dict[Cell, int] = {}
    seen: set[int] = set()
    equations: list[dict[int, int]] = []
    for number, edition in enumerate(editions):
        for cell, count in edition.tables.counts.items():
            if cell not in names or names[cell][0] != count:
                names[cell] = (count, number)
            columns[cell] = unknowns.setdefault((cell, names[cell][1]), len(unknowns))
            if cell not in edition.hidden:
                seen.add(columns[cell])
        for whole, parts in edition.tables.sums:
            equations.append({columns[whole]: -1, **{columns[part]: 1 for part in parts}})
    matrix = [[Fraction(terms.get(column, 0)) for column in range(len(unknowns))] for terms in equations] + [
        [Fraction(column == known) for column in range(len(unknowns))] for known in sorted(seen)
    ]
    rank = _rank(matrix)
    return {
        cell
        for cell in editions[-1].hidden
        if _rank([*matrix, [Fraction(column == columns[cell]) for column in range(len(unknowns))]]) == rank
    }


def _rank(matrix: Sequence[Sequence[Fraction]]) -> int:
    rows = [list(row) for row in matrix]
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((index for index in range(rank, len(rows)) if rows[index][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for index in range(rank + 1, len(rows)):
            if factor := rows[index][column] / rows[rank][column]:
                rows[index] = [one - factor * other for one, other in zip(rows[index], rows[rank], strict=True)]
        rank += 1
    return rank


_COUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=5)


@given(_COUNTS, st.integers(min_value=2, max_value=4))
@settings(max_examples=40, deadline=None)
def test_no_hidden_cell_can_be_worked_out(rows: Rows, minimum: int) -> None:
    tables = _tables(rows)
    hidden = hidden_cells(tables, minimum=minimum)
    assert {cell for cell, count in tables.counts.items() if 0 < count < minimum} <= hidden
    assert not _worked_out([Edition(tables, hidden)]) & {cell for cell in hidden if tables.counts[cell] < minimum}


@given(_COUNTS, st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(-3, 3)), max_size=3))
@settings(max_examples=30, deadline=None)
def test_a_later_edition_does_not_give_away_what_is_small_in_it(
    rows: Rows, changes: Sequence[tuple[int, int, int]]
) -> None:
    first = Edition(_tables(rows), hidden_cells(_tables(rows), minimum=3))
    changed = [list(row) for row in rows]
    for index, column, difference in changes:
        row = changed[index % len(changed)]
        row[column] = max(0, row[column] + difference)
    now = _tables([(left, right, further) for left, right, further in changed])
    hidden = hidden_cells(now, minimum=3, earlier=[first])
    known = {cell for cell in hidden if now.counts[cell] == first.tables.counts[cell] and cell not in first.hidden}
    assert not (_worked_out([first, Edition(now, hidden)]) - known) & {cell for cell in hidden if now.counts[cell] < 3}


@pytest.mark.parametrize("left_out", range(2))
def test_leaving_one_suppression_out_gives_a_cell_away(left_out: int) -> None:
    tables = _column(2, 5, 9)
    hidden = hidden_cells(tables, minimum=3)
    assert not _worked_out([Edition(tables, hidden)])
    shown = sorted(hidden)[left_out]
    assert _worked_out([Edition(tables, hidden - {shown})]) == hidden - {shown}

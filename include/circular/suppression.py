"""What a public table may show: small cells are suppressed, and one more where a total would reveal one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Cell = tuple[int, str]


def hidden_cells(
    rows: Sequence[Mapping[str, int]], *, minimum: int, parts: Mapping[str, Sequence[str]] | None = None
) -> frozenset[Cell]:
    """Cells (row index, column) of a table of counts that must not be shown.

    A cell based on fewer than `minimum` needs is suppressed. The table is published with column totals, and a column
    that `parts` names is the sum of its parts in each row: if a single suppressed cell follows from the visible ones by
    subtraction, the smallest visible cell of that sum is suppressed too. Suppressed zeros protect nothing and do not
    count.
    """
    if not rows:
        return frozenset()
    hidden = {(index, column) for index, row in enumerate(rows) for column, count in row.items() if count < minimum}
    sums = _sums(rows, parts or {})
    grown = True
    while grown:
        grown = False
        for cells in sums:
            extra = _smallest_visible(rows, cells, hidden)
            if extra is not None:
                hidden.add(extra)
                grown = True
    return frozenset(hidden)


def _sums(rows: Sequence[Mapping[str, int]], parts: Mapping[str, Sequence[str]]) -> list[list[Cell]]:
    """Groups of cells of which one follows from the others: a column with its total, a row's whole and its parts."""
    columns = [[(index, column) for index in range(len(rows))] for column in rows[0]]
    within_rows = [
        [(index, column) for column in (whole, *columns_of)]
        for index in range(len(rows))
        for whole, columns_of in parts.items()
    ]
    return columns + within_rows


def _smallest_visible(rows: Sequence[Mapping[str, int]], cells: Sequence[Cell], hidden: set[Cell]) -> Cell | None:
    visible = [cell for cell in cells if cell not in hidden]
    if not visible or sum(rows[index][column] > 0 for index, column in set(cells) & hidden) != 1:
        return None
    return min(visible, key=lambda cell: (rows[cell[0]][cell[1]], cell))

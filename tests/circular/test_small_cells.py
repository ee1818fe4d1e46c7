from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from include.circular.suppression import hidden_cells

PARTS = {"whole": ("left", "right")}


def _hidden(*counts: int) -> set[int]:
    return {index for index, _ in hidden_cells([{"n": count} for count in counts], minimum=3)}


def test_cells_on_few_needs_are_hidden() -> None:
    assert _hidden(1, 2, 3, 40) == {0, 1}


def test_a_single_hidden_cell_takes_the_smallest_visible_one_with_it() -> None:
    assert _hidden(1, 40, 5, 9) == {0, 2}


def test_hidden_zeros_do_not_protect_a_small_cell() -> None:
    assert _hidden(1, 0, 0, 9, 8) == {0, 1, 2, 4}


def test_a_table_of_zeros_and_large_cells_needs_no_further_cell() -> None:
    assert _hidden(0, 0, 9, 8) == {0, 1}


def test_a_part_cannot_be_worked_out_from_its_row() -> None:
    rows = [{"whole": 20, "left": 18, "right": 2}, {"whole": 40, "left": 20, "right": 20}]
    hidden = hidden_cells(rows, minimum=3, parts=PARTS)
    assert {(0, "right"), (0, "left")} <= hidden
    assert len([cell for cell in hidden if cell[1] == "right"]) == 2


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8),
    st.integers(min_value=1, max_value=4),
)
@settings(max_examples=100)
def test_no_sum_gives_a_hidden_need_away(pairs: list[tuple[int, int]], minimum: int) -> None:
    rows = [{"whole": left + right, "left": left, "right": right} for left, right in pairs]
    hidden = hidden_cells(rows, minimum=minimum, parts=PARTS)
    assert all((i, name) in hidden for i, row in enumerate(rows) for name, count in row.items() if count < minimum)
    columns = [[(i, name) for i in range(len(rows))] for name in rows[0]]
    lines = [[(i, name) for name in row] for i, row in enumerate(rows)]
    for cells in columns + lines:
        unknown = [(i, name) for i, name in cells if (i, name) in hidden and rows[i][name] > 0]
        assert len(unknown) != 1 or all(cell in hidden for cell in cells)

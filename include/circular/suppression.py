"""What published tables may show: small counts are suppressed, and others from which they could be worked out.

All tables and all earlier editions are one system of sums. The reader is taken for an attacker who subtracts, solves the
sums together, and knows that a suppressed cell is not zero and that some columns contain others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction

Cell = tuple[str, str]
"""Row and column."""
Sum = tuple[Cell, tuple[Cell, ...]]
"""A whole and the parts that add up to it."""
_Unknown = tuple[Cell, int]


@dataclass(frozen=True, slots=True)
class Tables:
    """Counts as published; `sums` hold between them, and of each pair in `nested` the first is never above the second."""

    counts: Mapping[Cell, int]
    sums: Sequence[Sum]
    nested: Sequence[tuple[Cell, Cell]] = ()


@dataclass(frozen=True, slots=True)
class Edition:
    """Tables that readers have, and the cells that they do not show."""

    tables: Tables
    hidden: frozenset[Cell]


def hidden_cells(tables: Tables, *, minimum: int, earlier: Sequence[Edition] = ()) -> frozenset[Cell]:
    """Cells that must not be shown, given the `earlier` editions, oldest first.

    A count from 1 to below `minimum` is suppressed; zeros are shown. As long as a suppressed cell can be worked out, the
    smallest visible count of its sums is suppressed too; of one that an earlier edition shows, hiding would be in vain.
    What an earlier edition hides stays hidden while its count is the same.
    """
    known = _known(tables, earlier)
    hidden = {cell for cell, count in tables.counts.items() if 0 < count < minimum}
    hidden |= {cell for cell, count in tables.counts.items() if count and _hidden_before(cell, count, earlier)}
    while leaks := recoverable([*earlier, Edition(tables, frozenset(hidden))]) - known:
        more = {cell for leak in sorted(leaks) for cell in _protection(leak, tables, hidden, known)}
        if not more:
            break
        hidden |= more
    return frozenset(hidden)


def recoverable(editions: Sequence[Edition]) -> frozenset[Cell]:
    """Cells hidden in the newest edition that its reader can work out from all `editions`, oldest first.

    A count that did not change between two editions is taken to be known as such.
    """
    newest = editions[-1]
    numbered = list(_numbered(editions))
    values = {
        numbers[cell]: count
        for edition, numbers in zip(editions, numbered, strict=True)
        for cell, count in edition.tables.counts.items()
    }
    seen = {
        numbers[cell]
        for edition, numbers in zip(editions, numbered, strict=True)
        for cell, count in edition.tables.counts.items()
        if cell not in edition.hidden or count == 0
    }
    sums, nested = [], []
    for edition, numbers in zip(editions, numbered, strict=True):
        sums += [(numbers[whole], [numbers[part] for part in parts]) for whole, parts in edition.tables.sums]
        nested += [(numbers[small], numbers[large]) for small, large in edition.tables.nested]
    equations = _equations(sums, values, seen)
    found = seen | _solved([terms for terms, _ in equations]) | _narrowed(equations, nested, values, seen)
    return frozenset(cell for cell in newest.hidden if numbered[-1][cell] in found)


def _numbered(editions: Sequence[Edition]) -> Iterator[dict[Cell, _Unknown]]:
    """Of each edition, its cells as unknowns: a cell whose count is as in the edition before is the same unknown."""
    last: dict[Cell, tuple[int, int]] = {}
    for number, edition in enumerate(editions):
        for cell, count in edition.tables.counts.items():
            if cell not in last or last[cell][0] != count:
                last[cell] = (count, number)
        yield {cell: (cell, last[cell][1]) for cell in edition.tables.counts}


_Equation = tuple[dict[_Unknown, int], int]


def _equations(
    sums: Sequence[tuple[_Unknown, Sequence[_Unknown]]], values: Mapping[_Unknown, int], seen: Set[_Unknown]
) -> list[_Equation]:
    """Each sum as unknowns with their factors, and what these add up to."""
    found: list[_Equation] = []
    for whole, parts in sums:
        terms: dict[_Unknown, int] = defaultdict(int)
        for unknown, factor in [(whole, -1), *((part, 1) for part in parts)]:
            if unknown not in seen:
                terms[unknown] += factor
        if terms:
            found.append((dict(terms), sum(factor * values[unknown] for unknown, factor in terms.items())))
    return found


def _solved(equations: Sequence[Mapping[_Unknown, int]]) -> set[_Unknown]:
    """Unknowns with a single solution: in the reduced system they stand alone in a row."""
    rows: dict[_Unknown, dict[_Unknown, Fraction]] = {}
    for terms in equations:
        row = {unknown: Fraction(factor) for unknown, factor in terms.items()}
        for pivot in [unknown for unknown in row if unknown in rows]:
            _subtract(row, rows[pivot], pivot)
        if not row:
            continue
        pivot = min(row)
        lead = row[pivot]
        row = {unknown: factor / lead for unknown, factor in row.items()}
        for other in rows.values():
            if pivot in other:
                _subtract(other, row, pivot)
        rows[pivot] = row
    return {pivot for pivot, row in rows.items() if len(row) == 1}


def _subtract(row: dict[_Unknown, Fraction], other: Mapping[_Unknown, Fraction], pivot: _Unknown) -> None:
    times = row.get(pivot, Fraction(0))
    for unknown, factor in other.items():
        left = row.get(unknown, Fraction(0)) - times * factor
        if left:
            row[unknown] = left
        else:
            row.pop(unknown, None)


def _narrowed(
    equations: Sequence[_Equation],
    nested: Collection[tuple[_Unknown, _Unknown]],
    values: Mapping[_Unknown, int],
    seen: Set[_Unknown],
) -> set[_Unknown]:
    """Unknowns of which only one count is possible, each sum and each pair taken for itself until nothing changes."""
    low = {unknown: (value if unknown in seen else 1) for unknown, value in values.items()}
    high: dict[_Unknown, float] = {
        unknown: (value if unknown in seen else float("inf")) for unknown, value in values.items()
    }
    changed = True
    while changed:
        changed = False
        for small, large in nested:
            if low[small] > low[large]:
                low[large], changed = low[small], True
            if high[large] < high[small]:
                high[small], changed = high[large], True
        for terms, total in equations:
            changed = _narrow(terms, total, low, high) or changed
    return {unknown for unknown in values if unknown not in seen and low[unknown] == high[unknown]}


def _narrow(terms: Mapping[_Unknown, int], total: int, low: dict[_Unknown, int], high: dict[_Unknown, float]) -> bool:
    reach = {
        unknown: (factor * low[unknown], factor * high[unknown])
        if factor > 0
        else (factor * high[unknown], factor * low[unknown])
        for unknown, factor in terms.items()
    }
    changed = False
    for unknown, factor in terms.items():
        least = _without(reach, unknown, 0)
        most = _without(reach, unknown, 1)
        floor, ceiling = (total - most, total - least) if factor > 0 else (least - total, most - total)
        if floor > low[unknown]:
            low[unknown], changed = int(floor), True
        if ceiling < high[unknown]:
            high[unknown], changed = ceiling, True
    return changed


def _without(reach: Mapping[_Unknown, tuple[float, float]], left_out: _Unknown, end: int) -> float:
    return sum(ends[end] for unknown, ends in reach.items() if unknown != left_out)


def _known(tables: Tables, earlier: Sequence[Edition]) -> set[Cell]:
    """Cells whose count an earlier edition shows, or lets its readers work out, unchanged up to now."""
    if not earlier:
        return set()
    nothing_shown = Edition(tables, frozenset(cell for cell, count in tables.counts.items() if count))
    blind = Tables(tables.counts, ())
    return set(recoverable([*earlier, Edition(blind, nothing_shown.hidden)]))


def _hidden_before(cell: Cell, count: int, earlier: Sequence[Edition]) -> bool:
    return bool(earlier) and cell in earlier[-1].hidden and earlier[-1].tables.counts.get(cell) == count


def _protection(leak: Cell, tables: Tables, hidden: Set[Cell], known: Set[Cell]) -> list[Cell]:
    """The visible cell to hide so that `leak` cannot be worked out that way: of its sums, else of the columns around it.

    A part rather than the whole, a small count rather than a large one.
    """
    in_sums = [
        (cell == whole, tables.counts[cell], cell)
        for whole, parts in tables.sums
        if leak == whole or leak in parts
        for cell in (whole, *parts)
    ]
    around = [(True, tables.counts[cell], cell) for pair in tables.nested if leak in pair for cell in pair]
    for candidates in (in_sums, around):
        usable = [
            one for one in candidates if one[2] not in hidden and one[2] not in known and one[1] > 0 and one[2] != leak
        ]
        if usable:
            return [min(usable)[2]]
    return []

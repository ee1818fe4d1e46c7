"""What an edition of the circular consists of, whatever its form: headings, paragraphs, tables and charts as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from include.words.amounts import NOTHING, half_up

EditionKind = Literal["public", "internal"]
ColumnKind = Literal["text", "count", "amount", "rate", "rank", "change"]
"""amount: 亿元; rate: a fraction of 1; change: percentage points on the last quarter."""


HIDDEN_MARK = "*"


class Hidden(Enum):
    """A cell that the public may not see."""

    SMALL = "small"


Cell = str | int | Decimal | Hidden | None
"""None where there is no value: no whole to divide by, no last quarter."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and how its cells are read and shown."""

    title: str
    kind: ColumnKind = "count"


@dataclass(frozen=True, slots=True)
class Table:
    """A numbered table; every row, and the row of totals, has one cell a column."""

    title: str
    unit: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading with its number in it: level 1 一、, level 2 （一）, level 3 1."""

    level: Literal[1, 2, 3]
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the funnel; `amount` in 亿元, `share` of the pushed needs."""

    label: str
    count: Cell
    amount: Cell
    share: Cell


@dataclass(frozen=True, slots=True)
class Funnel:
    """From recommendation to money."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """A department on the tile map, with its column and row from 1."""

    name: str
    column: int
    row: int
    value: Cell


@dataclass(frozen=True, slots=True)
class TileMap:
    """One value for each department; `kind` says how it is shown."""

    title: str
    kind: ColumnKind
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Stacked:
    """How a whole falls into parts, for several names; names whose parts may not be seen are left out."""

    title: str
    parts: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """Rates by quarter, the oldest first."""

    title: str
    quarters: tuple[str, ...]
    series: tuple[tuple[str, tuple[Cell, ...]], ...]


Chart = Funnel | TileMap | Stacked | Trend
Block = Heading | Paragraph | Table | Chart


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment (附件): its title and what it holds."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """An edition. `number` is the 文号 with room to fill in; `signed_on` is None until it is signed."""

    kind: EditionKind
    quarter: str
    mark: str
    issuers: tuple[str, ...]
    number: str
    title_lines: tuple[str, ...]
    addressees: str
    blocks: tuple[Block, ...]
    attachments: tuple[Attachment, ...]
    signed_on: date | None
    as_of: datetime

    @property
    def title(self) -> str:
        """The title in one line."""
        return "".join(self.title_lines)

    def tables(self) -> Iterator[Table]:
        """All tables, as they stand."""
        yield from (block for block in self._blocks() if isinstance(block, Table))

    def charts(self) -> Iterator[Chart]:
        """All charts, as they stand."""
        yield from (block for block in self._blocks() if isinstance(block, Chart))

    def _blocks(self) -> Iterator[Block]:
        yield from self.blocks
        for attachment in self.attachments:
            yield from attachment.blocks


def shown(cell: Cell, kind: ColumnKind) -> str:
    """A cell for readers: 亿元 with two decimals, % and percentage points with one; * for hidden, — for no value."""
    match cell:
        case None:
            return NOTHING
        case Hidden():
            return HIDDEN_MARK
        case str():
            return cell
        case _ if kind == "amount":
            return f"{half_up(Decimal(cell), '0.01'):,}"
        case _ if kind == "rate":
            return f"{half_up(Decimal(cell) * 100, '0.1')}%"
        case _ if kind == "change":
            points = half_up(Decimal(cell), "0.1")
            return f"▲{points}" if points > 0 else f"▼{-points}" if points < 0 else "持平"
        case _:
            return f"{cell:,}"

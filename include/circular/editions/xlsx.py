"""The edition as XLSX: each table a sheet with real numbers, charts that Excel draws from them, no formula anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

from xlsxwriter import Workbook

from include.base.business_time import SHANGHAI
from include.circular.editions.model import (
    HIDDEN_MARK,
    Cell,
    Chart,
    Column,
    ColumnKind,
    Content,
    Funnel,
    Hidden,
    Paragraph,
    Stacked,
    Table,
    TileMap,
    Trend,
)
from include.circular.editions.printable import half_characters, signing_date
from include.words.spreadsheet import AS_WRITTEN

_COVER_WIDTH = 74
_WIDEST = 70
"""Characters of a column."""
_HEAD_AT = 2
"""Row of the heads of a table, from 0: title and unit stand above."""
_PARTS = ("#1F5F4A", "#4F8F74", "#93BFA9", "#D7C48A", "#D9DEDC")
_LINES = ("#7A8B86", "#C07F2A", "#1F5F4A")


class _Book:
    """The workbook with its formats; sheets are added in order."""

    def __init__(self, content: Content) -> None:
        self.file = BytesIO()
        self.book = Workbook(self.file, {"in_memory": True, **AS_WRITTEN})
        at = content.as_of.astimezone(SHANGHAI).replace(tzinfo=None)
        self.book.set_properties({"title": content.title, "author": "、".join(content.issuers), "created": at})
        font = {"font_name": "宋体", "font_size": 10}
        line = {**font, "bottom": 4, "bottom_color": "#9AA5A0"}
        self.title = self.book.add_format({"font_name": "黑体", "font_size": 14})
        self.note = self.book.add_format({**font, "font_color": "#5B6663"})
        self.text = self.book.add_format({**font, "text_wrap": True, "valign": "top"})
        self.head = self.book.add_format(
            {
                "font_name": "黑体",
                "font_size": 10,
                "bg_color": "#D9EADF",
                "text_wrap": True,
                "valign": "vcenter",
                "top": 1,
                "bottom": 1,
            }
        )
        numbers: dict[str, dict[str, object]] = {
            "text": {"text_wrap": True},
            "count": {"num_format": "#,##0", "align": "right"},
            "amount": {"num_format": "#,##0.00", "align": "right"},
            "rate": {"num_format": "0.0%", "align": "right"},
            "rank": {"num_format": "0", "align": "right"},
            "change": {"num_format": '▲0.0;▼0.0;"持平"', "align": "right"},
        }
        self.cell = {
            kind: self.book.add_format({**line, "valign": "vcenter", **more}) for kind, more in numbers.items()
        }
        self.total = {
            kind: self.book.add_format({**font, "bold": True, "top": 1, "bottom": 1, **more})
            for kind, more in numbers.items()
        }

    def sheet(self, name: str) -> Any:
        """A new sheet, A4, as wide as the page."""
        sheet = self.book.add_worksheet(name)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&C— &P —")
        return sheet


def xlsx_file(content: Content) -> bytes:
    """The XLSX; the same content gives the same bytes."""
    made = _Book(content)
    _cover(made, content)
    for table in content.tables():
        _table(made, table)
    for chart in content.charts():
        _chart(made, chart)
    made.book.close()
    return made.file.getvalue()


def _cover(made: _Book, content: Content) -> None:
    sheet = made.sheet("说明")
    sheet.set_column(0, 0, _COVER_WIDTH)
    at = content.as_of.astimezone(SHANGHAI)
    sheet.write_string(0, 0, content.title, made.title)
    head = (
        content.mark,
        f"数据截至：{at.year}年{at.month}月{at.day}日{at:%H:%M}（北京时间）",
        f"发文机关：{'、'.join(content.issuers)}　　文号：{content.number}　　日期：{signing_date(content)}",
        f"金额单位为亿元；“{HIDDEN_MARK}”为不予公开的数字，空格为没有可计算的数。",
    )
    texts = [*head, *(block.text for block in content.blocks if isinstance(block, Paragraph))]
    for row, text in enumerate(texts, start=1):
        sheet.write_string(row, 0, text, made.text)
        sheet.set_row(row, 14 * (1 + half_characters(text) // (_COVER_WIDTH - 4)))


def _sheet_name(title: str) -> str:
    return title.replace("　", " ")[:31]


def _table(made: _Book, table: Table) -> None:
    sheet = made.sheet(_sheet_name(table.title))
    sheet.write_string(0, 0, table.title, made.title)
    sheet.write_string(1, 0, f"单位：{table.unit}" if table.unit else "", made.note)
    for at, column in enumerate(table.columns):
        texts = [row[at] for row in table.rows if isinstance(row[at], str)]
        longest = max([half_characters(text) for text in texts if isinstance(text, str)], default=0)
        sheet.set_column(at, at, min(max(longest + 2, 11), _WIDEST))
        sheet.write_string(_HEAD_AT, at, column.title, made.head)
    for row, cells in enumerate(table.rows, start=_HEAD_AT + 1):
        longest = max(half_characters(cell) for cell in cells if isinstance(cell, str))
        if longest > _WIDEST:
            sheet.set_row(row, 14 * (1 + longest // (_WIDEST - 4)))
        _row(sheet, row, cells, table.columns, made.cell)
    if table.total:
        _row(sheet, _HEAD_AT + 1 + len(table.rows), table.total, table.columns, made.total)
    sheet.freeze_panes(_HEAD_AT + 1, 1)
    sheet.repeat_rows(_HEAD_AT)
    if len(table.columns) > 8:
        sheet.set_landscape()


def _row(sheet: Any, row: int, cells: tuple[Cell, ...], columns: tuple[Column, ...], formats: dict[str, Any]) -> None:
    for at, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        match cell:
            case None:
                sheet.write_blank(row, at, None, formats[column.kind])
            case Hidden():
                sheet.write_string(row, at, HIDDEN_MARK, formats[column.kind])
            case str():
                sheet.write_string(row, at, cell, formats[column.kind])
            case _:
                sheet.write_number(row, at, float(cell), formats[column.kind])


def _chart(made: _Book, chart: Chart) -> None:
    rows: list[tuple[Cell, ...]]
    match chart:
        case Funnel():
            rows = [(step.label, step.count) for step in chart.steps]
            _drawn(made, chart.title, ("需求（项）",), rows, form="bar")
        case Stacked():
            rows = [(name, *values) for name, values in chart.rows]
            _drawn(made, chart.title, chart.parts, rows, form="bar")
        case Trend():
            names = tuple(name for name, _ in chart.series)
            rows = [(quarter, *(cells[at] for _, cells in chart.series)) for at, quarter in enumerate(chart.quarters)]
            _drawn(made, chart.title, names, rows, form="line", kind="rate")
        case TileMap():
            highest = sorted(chart.tiles, key=lambda tile: -_height(tile.value))
            _drawn(
                made, chart.title, ("数值",), [(tile.name, tile.value) for tile in highest], form="bar", kind=chart.kind
            )


def _height(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | Decimal) else 0.0


def _drawn(
    made: _Book,
    title: str,
    names: tuple[str, ...],
    rows: Sequence[tuple[Cell, ...]],
    *,
    form: Literal["bar", "line"],
    kind: ColumnKind = "count",
) -> None:
    """The data of a chart on a sheet of its own, with Excel's chart beside it."""
    sheet = made.sheet(f"图 {title}"[:31])
    sheet.set_landscape()
    sheet.set_column(0, 0, 24)
    columns = (Column("", "text"), *(Column(name, kind) for name in names))
    sheet.write_string(0, 0, title, made.title)
    for at, column in enumerate(columns):
        sheet.write_string(_HEAD_AT, at, column.title, made.head)
    for row, cells in enumerate(rows, start=_HEAD_AT + 1):
        _row(sheet, row, cells, columns, made.cell)
    first, last = _HEAD_AT + 1, _HEAD_AT + len(rows)
    drawn = made.book.add_chart({"type": form, **({"subtype": "stacked"} if len(names) > 1 and form == "bar" else {})})
    for at, name in enumerate(names, start=1):
        colour = (_LINES if form == "line" else _PARTS)[at - 1]
        drawn.add_series(
            {
                "name": name,
                "categories": [sheet.get_name(), first, 0, last, 0],
                "values": [sheet.get_name(), first, at, last, at],
                "gap": 40,
                **({"line": {"color": colour}} if form == "line" else {"fill": {"color": colour}}),
            }
        )
    drawn.set_title({"name": title, "name_font": {"size": 12}})
    drawn.set_legend({"position": "bottom"} if len(names) > 1 else {"none": True})
    if form == "bar":
        drawn.set_y_axis({"reverse": True, "num_font": {"size": 8}})
    else:
        drawn.set_y_axis({"num_format": "0%", "min": 0})
    drawn.set_size({"width": 760, "height": max(320, 18 * len(rows) + 120)})
    sheet.insert_chart(_HEAD_AT, len(columns) + 1, drawn)

"""An edition as plain texts and SVG, ready to be set: what the PDF's and the HTML's templates read."""

from __future__ import annotations

from typing import Any

from include.base.business_time import SHANGHAI
from include.circular.editions.charts import svg
from include.circular.editions.model import Block, Column, Content, Heading, Paragraph, Table, TileMap, shown


def printable(content: Content) -> dict[str, Any]:
    """Every value is a text, a list or an object; nothing in it is markup but the SVG that charts.py made."""
    at = content.as_of.astimezone(SHANGHAI)
    return {
        "mark": content.mark,
        "issuers": list(content.issuers),
        "number": content.number,
        "title_lines": list(content.title_lines),
        "addressees": content.addressees,
        "blocks": [_block(block) for block in content.blocks],
        "attachments": [
            {"label": f"附件{number}", "title": one.title, "blocks": [_block(block) for block in one.blocks]}
            for number, one in enumerate(content.attachments, start=1)
        ],
        "date": signing_date(content),
        "as_of": [at.year, at.month, at.day, at.hour, at.minute, at.second],
    }


def signing_date(content: Content) -> str:
    """The date of signing; room to fill it in as long as nobody signed."""
    on = content.signed_on
    return f"{on.year}年{on.month}月{on.day}日" if on else "　　　　年　　月　　日"


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading():
            return {"is": "heading", "level": block.level, "text": block.text}
        case Paragraph():
            return {"is": "paragraph", "text": block.text}
        case Table():
            return {
                "is": "table",
                "title": block.title,
                "unit": block.unit,
                "columns": [{"title": column.title, "text": column.kind == "text"} for column in block.columns],
                "widths": _widths(block),
                "rows": [_row(row, block.columns) for row in block.rows],
                "total": _row(block.total, block.columns) if block.total else [],
            }
        case _:
            width = 76 if isinstance(block, TileMap) else 100
            return {"is": "chart", "title": block.title, "svg": svg(block), "width": width}


def _row(row: tuple[Any, ...], columns: tuple[Column, ...]) -> list[str]:
    return [shown(cell, column.kind) for cell, column in zip(row, columns, strict=True)]


def _widths(table: Table) -> list[int]:
    """The longest text of each column in half characters, so that long texts get the room that is left."""
    rows = [[column.title for column in table.columns], *(_row(row, table.columns) for row in table.rows)]
    return [max(half_characters(row[at]) for row in rows) for at in range(len(table.columns))]


def half_characters(text: str) -> int:
    """The width of a text: one for Latin, two for Chinese characters."""
    return sum(1 if ord(character) < 0x2E80 else 2 for character in text)

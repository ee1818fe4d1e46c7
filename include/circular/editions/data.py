"""The edition for programs: JSON with every table and chart, CSV with one cell a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.circular.editions.model import HIDDEN_MARK, Cell, ColumnKind, Content, Hidden
from include.words.spreadsheet import Column, csv_file

_Line = tuple[str, str, str, str, str]


def json_file(content: Content) -> bytes:
    """Amounts and rates as texts, so that they stay exact; hidden cells are "*", missing values null."""
    return (json.dumps(_plain(content), ensure_ascii=False, indent=1) + "\n").encode()


def _plain(value: Any) -> Any:
    match value:
        case Hidden():
            return HIDDEN_MARK
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case tuple():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value):
            return {"is": type(value).__name__.lower()} | {
                field.name: _plain(getattr(value, field.name)) for field in fields(value)
            }
        case _:
            return value


def csv_of_tables(content: Content) -> bytes:
    """Table, row, figure, unit and value; amounts in 亿元, rates as fractions of 1."""
    columns: list[Column[_Line]] = [
        Column("表", 30, lambda line: line[0]),
        Column("行", 30, lambda line: line[1]),
        Column("指标", 20, lambda line: line[2]),
        Column("单位", 10, lambda line: line[3]),
        Column("数值", 20, lambda line: line[4]),
    ]
    return csv_file(columns, _lines(content))


def _lines(content: Content) -> Iterator[_Line]:
    for table in content.tables():
        for row in (*table.rows, *([table.total] if table.total else [])):
            for cell, column in zip(row[1:], table.columns[1:], strict=True):
                yield table.title, _value(row[0]), column.title, _unit(column.kind), _value(cell)


def _unit(kind: ColumnKind) -> str:
    """The unit of an amount or a change; counts are of what the table says."""
    return "亿元" if kind == "amount" else "百分点" if kind == "change" else ""


def _value(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Hidden():
            return HIDDEN_MARK
        case Decimal():
            return format(cell, "f")
        case _:
            return str(cell)

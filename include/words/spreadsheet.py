"""Lists as files (导出): XLSX with real numbers and days, CSV for other programs.

A text from outside is never a formula: XLSX cells are written as text, and a CSV cell that a spreadsheet program would
run begins with an apostrophe (handbook section 12).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Generic, TypeVar

from xlsxwriter import Workbook

from include.base.business_time import SHANGHAI
from include.words.moments import moment

Row = TypeVar("Row")
Cell = str | int | Decimal | date | datetime | None

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
AS_WRITTEN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its title with the unit, its width in characters, and the value of a row."""

    title: str
    width: int
    value: Callable[[Row], Cell]


def xlsx(title: str, columns: Sequence[Column[Row]], rows: Iterable[Row], *, at: datetime) -> bytes:
    """The list as an XLSX file of one sheet, with a frozen head and a filter; `at`: when it was made."""
    file = BytesIO()
    book = Workbook(file, {"in_memory": True, **AS_WRITTEN})
    book.set_properties({"title": title, "created": at.astimezone(SHANGHAI).replace(tzinfo=None)})
    head = book.add_format({"bold": True, "bg_color": "#D9EADF", "border": 1, "text_wrap": True, "valign": "vcenter"})
    money = book.add_format({"num_format": "#,##0.00"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    sheet = book.add_worksheet(title[:31])
    for at_column, column in enumerate(columns):
        sheet.set_column(at_column, at_column, column.width)
        sheet.write_string(0, at_column, column.title, head)
    last = 0
    for last, row in enumerate(rows, start=1):
        for at_column, column in enumerate(columns):
            match column.value(row):
                case None | "":
                    pass
                case datetime() as value:
                    sheet.write_datetime(last, at_column, value.astimezone(SHANGHAI).replace(tzinfo=None), instant)
                case date() as value:
                    sheet.write_datetime(last, at_column, datetime.combine(value, time()), day)
                case Decimal() as value:
                    sheet.write_number(last, at_column, float(value), money)
                case int() as value:
                    sheet.write_number(last, at_column, value)
                case text:
                    sheet.write_string(last, at_column, text)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(last, 1), len(columns) - 1)
    book.close()
    return file.getvalue()


def csv_file(columns: Sequence[Column[Row]], rows: Iterable[Row]) -> bytes:
    """The list as CSV in UTF-8 with a byte order mark, which Excel needs to read Chinese."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(column.title for column in columns)
    writer.writerows([_plain(column.value(row)) for column in columns] for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return moment(cell)
        case str():
            return f"'{cell}" if cell.startswith(_RUN_BY_SPREADSHEETS) else cell
        case _:
            return str(cell)

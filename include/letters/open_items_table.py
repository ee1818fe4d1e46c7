"""The table (XLSX) attached to a digest: all open items of its reader, for filtering, sorting and handing on.

Texts are written as texts, whatever they begin with: none can become a formula. Amounts are numbers in 万元, days are
dates. The file depends on its contents alone, so that the same digest is the same mail.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from io import BytesIO

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from include.letters.digest_contents import DigestContents, Line
from include.letters.national_figures import NationalFigures, department_name
from include.words.names import case_state, institution, region_name

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS = 5_000
"""Items in one table; about 500 kB. Nobody reads more, and a mail must not be refused for its size."""

_COLUMNS: Sequence[tuple[str, int]] = (
    ("类别", 10),
    ("需求编号", 16),
    ("企业", 32),
    ("项目", 32),
    ("融资需求（万元）", 16),
    ("部门", 10),
    ("市（区）", 12),
    ("机构", 20),
    ("状态", 14),
    ("事由", 34),
    ("起始", 12),
    ("时限", 12),
    ("时限暂定", 9),
    ("逾期（工作日）", 14),
    ("重大", 6),
    ("已认领", 22),
    ("办理（无需登录）", 18),
    ("运维台", 12),
)
_TEXT_ONLY = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def open_items_attachment(contents: DigestContents, national: NationalFigures | None) -> Mapping[str, str]:
    """The attachment as a mail's body carries it: {filename, content_type, base64}."""
    regions = "、".join(dict.fromkeys(region_name(region) for _, _, region in contents.posts[:2]))
    return {
        "filename": f"待办事项_{regions}_{contents.today.isoformat()}.xlsx",
        "content_type": CONTENT_TYPE,
        "base64": base64.b64encode(_workbook(contents, national)).decode("ascii"),
    }


def _workbook(contents: DigestContents, national: NationalFigures | None) -> bytes:
    file = BytesIO()
    book = Workbook(file, _TEXT_ONLY)
    book.set_properties({"title": "待办事项", "created": datetime.combine(contents.today, time())})
    head = book.add_format({"bold": True, "bg_color": "#D9EADF", "border": 1, "text_wrap": True, "valign": "vcenter"})
    lines = _by_kind(contents)
    if lines:
        _items(book, head, lines)
    if national is not None:
        _matrix(book, head, national)
    book.close()
    return file.getvalue()


def _by_kind(contents: DigestContents) -> list[tuple[str, Line]]:
    """Each item once, under the first kind that names it."""
    every = (
        *(("融资梗阻", one.line) for one in contents.obstructions),
        *(("重大需求", line) for line in contents.majors),
        *(("警示", line) for line in contents.alerts),
        *(("新增逾期", line) for line in contents.newly_overdue),
        *(("此前已提请", line) for line in contents.still_open),
    )
    once = {(line.need_id, line.institution_code, line.what): (kind, line) for kind, line in reversed(every)}
    return list(once.values())[::-1]


def _items(book: Workbook, head: Format, lines: Sequence[tuple[str, Line]]) -> None:
    sheet = book.add_worksheet("待办事项")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    money = book.add_format({"num_format": "#,##0.00"})
    for position, (title, width) in enumerate(_COLUMNS):
        sheet.set_column(position, position, width)
        sheet.write_string(0, position, title, head)
    for row, (kind, line) in enumerate(lines[:ROWS], start=1):
        _item(sheet, row, kind, line, day=day, money=money)
    sheet.freeze_panes(1, 3)
    sheet.autofilter(0, 0, min(len(lines), ROWS), len(_COLUMNS) - 1)
    if len(lines) > ROWS:
        sheet.write_string(ROWS + 1, 0, f"另有 {len(lines) - ROWS} 项未列出")


def _item(sheet: Worksheet, row: int, kind: str, line: Line, *, day: Format, money: Format) -> None:
    """Write one row; only what is an address of a page becomes a link."""
    texts = {
        0: kind,
        1: line.need_id,
        2: line.company,
        3: line.project,
        5: department_name(line.department_code),
        6: region_name(line.city_code) if line.city_code else "",
        7: institution(line.institution_code) if line.institution_code else "",
        8: case_state(line.state) if line.state else "",
        9: line.what,
        12: "暂定" if line.provisional else "",
        14: "是" if line.is_major else "",
        15: line.acknowledged_by,
    }
    for column, text in texts.items():
        if text:
            sheet.write_string(row, column, text)
    if line.amount is not None:
        sheet.write_number(row, 4, float(line.amount), money)
    sheet.write_datetime(row, 10, datetime.combine(line.since, time()), day)
    sheet.write_datetime(row, 11, datetime.combine(line.due_on, time()), day)
    sheet.write_number(row, 13, line.overdue_working_days)
    for column, link in ((16, line.action_link), (17, line.link)):
        if link.startswith(("https://", "http://")):
            sheet.write_url(row, column, link, string="打开")


def _matrix(book: Workbook, head: Format, national: NationalFigures) -> None:
    """Institutions × departments: overdue needs; beside each institution all of its own, and their share of the open ones."""
    sheet = book.add_worksheet("机构×地区（逾期项数）")
    percent = book.add_format({"num_format": "0%"})
    columns = [one.name for one in national.departments]
    for position, title in enumerate(("机构", "逾期", "在办", "占比", *columns)):
        sheet.write_string(0, position, title, head)
    for row, one in enumerate(national.institutions, start=1):
        cells = [national.matrix.get((one.name, name), (0, 0))[0] for name in columns]
        _figures(sheet, row, (one.name, one.overdue, one.open), cells, percent)
    whole = ("合计", national.overdue, national.open)
    _figures(sheet, len(national.institutions) + 1, whole, [one.overdue for one in national.departments], percent)
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 3 + len(columns), 8)
    sheet.freeze_panes(1, 4)


def _figures(sheet: Worksheet, row: int, whole: tuple[str, int, int], cells: Sequence[int], percent: Format) -> None:
    name, overdue, open_ = whole
    sheet.write_string(row, 0, name)
    sheet.write_number(row, 1, overdue)
    sheet.write_number(row, 2, open_)
    if open_:
        sheet.write_number(row, 3, overdue / open_, percent)
    for column, number in enumerate(cells, start=4):
        if number:
            sheet.write_number(row, column, number)

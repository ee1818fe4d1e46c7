"""The attached table as a spreadsheet program reads it."""

from __future__ import annotations

import base64
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from include.letters.digest import ATTACHED_FROM, compose_digest
from include.letters.digest_contents import DigestContents, WeeklyCell
from tests.support.digests import CONSOLE, NATION, contents, line, obstruction


def attached(told: DigestContents) -> list[dict[str, str]]:
    body = compose_digest(told, to="post@example.test", console_url=CONSOLE)
    found: list[dict[str, str]] = body.get("attachments", [])
    return found


def opened(told: DigestContents) -> Workbook:
    (one,) = attached(told)
    return load_workbook(BytesIO(base64.b64decode(one["base64"])))


def rows(told: DigestContents) -> list[dict[str, Any]]:
    head, *found = opened(told)["待办事项"].iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in found]


def many(**first: Any) -> DigestContents:
    return contents(newly_overdue=(line(1, **first),), still_open=tuple(line(number) for number in range(2, 13)))


def test_a_table_comes_with_more_than_ten_open_items_only() -> None:
    assert attached(contents(still_open=tuple(line(number) for number in range(ATTACHED_FROM)))) == []
    (one,) = attached(many())
    assert one["filename"] == "待办事项_江苏_2026-12-08.xlsx"


def test_it_lists_every_open_item_once_with_its_kind() -> None:
    told = contents(
        obstructions=(obstruction(1),),
        majors=(line(2, is_major=True),),
        alerts=(line(3),),
        newly_overdue=(line(4),),
        still_open=tuple(line(number) for number in range(4, 20)),
    )
    found = rows(told)
    assert [row["类别"] for row in found[:5]] == ["融资梗阻", "重大需求", "警示", "新增逾期", "此前已提请"]
    assert [row["需求编号"] for row in found] == [f"FN202603{number:06d}" for number in range(1, 20)]


def test_amounts_are_numbers_and_days_are_dates() -> None:
    row = rows(many(amount=Decimal("41532.45")))[0]
    assert (row["融资需求（万元）"], row["逾期（工作日）"]) == (41532.45, 4)
    assert (row["起始"], row["时限"]) == (datetime(2026, 11, 30), datetime(2026, 12, 2))
    assert (row["部门"], row["市（区）"], row["机构"], row["状态"]) == ("江苏", "苏州市", "交通银行", "已推送")
    assert rows(many(amount=None))[0]["融资需求（万元）"] is None


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x.example","点我")', "+1+1", "-2+3", "@SUM(A1)", "http://x.example"]
)
def test_a_text_never_becomes_a_formula_or_a_link(text: str) -> None:
    sheet = opened(many(company=text, project=text, what=text, acknowledged_by=text))["待办事项"]
    cells = [cell for cell in sheet[2] if cell.value == text]
    assert len(cells) == 4
    assert all(cell.data_type == "s" and cell.hyperlink is None for cell in cells)


def test_links_lead_to_the_acts_and_the_console_and_nowhere_else() -> None:
    sheet = opened(many(action_link="javascript:alert(1)"))["待办事项"]
    assert [cell.hyperlink.target for cell in sheet[2] if cell.hyperlink] == [f"{CONSOLE}/needs/FN202603000001"]
    assert [cell.hyperlink.target for cell in sheet[3] if cell.hyperlink] == [
        f"{CONSOLE}/act/token2",
        f"{CONSOLE}/needs/FN202603000002",
    ]


def test_the_head_stays_in_view_and_can_be_filtered() -> None:
    sheet = opened(many())["待办事项"]
    assert sheet.freeze_panes == "D2" and sheet.auto_filter.ref == "A1:R13"
    assert sheet.column_dimensions["C"].width > 30


def test_the_same_contents_are_the_same_file() -> None:
    assert attached(many()) == attached(many())


def test_the_nation_s_table_is_a_matrix_with_sums() -> None:
    cells = [("BOCOM", "320000", 10, 1), ("BOCOM", "330000", 10, 6), ("ICBC", "320000", 4, 2)]
    table = tuple(
        WeeklyCell(institution_code=code, department_code=place, open_needs=number, overdue_needs=late)
        for code, place, number, late in cells
    )
    book = opened(contents(posts=(NATION,), weekly_table=table, today=date(2026, 12, 8)))
    (sheet,) = book.worksheets
    assert [list(row) for row in sheet.iter_rows(values_only=True)] == [
        ["机构", "逾期", "在办", "占比", "浙江", "江苏"],
        ["交通银行", 7, 20, 0.35, 6, 1],
        ["中国工商银行", 2, 4, 0.5, None, 2],
        ["合计", 9, 24, 0.375, 6, 3],
    ]

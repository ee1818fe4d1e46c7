"""The list of needs in the console, and the same list as a file."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO

import sqlalchemy as sa
from openpyxl import load_workbook

from include.store.tables import need_version
from tests.support import rows
from tests.support.console import Console
from tests.support.need_stages import APPROVED, STAGES, fill_needs


def test_the_list_can_be_taken_along_as_a_file_without_formulas(console: Console, database: sa.Engine) -> None:
    fill_needs(database)
    with database.begin() as connection:
        rows.rewrite(
            connection,
            sa.update(need_version)
            .where(need_version.c.need_id == rows.need_id(APPROVED))
            .values(project_name="=HYPERLINK(1)"),
        )
    browser = console.log_in("guan", "viewer")
    address = "/green-finance/needs/export"
    table = browser.get(f"{address}/csv?department=440000")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    head, line = csv.reader(StringIO(table.content.decode("utf-8-sig")))
    told = dict(zip(head, line, strict=True))
    assert (told["需求编号"], told["融资需求（万元）"], told["阶段"]) == (rows.need_id(APPROVED), "45000.00", "已授信")
    assert told["项目"] == "'=HYPERLINK(1)"
    book = load_workbook(BytesIO(browser.get(f"{address}/xlsx?sort=amount").content))
    sheet = book.worksheets[0]
    assert sheet.max_row == 1 + len(STAGES)
    cells = {title.value: cell for title, cell in zip(sheet[1], sheet[2], strict=True)}
    assert (cells["融资需求（万元）"].value, cells["项目"].data_type) == (45000, "s")
    with database.connect() as connection:
        taken = connection.execute(
            sa.text("select object, details from audit_entry where action = 'export_list' order by entry_id")
        ).all()
    assert [object_ for object_, _ in taken] == ["需求", "需求"] and '"rows":1' in taken[0].details.replace(" ", "")

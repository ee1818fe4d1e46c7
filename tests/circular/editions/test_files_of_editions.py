from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from io import BytesIO, StringIO
from zipfile import ZipFile

import docx
import openpyxl
import pypdf
import pytest

from include.base.errors import ConfigurationError
from include.circular.editions import typesetting
from include.circular.editions.forms import FORMS, file_name
from include.circular.editions.model import Content
from tests.support.circulars import edition, snapshot, with_institution

HOSTILE = "=1+1 #panic() $x$ *粗* _斜_ @ref <b>&amp;</b> \\ `raw` ]"


@pytest.fixture(scope="module")
def internal() -> Content:
    return edition("internal", snapshot("2026Q2"))


@pytest.fixture(scope="module")
def hostile() -> Content:
    return edition("internal", of=with_institution(HOSTILE))


def _pdf(content: Content) -> pypdf.PdfReader:
    return pypdf.PdfReader(BytesIO(FORMS["pdf"].make(content)))


def _text(reader: pypdf.PdfReader) -> str:
    return "".join("".join(page.extract_text().split()) for page in reader.pages)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_same_figures_give_the_same_bytes(form: str, internal: Content) -> None:
    assert FORMS[form].make(internal) == FORMS[form].make(replace(internal))


@pytest.mark.parametrize("form", ["docx", "xlsx"])
def test_no_part_of_an_archive_bears_the_time_of_the_day(form: str, internal: Content) -> None:
    assert {part.date_time[0] for part in ZipFile(BytesIO(FORMS[form].make(internal))).infolist()} == {1980}


def test_the_pdf_has_the_parts_of_an_official_document(internal: Content) -> None:
    text = _text(_pdf(internal))
    for part in (
        "中国人民银行信贷市场司",
        "〔2026〕号",
        "关于2026年第三季度金融支持绿色工厂情况的通报",
        "一、总体情况",
    ):
        assert part in text
    assert "附件1" in text
    assert "附表1-1" in text


def test_every_page_of_the_pdf_has_its_number(internal: Content) -> None:
    for number, page in enumerate(_pdf(internal).pages, start=1):
        assert f"—{number}—" in "".join(page.extract_text().split())


def test_the_fonts_of_the_pdf_are_embedded(internal: Content) -> None:
    names = set()
    for page in _pdf(internal).pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descendant["/FontDescriptor"].get_object())
            names.add(str(descendant["/BaseFont"]).partition("+")[2])
    assert {name.partition("-Regular")[0] for name in names} == {"NotoSansSC", "NotoSerifSC"}


def test_a_missing_font_stops_the_pdf_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, internal: Content
) -> None:
    monkeypatch.setattr(typesetting, "_PACKAGE", "no_such_fonts")
    with pytest.raises(ConfigurationError, match="pylopdf-fonts-zh-cn"):
        FORMS["pdf"].make(internal)


def test_a_long_table_repeats_its_head_on_every_page() -> None:
    content = edition("internal")
    first, *others = content.attachments
    table = first.blocks[0]
    long = replace(table, rows=table.rows * 3)
    pages = _pdf(replace(content, attachments=(replace(first, blocks=(long,)), *others))).pages
    assert sum("通过金额" in page.extract_text() for page in pages) == 3


def test_the_docx_has_headings_tables_and_page_numbers(internal: Content) -> None:
    document = docx.Document(BytesIO(FORMS["docx"].make(internal)))
    headings = [one.text for one in document.paragraphs if one.style.name.startswith("Heading")]
    assert headings[0] == "一、总体情况"
    assert len(document.tables) == len(list(internal.tables()))
    assert len(document.inline_shapes) == len(list(internal.charts()))
    assert "PAGE" in document.sections[0].footer._element.xml
    for grid in document.tables:
        assert "w:tblHeader" in grid.rows[0]._tr.xml


def test_the_xlsx_has_real_numbers_and_charts_and_no_formula(internal: Content) -> None:
    book = openpyxl.load_workbook(BytesIO(FORMS["xlsx"].make(internal)))
    sheet = next(book[name] for name in book.sheetnames if "各地区对接与融资" in name)
    zhejiang = next(row for row in sheet.iter_rows() if row[0].value == "浙江")
    assert [zhejiang[1].value, zhejiang[6].value, zhejiang[7].value] == [40, 20, 0.5]
    assert [zhejiang[6].number_format, zhejiang[7].number_format] == ["#,##0.00", "0.0%"]
    assert sum(len(sheet._charts) for sheet in book) == len(list(internal.charts()))
    assert not any(cell.data_type == "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_the_public_xlsx_has_a_mark_where_a_cell_is_hidden() -> None:
    book = openpyxl.load_workbook(BytesIO(FORMS["xlsx"].make(edition())))
    sheet = next(book[name] for name in book.sheetnames if "各地区对接与融资" in name)
    assert next(row for row in sheet.iter_rows() if row[0].value == "西藏")[1].value == "*"


def test_the_html_needs_nothing_from_outside(internal: Content) -> None:
    page = FORMS["html"].make(internal).decode()
    assert not re.search(r"<script|url\(|@import|<link|src=|href=", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert page.count("<svg") == len(list(internal.charts()))


def test_hostile_text_stays_text_in_the_pdf(hostile: Content) -> None:
    assert "".join(HOSTILE.split()) in _text(_pdf(hostile))


def test_hostile_text_stays_text_in_the_docx(hostile: Content) -> None:
    document = docx.Document(BytesIO(FORMS["docx"].make(hostile)))
    assert any(cell.text == HOSTILE for grid in document.tables for cell in grid._cells)


def test_hostile_text_stays_text_in_the_xlsx(hostile: Content) -> None:
    book = openpyxl.load_workbook(BytesIO(FORMS["xlsx"].make(hostile)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value == HOSTILE]
    assert cells
    assert {cell.data_type for cell in cells} == {"s"}


def test_hostile_text_stays_text_in_html_csv_and_json(hostile: Content) -> None:
    page = FORMS["html"].make(hostile).decode()
    assert "&lt;b&gt;" in page
    assert "<b>&amp;" not in page
    lines = list(csv.reader(StringIO(FORMS["csv"].make(hostile).decode("utf-8-sig"))))
    assert any(line[1] == f"'{HOSTILE}" for line in lines)
    assert HOSTILE in json.dumps(json.loads(FORMS["json"].make(hostile)), ensure_ascii=False).replace("\\\\", "\\")


def test_no_form_of_the_public_edition_shows_what_only_the_internal_has() -> None:
    content = edition()
    text = _text(_pdf(content)) + FORMS["html"].make(content).decode() + FORMS["json"].make(content).decode()
    assert "排名" not in text
    assert "内部" not in text


def test_files_are_named_after_quarter_and_edition() -> None:
    assert file_name(edition(), "pdf") == "2026Q3_金融支持绿色工厂信息通报_公开版.pdf"
    assert "内部版" in file_name(edition("internal"), "pdf")

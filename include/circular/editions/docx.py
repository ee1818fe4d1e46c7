"""The edition as DOCX, for the office that must edit it: real headings, tables and page numbers, by python-docx.

Fonts are named as official documents use them (仿宋, 黑体, 楷体, 宋体); the program that opens the file supplies them.
"""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.document import Document
from docx.enum.section import WD_SECTION
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import _Cell
from docx.text.paragraph import Paragraph as Written
from docx.text.run import Run

from include.base.business_time import SHANGHAI
from include.circular.editions.charts import svg
from include.circular.editions.model import (
    Block,
    Cell,
    Chart,
    Column,
    Content,
    Heading,
    Paragraph,
    Table,
    TileMap,
    shown,
)
from include.circular.editions.printable import half_characters, signing_date
from include.circular.editions.typesetting import typeset

_RED = RGBColor(0xC8, 0x10, 0x2E)
_BODY, _TITLE, _HEADINGS = "仿宋", "宋体", ("黑体", "楷体", "仿宋")
_TEXT_WIDTH = 156
_ONE_PAGE = 20
"""Rows from which on a table starts on a page of its own."""
_LONG = 40
"""Half characters from which on a column gets the room that is left."""


def docx_file(content: Content) -> bytes:
    """The DOCX; the same content gives the same bytes."""
    document = docx.Document()
    _set_up(document, content)
    _written(document, content.mark, _HEADINGS[0])
    for issuer in content.issuers:
        paragraph = _written(document, issuer, _TITLE, size=26, bold=True, colour=_RED)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.DISTRIBUTE
        paragraph.paragraph_format.line_spacing = Pt(40)
    _underlined(_centred(_written(document, content.number, _BODY)))
    for line in content.title_lines:
        _centred(_written(document, line, _TITLE, size=22, bold=True)).paragraph_format.space_before = Pt(10)
    _written(document, content.addressees, _BODY).paragraph_format.space_before = Pt(20)
    for block in content.blocks:
        _add(document, block, content)
    # The last paragraph stays with the signature: a page of signatures alone is not signed.
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    _close(document, content)
    for number, attachment in enumerate(content.attachments, start=1):
        label = _written(document, "", _HEADINGS[0])
        label.add_run().add_break(WD_BREAK.PAGE)
        _font(label.add_run(f"附件{number}"), _HEADINGS[0], 16)
        _centred(_written(document, attachment.title, _TITLE, size=20, bold=True))
        for at, block in enumerate(attachment.blocks):
            caption = len(document.paragraphs)
            _add(document, block, content)
            if at > 0 and isinstance(block, Table) and len(block.rows) > _ONE_PAGE:
                document.paragraphs[caption].paragraph_format.page_break_before = True
    return _settled(document)


def _set_up(document: Document, content: Content) -> None:
    section = document.sections[0]
    section.start_type = WD_SECTION.NEW_PAGE
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    normal = document.styles["Normal"]
    normal.font.size = Pt(16)
    _name_fonts(normal.element.get_or_add_rPr(), _BODY)
    normal.paragraph_format.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    normal.paragraph_format.line_spacing = Pt(28.5)
    normal.paragraph_format.space_after = Pt(0)
    footer = _centred(section.footer.paragraphs[0])
    _font(footer.add_run("— "), _TITLE, 14)
    _page_number(footer)
    _font(footer.add_run(" —"), _TITLE, 14)
    at = content.as_of.astimezone(SHANGHAI).replace(tzinfo=None)
    core = document.core_properties
    core.title, core.author, core.last_modified_by = content.title, "、".join(content.issuers), ""
    core.created, core.modified, core.comments = at, at, ""


def _add(document: Document, block: Block, content: Content) -> None:
    match block:
        case Heading():
            paragraph = document.add_heading(level=block.level)
            run = paragraph.add_run(block.text)
            _font(run, _HEADINGS[block.level - 1], 16, bold=block.level == 2, colour=RGBColor(0, 0, 0))
            paragraph.paragraph_format.first_line_indent = Pt(32)
            paragraph.paragraph_format.space_before = Pt(6)
        case Paragraph():
            _written(document, block.text, _BODY).paragraph_format.first_line_indent = Pt(32)
        case Table():
            _table(document, block)
        case _:
            _picture(document, block, content)


def _picture(document: Document, chart: Chart, content: Content) -> None:
    title = _centred(_written(document, chart.title, _HEADINGS[0], size=10.5))
    title.paragraph_format.keep_with_next = True
    png = typeset("chart.typ", {"svg": svg(chart)}, "png", at=int(content.as_of.timestamp()))
    paragraph = _centred(document.add_paragraph())
    paragraph.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    paragraph.add_run().add_picture(BytesIO(png), width=Mm(118 if isinstance(chart, TileMap) else _TEXT_WIDTH))


def _table(document: Document, table: Table) -> None:
    caption = _written(
        document, f"{table.title}{f'（单位：{table.unit}）' if table.unit else ''}", _HEADINGS[0], size=10.5
    )
    caption.paragraph_format.keep_with_next = True
    rows = [*table.rows, *([table.total] if table.total else [])]
    grid = document.add_table(rows=1 + len(rows), cols=len(table.columns), style="Table Grid")
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    grid.autofit = False
    for column, width in zip(grid.columns, _widths(table), strict=True):
        column.width = width
    lines = [[column.title for column in table.columns], *(_texts(row, table.columns) for row in rows)]
    cells = grid._cells  # one pass: row.cells is quadratic
    for at, line in enumerate(lines):
        last = table.total is not None and at == len(lines) - 1
        for place, (text, column) in enumerate(zip(line, table.columns, strict=True)):
            _fill(cells[at * len(line) + place], text, column, bold=at == 0 or last)
    for at, row in enumerate(grid.rows):
        _mark(row._tr.get_or_add_trPr(), "w:cantSplit")
        if at == 0:
            _mark(row._tr.get_or_add_trPr(), "w:tblHeader")
    document.add_paragraph().paragraph_format.line_spacing = Pt(10)


def _texts(row: tuple[Cell, ...], columns: tuple[Column, ...]) -> list[str]:
    return [shown(cell, column.kind) for cell, column in zip(row, columns, strict=True)]


def _widths(table: Table) -> list[Mm]:
    """Widths over the text area, in proportion to the longest text of each column, long ones capped."""
    lines = [[column.title for column in table.columns], *(_texts(row, table.columns) for row in table.rows)]
    longest = [max(half_characters(line[at]) for line in lines) for at in range(len(table.columns))]
    weights = [min(max(width, 6), 2 * _LONG) if width > _LONG else max(min(width, 22), 6) for width in longest]
    return [Mm(_TEXT_WIDTH * weight / sum(weights)) for weight in weights]


def _fill(cell: _Cell, text: str, column: Column, *, bold: bool) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if column.kind == "text" else WD_ALIGN_PARAGRAPH.RIGHT
    _font(paragraph.add_run(text), _TITLE, 8, bold=bold)
    margins = OxmlElement("w:tcMar")
    for side in ("left", "right"):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), "40")
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    cell._tc.get_or_add_tcPr().append(margins)


def _close(document: Document, content: Content) -> None:
    for number, attachment in enumerate(content.attachments, start=1):
        paragraph = _written(document, f"{'附件：' if number == 1 else ''}{number}. {attachment.title}", _BODY)
        paragraph.paragraph_format.first_line_indent = Pt(32 if number == 1 else 80)
        paragraph.paragraph_format.keep_with_next = True
        paragraph.paragraph_format.space_before = Pt(14 if number == 1 else 0)
    for at, text in enumerate((*content.issuers, signing_date(content))):
        signature = _written(document, text, _BODY)
        signature.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        signature.paragraph_format.right_indent = Pt(64 if at == len(content.issuers) else 32)
        signature.paragraph_format.space_before = Pt(40 if at == 0 else 0)
        signature.paragraph_format.keep_with_next = at < len(content.issuers)


def _written(
    document: Document, text: str, font: str, *, size: float = 16, bold: bool = False, colour: RGBColor | None = None
) -> Written:
    paragraph = document.add_paragraph()
    if text:
        _font(paragraph.add_run(text), font, size, bold=bold, colour=colour)
    return paragraph


def _font(run: Run, name: str, size: float, *, bold: bool = False, colour: RGBColor | None = None) -> None:
    run.font.size, run.font.bold = Pt(size), bold
    if colour is not None:
        run.font.color.rgb = colour
    _name_fonts(run._r.get_or_add_rPr(), name)


def _name_fonts(properties: object, name: str) -> None:
    """East Asian texts in `name`; digits and Latin in Times New Roman, as offices set them."""
    fonts = properties.get_or_add_rFonts()  # type: ignore[attr-defined]
    for kind, font in (("ascii", "Times New Roman"), ("hAnsi", "Times New Roman"), ("eastAsia", name)):
        fonts.set(qn(f"w:{kind}"), font)
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)


def _centred(paragraph: Written) -> Written:
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    return paragraph


def _underlined(paragraph: Written) -> None:
    """The red line below the number of the document."""
    borders, line = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "12"), ("space", "6"), ("color", str(_RED))):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    paragraph._p.get_or_add_pPr().insert_element_before(borders, "w:spacing", "w:ind", "w:jc", "w:rPr")


def _page_number(paragraph: Written) -> None:
    run = paragraph.add_run()
    _font(run, _TITLE, 14)
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = text
        run._r.append(part)


def _mark(properties: object, name: str) -> None:
    properties.append(OxmlElement(name))  # type: ignore[attr-defined]


def _settled(document: Document) -> bytes:
    """The file with one fixed date on every part of the archive: python-docx writes the time of the day there."""
    written, settled = BytesIO(), BytesIO()
    document.save(written)
    with ZipFile(written) as source, ZipFile(settled, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            part.compress_type = ZIP_DEFLATED
            target.writestr(part, source.read(name))
    return settled.getvalue()

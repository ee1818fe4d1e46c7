"""The forms in which an edition can be had, each as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.circular.editions.data import csv_of_tables, json_file
from include.circular.editions.docx import docx_file
from include.circular.editions.html import html
from include.circular.editions.model import Content
from include.circular.editions.pdf import pdf
from include.circular.editions.xlsx import xlsx_file
from include.words.spreadsheet import CSV, XLSX

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True, slots=True)
class Form:
    """A form by the ending of its files: for people its name, for browsers its type."""

    name: str
    media_type: str
    make: Callable[[Content], bytes]


FORMS = {
    "pdf": Form("PDF", "application/pdf", pdf),
    "docx": Form("Word", DOCX, docx_file),
    "xlsx": Form("Excel", XLSX, xlsx_file),
    "html": Form("HTML", "text/html; charset=utf-8", html),
    "csv": Form("CSV", CSV, csv_of_tables),
    "json": Form("JSON", "application/json", json_file),
}


def file_name(content: Content, ending: str) -> str:
    """E.g. 2026Q3_金融支持绿色工厂信息通报_公开版.pdf."""
    edition = "内部版" if content.kind == "internal" else "公开版"
    return f"{content.quarter}_金融支持绿色工厂信息通报_{edition}.{ending}"

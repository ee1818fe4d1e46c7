"""Support tools (支持工具) in words: what they offer, until when, and by which paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from include.reference.support_tools import SupportTool, tools_for
from include.words.moments import long_day


def support_lines(reason_code: str, day: date) -> list[str]:
    """The tools in force on `day` for this obstruction, one line each; none if there are none."""
    return [support_line(tool) for tool in tools_for(reason_code, day)]


def support_line(tool: SupportTool) -> str:
    """E.g. 民间投资专项担保计划（财金〔2026〕6号，有效期至2027年12月31日）：… 适用：…"""
    until = f"，有效期至{long_day(tool.until)}" if tool.until else ""
    return f"{tool.name}（{_document(tool)}{until}）：{tool.offers}。适用：{tool.conditions}"


def support_names(reason_codes: Sequence[str], day: date) -> list[str]:
    """The tools in force on `day` for any of these causes, each once, by name, paper and last day."""
    found = {tool.code: tool for code in reason_codes for tool in tools_for(code, day)}
    return [_short(tool) for tool in found.values()]


def _short(tool: SupportTool) -> str:
    until = f"，至{long_day(tool.until)}" if tool.until else ""
    return f"{tool.name}（{_document(tool)}{until}）"


def _document(tool: SupportTool) -> str:
    return tool.document.replace("PBoC", "中国人民银行")

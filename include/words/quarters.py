"""A quarter (季度) for readers."""

from __future__ import annotations

from include.domain.quarter import Quarter


def quarter_label(quarter: Quarter | str) -> str:
    """E.g. 2026年第三季度."""
    found = Quarter.parse(quarter) if isinstance(quarter, str) else quarter
    return f"{found.year}年第{'一二三四'[found.number - 1]}季度"

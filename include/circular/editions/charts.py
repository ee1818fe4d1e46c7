"""Charts as SVG: made once from data, the same bytes each time, for HTML and PDF alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from html import escape
from itertools import pairwise

from include.circular.editions.model import Cell, Chart, Funnel, Hidden, Stacked, TileMap, Trend, shown

FONTS = "'Noto Sans SC','Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',sans-serif"
_INK, _SOFT, _LINE, _BAND = "#1d2321", "#5b6663", "#c9d1ce", "#eef2f0"
_PARTS = ("#1f5f4a", "#4f8f74", "#93bfa9", "#d7c48a", "#d9dedc")
_SERIES = ("#7a8b86", "#c07f2a", "#1f5f4a")
_WIDTH = 860


def svg(chart: Chart) -> str:
    """The chart as a whole SVG document, 860 units wide, without a title: that stands in the text."""
    match chart:
        case Funnel():
            return _document(_funnel(chart), 34 * len(chart.steps) + 34, chart.title)
        case TileMap():
            return _document(_tile_map(chart), 64 * max(tile.row for tile in chart.tiles) + 40, chart.title)
        case Stacked():
            return _document(_stacked(chart), 24 * len(chart.rows) + 60, chart.title)
        case Trend():
            return _document(_trend(chart), 330, chart.title)


def _document(parts: Iterable[str], height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{escape(title)}" font-family="{FONTS}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, *, size: int = 16, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{_unit(x)}" y="{_unit(y)}" width="{_unit(width)}" height="{_unit(height)}" fill="{colour}"/>'


def _line(points: tuple[float, float, float, float], colour: str, width: str = "1") -> str:
    x1, y1, x2, y2 = (_unit(one) for one in points)
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{width}"/>'


def _unit(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _number(cell: Cell) -> float:
    """0 for what may not be seen."""
    return float(cell) if isinstance(cell, int | Decimal) else 0.0


def _funnel(chart: Funnel) -> Iterator[str]:
    most = max((_number(step.count) for step in chart.steps), default=0) or 1
    for x, title in ((640, "需求（项）"), (745, "金额（亿元）"), (_WIDTH, "占推送需求")):
        yield _text(x, 16, title, size=15, anchor="end", colour=_SOFT)
    for at, step in enumerate(chart.steps):
        top = 28 + at * 34
        yield _text(0, top + 18, step.label)
        yield _rect(170, top + 3, 400, 21, _BAND)
        yield _rect(170, top + 3, 400 * _number(step.count) / most, 21, _PARTS[0 if at < 3 else 1 if at < 6 else 2])
        yield _text(640, top + 18, shown(step.count, "count"), anchor="end")
        yield _text(745, top + 18, "" if step.amount is None else shown(step.amount, "amount"), anchor="end")
        yield _text(_WIDTH, top + 18, "" if step.share is None else shown(step.share, "rate"), anchor="end")


def _tile_map(chart: TileMap) -> Iterator[str]:
    most = max((_number(tile.value) for tile in chart.tiles), default=0) or 1
    for tile in chart.tiles:
        left, top = (tile.column - 1) * 78 + 2, (tile.row - 1) * 64
        share = _number(tile.value) / most
        colour = "#ffffff" if share > 0.45 else _INK
        known = isinstance(tile.value, int | Decimal)
        yield _rect(left, top, 74, 60, _shade(share) if known else "#ffffff")
        if not known:
            yield (
                f'<rect x="{left + 0.5:g}" y="{top + 0.5:g}" width="73" height="59" fill="none" stroke="{_LINE}" '
                'stroke-dasharray="3 2"/>'
            )
        yield _text(left + 37, top + 25, tile.name, anchor="middle", colour=colour)
        yield _text(
            left + 37,
            top + 47,
            shown(tile.value, chart.kind),
            size=15,
            anchor="middle",
            colour=colour,
        )
    bottom = 64 * max(tile.row for tile in chart.tiles) + 8
    for at in range(5):
        yield _rect(2 + at * 30, bottom, 30, 12, _shade(at / 4))
    most_shown = max((tile.value for tile in chart.tiles if isinstance(tile.value, int | Decimal)), default=None)
    yield _text(160, bottom + 11, f"0 至 {shown(most_shown, chart.kind)}", size=14, colour=_SOFT)
    if any(isinstance(tile.value, Hidden) for tile in chart.tiles):
        yield _text(300, bottom + 11, "* 不予公开", size=14, colour=_SOFT)


def _shade(share: float) -> str:
    """From nearly white to the house's green."""
    low, high = (0xEE, 0xF2, 0xF0), (0x1F, 0x5F, 0x4A)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


def _stacked(chart: Stacked) -> Iterator[str]:
    left = 170
    for part, colour in zip(chart.parts, _PARTS, strict=True):
        yield _rect(left, 8, 14, 14, colour)
        yield _text(left + 20, 20, part, size=15)
        left += 124
    most = max(sum(values) for _, values in chart.rows)
    for at, (name, values) in enumerate(chart.rows):
        top, x = 36 + at * 24, 190.0
        yield _text(182, top + 14, name, size=15, anchor="end")
        for value, colour in zip(values, _PARTS, strict=True):
            width = 600 * value / most
            if value:
                yield _rect(x, top, width, 18, colour)
            x += width
        yield _text(x + 8, top + 14, f"{sum(values):,}", size=14, colour=_SOFT)


def _trend(chart: Trend) -> Iterator[str]:
    left, right, top, bottom = 56, 740, 20, 280
    most = max((_number(cell) for _, cells in chart.series for cell in cells), default=0)
    ceiling = next(step for step in (0.05, 0.1, 0.2, 0.5, 1.0) if most <= step) if most <= 1 else most
    step = (right - left) / max(len(chart.quarters) - 1, 1)
    for at in range(6):
        y = bottom - (bottom - top) * at / 5
        yield _line((left, y, right, y), _LINE)
        yield _text(left - 8, y + 4, f"{ceiling * at * 20:.0f}%", size=14, anchor="end", colour=_SOFT)
    for at, quarter in enumerate(chart.quarters):
        yield _text(left + at * step, bottom + 22, quarter, size=14, anchor="middle", colour=_SOFT)
    ends: list[tuple[float, str, str]] = []
    for (name, cells), colour in zip(chart.series, _SERIES, strict=True):
        points = [
            (left + at * step, bottom - (bottom - top) * _number(cell) / ceiling)
            for at, cell in enumerate(cells)
            if isinstance(cell, int | Decimal)
        ]
        for before, after in pairwise(points):
            yield _line((*before, *after), colour, "2.5")
        for x, y in points:
            yield f'<circle cx="{_unit(x)}" cy="{_unit(y)}" r="4" fill="{colour}"/>'
        if points and isinstance(cells[-1], Decimal):
            ends.append((points[-1][1] + 5, f"{name} {shown(cells[-1], 'rate')}", colour))
    lowest = float(top)
    for y, label, colour in sorted(ends):
        lowest = max(y, lowest + 17)
        yield _text(right + 12, lowest, label, size=15, colour=colour)

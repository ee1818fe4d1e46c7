"""What the charts of an edition show, as data; only what its tables show too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from include.circular.editions.cells import Row
from include.circular.editions.model import Cell, Funnel, Stacked, Step, Tile, TileMap, Trend
from include.circular.editions.snapshot import Snapshot
from include.circular.editions.tables import (
    RANKED_FROM,
    department_name,
    department_rows,
    institution_name,
    institution_rows,
    nation,
)
from include.reference.tile_map import tiles

TREND_QUARTERS = 8


def funnel(snapshot: Snapshot) -> Funnel:
    """The steps from recommendation to money."""
    row = nation(snapshot)
    steps = (
        Step("主管部门推荐", row.count("recommended"), None, None),
        Step("核验通过", row.count("passed"), row.amount("passed"), None),
        Step("推送信贷市场服务平台", row.count("pushed"), row.amount("pushed"), None),
        Step("金融机构有反馈", row.count("answered"), None, row.rate("answered", "pushed")),
        Step("已联系企业", row.count("contacted"), None, row.rate("contacted", "pushed")),
        Step("已受理申请", row.count("accepted"), None, row.rate("accepted", "pushed")),
        Step("已获授信", row.count("approved"), row.amount("approved"), row.rate("approved", "pushed")),
        Step("已签合同", row.count("contracted"), row.amount("contracted"), row.rate("contracted", "pushed")),
        Step("已放款", row.count("drawn"), row.amount("drawn"), row.rate("drawn", "pushed")),
    )
    return Funnel("从推荐到放款", steps)


def recommended_map(snapshot: Snapshot) -> TileMap:
    """Recommended needs of each department."""
    return TileMap(
        "各地区推荐需求（项）", "count", _tiles(department_rows(snapshot), lambda row: row.count("recommended"))
    )


def landing_map(snapshot: Snapshot) -> TileMap:
    """Landing rate of each department with enough pushed needs."""
    return TileMap("各地区落地率", "rate", _tiles(department_rows(snapshot), _landing))


def _landing(row: Row) -> Cell:
    return row.rate("drawn", "pushed") if row.number("pushed") >= RANKED_FROM else None


def _tiles(rows: Sequence[Row], value: Callable[[Row], Cell]) -> tuple[Tile, ...]:
    places = tiles()
    return tuple(Tile(department_name(row.key), *places[row.key], value(row)) for row in rows)


def outcomes(snapshot: Snapshot) -> Stacked:
    """How far the cases of each institution came: every case in the furthest part that it reached."""
    reached = ("drawn", "approved", "accepted", "answered", "cases")
    rows = []
    for row in institution_rows(snapshot):
        if row.number("cases") and not row.hides(*reached):
            numbers = [row.number(name) for name in reached]
            parts = [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
            rows.append((institution_name(row.key), tuple(max(part, 0) for part in parts)))
    return Stacked(
        "各金融机构对接进展（项次）", ("已放款", "授信未放款", "受理未授信", "反馈未受理", "未反馈"), tuple(rows)
    )


def trend(snapshot: Snapshot, history: Sequence[Snapshot]) -> Trend:
    """The nation's rates over up to eight quarters."""
    shown = [*history, snapshot][-TREND_QUARTERS:]
    series = (
        ("反馈率", tuple(nation(one).rate("answered", "pushed") for one in shown)),
        ("授信率", tuple(nation(one).rate("approved", "pushed") for one in shown)),
        ("落地率", tuple(nation(one).rate("drawn", "pushed") for one in shown)),
    )
    return Trend("近几个季度的反馈率、授信率和落地率", tuple(one.figures.quarter for one in shown), series)

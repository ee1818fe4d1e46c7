from __future__ import annotations

import json
from decimal import Decimal

import pytest

from include.base.errors import InvalidRequest
from include.circular import disclosure
from include.circular.editions.charts import svg
from include.circular.editions.model import Content, Heading, Hidden, Paragraph, Table, Trend, shown
from include.circular.editions.numbering import chinese
from include.circular.editions.snapshot import from_stored
from include.circular.stage import as_json
from tests.support.circulars import edition, snapshot


def _table(content: Content, title: str) -> Table:
    return next(table for table in content.tables() if title in table.title)


def _row(table: Table, name: str) -> tuple[object, ...]:
    return next(row for row in table.rows if row[0] == name)


def _text(content: Content) -> str:
    return "\n".join(block.text for block in content.blocks if isinstance(block, Paragraph | Heading))


def test_the_public_edition_hides_small_cells_and_the_amounts_that_rest_on_them() -> None:
    tibet = _row(_table(edition(), "对接与融资"), "西藏")
    assert tibet[1:6] == (Hidden.SMALL,) * 5
    assert tibet[6:8] == (Hidden.SMALL, Hidden.SMALL)


def test_the_public_edition_hides_what_disclosure_hides_and_nothing_else() -> None:
    usual = snapshot()
    table = _table(edition(), "报送与核验")
    for place, row in enumerate(usual.figures.departments):
        for column, name in ((2, "recommended"), (3, "passed"), (5, "returned"), (6, "pending"), (7, "pushed")):
            hidden = (row.department_code, name) in usual.hidden
            assert (table.rows[place][column] is Hidden.SMALL) == hidden


def test_the_internal_edition_hides_nothing() -> None:
    content = edition("internal")
    assert not any(cell is Hidden.SMALL for table in content.tables() for row in table.rows for cell in row)
    assert _row(_table(content, "对接与融资"), "西藏")[1] == 2


def test_only_the_internal_edition_has_branches_and_ranks() -> None:
    titles = [one.title for one in edition().attachments]
    assert not any("分行" in title or "排名" in title for title in titles)
    assert [title for title in (one.title for one in edition("internal").attachments) if title not in titles] == [
        "中国人民银行各分行辖区情况",
        "排名与较上季变化",
    ]


def test_ranks_start_at_five_pushed_needs_and_ties_share_them() -> None:
    ranking = _table(edition("internal", of=snapshot(d330000=20, d320000=15, d110000=2, d440000=1)), "各地区落地率排名")
    ranks = {row[0]: row[1] for row in ranking.rows}
    assert (ranks["浙江"], ranks["江苏"], ranks["北京"], ranks["广东"], ranks["西藏"]) == (1, 1, 3, 4, None)


def test_the_change_is_in_percentage_points_on_the_quarter_before() -> None:
    content = edition("internal", snapshot("2026Q2", d330000=4), of=snapshot(d330000=10))
    zhejiang = _row(_table(content, "各地区落地率排名"), "浙江")
    assert [shown(zhejiang[7], "change"), shown(zhejiang[5], "change")] == ["▲15.0", "持平"]
    assert "落地率上升5.7个百分点" in _text(content)


def test_without_the_quarter_before_there_is_no_change() -> None:
    content = edition("internal", snapshot("2026Q1"))
    assert {row[7] for row in _table(content, "各地区落地率排名").rows} == {None}
    assert "与上季度通报相比" not in _text(content)


def test_branches_add_up_to_the_nation() -> None:
    table = _table(edition("internal"), "各分行")
    assert table.total is not None
    for column in (1, 2, 5, 6, 8):
        assert (
            sum(Decimal(row[column]) for row in table.rows if isinstance(row[column], int | Decimal))
            == table.total[column]
        )


def test_amounts_of_held_needs_are_counted_apart() -> None:
    assert "5个推荐了需求，32个零报送，0个未报送" in _text(edition())
    assert "金额均未计入" in _text(edition())


def test_headings_are_numbered_as_in_official_documents() -> None:
    headings = [block.text for block in edition().blocks if isinstance(block, Heading)]
    assert headings[:3] == ["一、总体情况", "二、报送与对接进展", "（一）各地区报送情况"]
    assert [chinese(number) for number in (1, 10, 11, 20, 21)] == ["一", "十", "十一", "二十", "二十一"]


def test_the_trend_has_at_most_eight_quarters() -> None:
    history = [snapshot(f"{year}Q{number}") for year in (2024, 2025) for number in (1, 2, 3, 4)]
    trend = next(chart for chart in edition("public", *history).charts() if isinstance(chart, Trend))
    assert (len(trend.quarters), trend.quarters[-1]) == (8, "2026Q3")


def test_the_same_figures_give_the_same_charts() -> None:
    for kind in ("public", "internal"):
        first, second = (edition(kind, snapshot("2026Q2")) for _ in range(2))
        assert [svg(chart) for chart in first.charts()] == [svg(chart) for chart in second.charts()]


def test_a_chart_shows_no_number_that_is_hidden() -> None:
    tile = next(
        tile for chart in edition().charts() if hasattr(chart, "tiles") for tile in chart.tiles if tile.name == "西藏"
    )
    assert tile.value is Hidden.SMALL


def test_stored_figures_come_back_as_they_were() -> None:
    usual = snapshot()
    content = as_json(usual.figures) | {"shown": disclosure.as_json(disclosure.suppressed(usual.figures, minimum=3))}
    assert from_stored(json.loads(json.dumps(content))) == usual


def test_figures_of_another_shape_are_refused_in_words() -> None:
    with pytest.raises(InvalidRequest, match="重新发布"):
        from_stored({"quarter": "2026Q3"})

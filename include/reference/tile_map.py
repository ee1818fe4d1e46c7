"""A map of tiles (方格地图) of the departments: each one square, about where it lies, so that small ones are as visible as large ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from include.reference import departments

_ROWS = """
. . . . . . . . 黑龙江 .
新疆 兵团 . . . 内蒙古 . . 吉林 .
. . 甘肃 宁夏 山西 北京 天津 . 辽宁 大连
. 青海 . 陕西 河南 河北 山东 青岛 . .
西藏 . 四川 重庆 湖北 安徽 江苏 上海 . .
. . 贵州 湖南 江西 . 浙江 宁波 . .
. 云南 广西 广东 福建 厦门 . . . .
. . . 深圳 . . . . . .
. . . 海南 . . . . . .
"""


def tiles() -> Mapping[str, tuple[int, int]]:
    """Department code → column and row of its tile, both from 1."""
    places = {
        name: (column, row)
        for row, line in enumerate(_ROWS.split("\n")[1:-1], start=1)
        for column, name in enumerate(line.split(), start=1)
        if name != "."
    }
    return MappingProxyType({code: places[one.short_name] for code, one in departments().items()})

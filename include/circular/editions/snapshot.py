"""The circular's figures as they were stored, with the cells that the public may not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from include.base.errors import InvalidRequest
from include.circular.disclosure import from_json
from include.circular.figures import CircularFigures
from include.circular.suppression import Cell as Place


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Figures of one quarter, and the cells (row, column) hidden in public."""

    figures: CircularFigures
    hidden: frozenset[Place]


def from_stored(content: Mapping[str, Any]) -> Snapshot:
    """The figures of a published circular. Raises InvalidRequest if an older release stored them in another shape."""
    try:
        return Snapshot(msgspec.convert(content, CircularFigures), from_json(content["shown"]).hidden)
    except (msgspec.ValidationError, KeyError) as problem:
        raise InvalidRequest("该通报由较早的版本发布，无法生成文件。", "请重新发布该季度的通报后再下载。") from problem

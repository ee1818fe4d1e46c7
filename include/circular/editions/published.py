"""The editions of a published circular, made from its stored figures and those of the quarters before it."""

from __future__ import annotations

import sqlalchemy as sa

from include.base.errors import NotFound
from include.circular.editions.content import edition_content
from include.circular.editions.model import Content, EditionKind
from include.circular.editions.pictures import TREND_QUARTERS
from include.circular.editions.snapshot import from_stored
from include.reference import Policy
from include.store.reports import figures_in_force


def published_edition(connection: sa.Connection, quarter: str, kind: EditionKind, policy: Policy) -> Content:
    """The edition in force of `quarter`. Raises NotFound if its circular is not published."""
    found = figures_in_force(connection, "circular", until=quarter, most=TREND_QUARTERS)
    if not found or found[-1].quarter != quarter:
        raise NotFound(f"{quarter} 的通报尚未发布。", "请在通报发布后再下载。")
    *history, current = (from_stored(row.figures) for row in found)
    return edition_content(current, history, kind, policy)

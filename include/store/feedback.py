"""Stored feedback events, for the stages that fold them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from include.domain.case import FeedbackEvent

_FIELDS = frozenset(FeedbackEvent.__struct_fields__)


def stored_event(row: sa.Row[Any]) -> FeedbackEvent:
    """The event in a row of the view counted_feedback; the row may have further columns."""
    return FeedbackEvent(**{name: value for name, value in row._mapping.items() if name in _FIELDS})

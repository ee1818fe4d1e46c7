"""The frame of suite `batch`: what intake counts of a department's quarter, and what the department stop asks of it (B08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SUITE = "batch"
COLUMNS = (
    "manifest_rows",
    "count_difference",
    "need_difference",
    "zero_return_contradictions",
    "needs",
    "needs_before",
    "unread",
    "reported_seconds_late",
    "returned",
    "judged",
    "manifest_faults",
    "unaccounted",
    "round_benefits",
    "benefits",
)


def batch_frame(rows: Sequence[Mapping[str, int | None]]) -> pd.DataFrame:
    """The frame of suite `batch`; columns that a row does not name are missing."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype="Int64") for name in COLUMNS})

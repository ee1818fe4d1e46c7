"""Name the pauses of a clock by that word"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rename the column; what it holds stays."""
    op.alter_column("case_clock", "stood_still", new_column_name="pauses")

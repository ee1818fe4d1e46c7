"""Store with each need which version of the catalogue its code is an entry of"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Needs that are stored already keep null: it was the version of 2025, the only one so far."""
    op.add_column(
        "need_version",
        sa.Column("catalogue_version", sa.Text, comment="of the catalogue whose entry is named; null if none is named"),
    )

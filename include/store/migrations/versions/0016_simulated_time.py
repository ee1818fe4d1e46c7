"""Simulated time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "simulated_time",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_simulated_time_single")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_simulated_time")),
        comment="How far runs of the sandbox have moved business time; empty outside it",
    )

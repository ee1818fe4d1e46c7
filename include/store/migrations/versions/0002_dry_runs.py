"""Keep what dry runs judge in the database: validation pages are made from it when somebody asks for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; the pages that were stored before are dropped, since nothing shows them any more."""
    op.create_table(
        "dry_run_judgement",
        sa.Column("quarter", sa.Text, primary_key=True),
        sa.Column("department_code", sa.Text, primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True, comment="place in the listing"),
        sa.Column("need_id", sa.Text),
        sa.Column("revision", sa.Integer),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("findings", sa.Text, nullable=False, comment="[{rule_id, field, severity}] as JSON text"),
        sa.Column("ruleset_version", sa.Text, nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict in ('passed', 'held', 'returned')", name="ck_dry_run_judgement_verdict"),
        comment="What the newest dry run of a department's quarter judged; no verdict, and nothing follows from it",
    )

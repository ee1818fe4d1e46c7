"""Quarters of needs that can be counted with"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        "update need_version version set quarter = listed.quarter from intake listed "
        "where listed.intake_id = version.intake_id and version.quarter !~ '^20[0-9]{2}Q[1-4]$'"
    )
    op.alter_column(
        "need_version",
        "quarter",
        existing_type=sa.Text(),
        existing_nullable=False,
        comment="as filed; where that is unusable, as listed",
    )
    op.create_check_constraint(op.f("ck_need_version_quarter"), "need_version", "quarter ~ '^20[0-9]{2}Q[1-4]$'")

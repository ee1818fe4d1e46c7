"""Reruns taken back"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "rerun_job",
        sa.Column(
            "request_key", sa.Text(), nullable=True, comment="of one request to start: asking again starts nothing new"
        ),
    )
    op.create_unique_constraint(op.f("uq_rerun_job_request_key"), "rerun_job", ["request_key"])
    op.add_column("rerun_item", sa.Column("next_attempt_before", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "rerun_item",
        sa.Column("lease_until_before", sa.DateTime(timezone=True), nullable=True, comment="real clock"),
    )
    op.drop_constraint(op.f("ck_delivery_attempt_kind"), "delivery_attempt", type_="check")
    op.create_check_constraint(
        op.f("ck_delivery_attempt_kind"), "delivery_attempt", "kind in ('send', 'look_up', 'check')"
    )

"""Acknowledged breaches"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "escalation_acknowledgement",
        sa.Column("acknowledgement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("institution_code", sa.Text(), server_default="", nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("breach", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False, comment="the highest that had been told"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("acknowledgement_id", name=op.f("pk_escalation_acknowledgement")),
        comment="A breach taken on by the coordinators; the newest counts",
    )
    op.create_index(
        op.f("ix_escalation_acknowledgement_need_id"), "escalation_acknowledgement", ["need_id"], unique=False
    )

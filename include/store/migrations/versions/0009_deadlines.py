"""Deadlines"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "policy_snapshot",
        sa.Column("policy_sha256", sa.Text(), nullable=False),
        sa.Column(
            "content",
            sa.Text(),
            nullable=False,
            comment="canonical JSON: limits, those of single institutions, policy",
        ),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("policy_sha256", name=op.f("pk_policy_snapshot")),
        comment="The policy as it stood when cases opened",
    )
    op.create_table(
        "case_policy",
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("institution_code", sa.Text(), nullable=False),
        sa.Column("policy_sha256", sa.Text(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_sha256"], ["policy_snapshot.policy_sha256"], name=op.f("fk_case_policy_policy_sha256")
        ),
        sa.PrimaryKeyConstraint("need_id", "institution_code", name=op.f("pk_case_policy")),
        comment="By which policy the clocks of a case are counted, from its opening on",
    )
    op.create_table(
        "due_date_change",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("institution_code", sa.Text(), nullable=False),
        sa.Column("from_type", sa.Text(), nullable=False),
        sa.Column("to_type", sa.Text(), nullable=False),
        sa.Column("day0", sa.Date(), nullable=False),
        sa.Column("was", sa.Date(), nullable=False),
        sa.Column("was_provisional", sa.Boolean(), nullable=False),
        sa.Column("became", sa.Date(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_due_date_change")),
        comment="Each time that a stored due day moved, or became certain",
    )
    op.create_index(op.f("ix_due_date_change_need_id"), "due_date_change", ["need_id"])
    op.create_table(
        "deadline_extension",
        sa.Column("extension_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("institution_code", sa.Text(), nullable=False),
        sa.Column("from_type", sa.Text(), nullable=False),
        sa.Column("to_type", sa.Text(), nullable=False),
        sa.Column("day0", sa.Date(), nullable=False),
        sa.Column("working_days", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("working_days > 0", name=op.f("ck_deadline_extension_working_days")),
        sa.PrimaryKeyConstraint("extension_id", name=op.f("pk_deadline_extension")),
        comment="A request for more time on one clock of a case",
    )
    op.create_index(op.f("ix_deadline_extension_need_id"), "deadline_extension", ["need_id"])
    op.create_table(
        "deadline_extension_decision",
        sa.Column("extension_id", sa.BigInteger(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["extension_id"],
            ["deadline_extension.extension_id"],
            name=op.f("fk_deadline_extension_decision_extension_id"),
        ),
        sa.PrimaryKeyConstraint("extension_id", name=op.f("pk_deadline_extension_decision")),
        comment="What a second person decided on a request for more time",
    )
    op.add_column(
        "case_clock", sa.Column("number", sa.Integer(), server_default="0", nullable=False, comment="in `unit`")
    )
    op.add_column("case_clock", sa.Column("unit", sa.Text(), server_default="working_days", nullable=False))
    op.add_column(
        "case_clock",
        sa.Column(
            "stood_still",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
            comment="pauses: [[after, up to and with]]",
        ),
    )
    op.add_column(
        "case_clock",
        sa.Column(
            "extended",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="working days granted beyond the limit",
        ),
    )
    # Clocks that were stored before do not know what they were counted from: fold their needs anew.
    op.execute("update delivery set matched = false where action = 'push' and state = 'delivered'")

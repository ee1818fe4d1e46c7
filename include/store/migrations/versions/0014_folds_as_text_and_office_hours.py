"""Where a fold stands as text with the times of day, office hours of clocks, and indexes of what is asked for only"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.alter_column(
        "matching_case",
        "folding",
        type_=sa.Text(),
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        comment="JSON: where the fold stands, to add later events to it; null: fold anew",
        existing_comment="where the fold stands, to add later events to it; null: fold anew",
        postgresql_using="null",
    )
    # What was kept knows days only: fold every need anew.
    op.execute("update delivery set matched = false where action = 'push' and state = 'delivered'")
    op.drop_column("matching_case", "entered")  # it stands in `folding`, and nobody asked for it
    op.alter_column(
        "matching_case",
        "drawn",
        type_=sa.Numeric(20, 2),
        existing_type=sa.Numeric(14, 2),
        comment="a sum of any number of draws",
    )
    op.drop_index("ix_matching_case_state", "matching_case")
    op.create_index(
        "ix_matching_case_ended",
        "matching_case",
        ["need_id"],
        postgresql_where=sa.text("state in ('declined', 'closed')"),
    )
    op.add_column("case_clock", sa.Column("began_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "case_clock",
        sa.Column(
            "office_hours_end",
            sa.Time(),
            nullable=True,
            comment="began_at lay outside the office hours that end then; null: inside",
        ),
    )
    op.add_column(
        "feedback_cursor",
        sa.Column("reread_from", sa.Text(), comment="the cursor before the last page; null: that page was the first"),
    )
    op.execute("update feedback_cursor set reread_from = cursor")
    op.drop_index("ix_feedback_event_need_id_institution_code", "feedback_event")
    op.create_index(
        op.f("ix_feedback_event_need_id_institution_code_sequence"),
        "feedback_event",
        ["need_id", "institution_code", "sequence"],
    )

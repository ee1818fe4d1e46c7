"""Feedback in parts: where each fold stands, what waits, which pushes are matched; remarks sealed; grounds of alerts"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "alert_ground",
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "ground",
            sa.Text(),
            nullable=False,
            comment="a feedback event, a quarter without a report, or an amount",
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.alert_id"], name=op.f("fk_alert_ground_alert_id")),
        sa.PrimaryKeyConstraint("alert_id", "ground", name=op.f("pk_alert_ground")),
        comment="What an alert rests on now",
    )
    op.create_table(
        "waiting_feedback",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_waiting_feedback")),
        comment="Events that cannot be folded yet: type, need, revision or institution is unknown (E01, E02)",
    )
    op.create_index(op.f("ix_waiting_feedback_need_id"), "waiting_feedback", ["need_id"], unique=False)
    op.add_column(
        "matching_case",
        sa.Column(
            "folding",
            postgresql.JSONB(),
            nullable=True,
            comment="where the fold stands, to add later events to it; null: fold anew",
        ),
    )
    op.create_index(
        "ix_matching_case_drawn",
        "matching_case",
        ["need_id"],
        unique=False,
        postgresql_where=sa.text("drawn > 0 and state <> 'closed'"),
    )
    op.create_index(
        "ix_case_clock_provisional",
        "case_clock",
        ["due_on"],
        unique=False,
        postgresql_where=sa.text("stopped_on is null and provisional"),
    )
    # Pushes that were matched before count as not matched: the next run folds them anew, and writes where each fold stands.
    op.add_column(
        "delivery",
        sa.Column(
            "matched", sa.Boolean(), server_default="false", nullable=False, comment="a push: its cases are open"
        ),
    )
    op.create_index(
        "ix_delivery_unmatched",
        "delivery",
        ["need_id"],
        unique=False,
        postgresql_where=sa.text("action = 'push' and state = 'delivered' and not matched"),
    )
    op.add_column(
        "feedback_event",
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="the remark and whatever the contract does not know, as JSON, encrypted",
        ),
    )
    op.alter_column(
        "feedback_event",
        "document",
        existing_type=sa.Text(),
        existing_nullable=False,
        comment="the fields of the contract as received, JSON text, without the remark",
        existing_comment="the event as received, JSON text",
    )
    _drop_remarks()
    op.execute(
        """
        insert into waiting_feedback (event_id, need_id)
        select event_id, need_id from feedback_event event
        where not exists (
            select from delivery push
            where push.need_id = event.need_id and push.revision = event.revision
              and push.action = 'push' and push.state = 'delivered'
        ) or not exists (
            select from matching_case matched
            where matched.need_id = event.need_id and matched.institution_code = event.institution_code
              and matched.answered
        )
        """
    )


def _drop_remarks() -> None:
    """Remarks that were kept in clear go: a migration has no key to seal them with."""
    connection = op.get_bind()
    found = connection.execute(
        sa.text("select event_id, document from feedback_event where document like '%\"remark\"%'")
    ).all()
    for event_id, document in found:
        kept = {name: value for name, value in json.loads(document).items() if name != "remark"}
        connection.execute(
            sa.text("update feedback_event set document = :document where event_id = :event_id"),
            {"event_id": event_id, "document": json.dumps(kept, sort_keys=True, separators=(",", ":"))},
        )

"""The outbox at scale"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_OPEN = "state in ('pending', 'unknown')"


def upgrade() -> None:
    op.create_index(
        "ix_delivery_waits_until",
        "delivery",
        ["channel", sa.text("coalesce(lease_until, '-infinity'::timestamptz)")],
        postgresql_where=sa.text(f"{_OPEN} and lease_owner is null"),
    )
    op.create_index(
        "ix_delivery_leased",
        "delivery",
        ["channel", "lease_owner"],
        postgresql_where=sa.text(f"{_OPEN} and lease_owner is not null"),
    )
    op.create_index(
        "ix_delivery_later",
        "delivery",
        ["need_id"],
        postgresql_where=sa.text(f"channel = 'market' and {_OPEN} and (action = 'withdrawal' or revision > 1)"),
    )
    op.add_column("channel_state", sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "channel_state",
        sa.Column(
            "resume_after",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="real clock; the receiver asked to be left alone until either",
        ),
    )

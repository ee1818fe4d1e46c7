"""Audit entries are sealed with a key; those from before keep their plain hash, and a person accepts them once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column(
        "audit_entry",
        sa.Column(
            "key_id",
            sa.Text(),
            nullable=True,
            comment="of the key of entry_hash; null: from before there was a key, a plain SHA-256",
        ),
    )
    op.create_index(op.f("ix_audit_entry_action_entry_id"), "audit_entry", ["action", "entry_id"])

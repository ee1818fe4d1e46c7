"""A purged push keeps what was passed on"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column(
        "delivery",
        sa.Column(
            "payload_fields",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="a push whose body is purged: the fields that were passed on",
        ),
    )
    op.add_column(
        "delivery",
        sa.Column(
            "payload_hash",
            sa.Text(),
            nullable=True,
            comment="likewise: keyed hash of the payload, the contact included",
        ),
    )
    op.alter_column(
        "delivery", "body", existing_type=sa.Text(), comment="JSON as sent, frozen, without the contact; {} once purged"
    )
    op.alter_column("delivery", "body_sha256", existing_type=sa.Text(), comment="empty once the body is purged")
    op.alter_column(
        "need_version",
        "document",
        existing_type=sa.Text(),
        comment="what the form knows of the item, without the contact, as JSON text; {} once purged",
    )

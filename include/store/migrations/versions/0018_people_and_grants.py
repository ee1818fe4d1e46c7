"""People who act, by the auth manager's id, and what administrators of the console granted them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("actor_id", sa.Text(), nullable=False, comment="the auth manager's immutable id, normalised"),
        sa.Column("name", sa.Text(), nullable=False, comment="for show; may change"),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", name=op.f("pk_person")),
        comment="Names of those who acted, so that pages show a name beside an id",
    )
    op.create_table(
        "console_grant",
        sa.Column("actor_id", sa.Text(), nullable=False, comment="the auth manager's immutable id, normalised"),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False, comment="approver, auditor"),
        sa.Column(
            "departments",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="codes that the person is confined to; null: not confined",
        ),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("roles <@ array['approver', 'auditor']", name=op.f("ck_console_grant_roles")),
        sa.CheckConstraint("changed_by <> actor_id", name=op.f("ck_console_grant_by_another")),
        sa.PrimaryKeyConstraint("actor_id", name=op.f("pk_console_grant")),
        comment="Roles and confinement that an administrator of the console gave a person; the audit trail has the history",
    )

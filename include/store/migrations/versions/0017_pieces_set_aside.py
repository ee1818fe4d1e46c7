"""Pieces of foreign listings that could not be used, of every listing in one place"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("set_aside_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="the listing that held it, e.g. needs/2026Q3/330000/recommended",
        ),
        sa.Column(
            "raw_hash", sa.Text(), nullable=False, comment="keyed hash of the bytes: the same piece is kept once"
        ),
        sa.Column(
            "ciphertext",
            sa.LargeBinary(),
            nullable=False,
            comment="the bytes as received, encrypted; empty once purged",
        ),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, comment="what is wrong, in Chinese, without values"),
        sa.Column(
            "known_as", sa.Text(), nullable=False, comment="the identifier that it bears; empty where there is none"
        ),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False, comment="readings that met it"),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("set_aside_id", name=op.f("pk_set_aside")),
        sa.UniqueConstraint("source", "raw_hash", name=op.f("uq_set_aside_source_raw_hash")),
        comment="Pieces of foreign listings that could not be used, kept whole; resolved_at: a later reading had it whole",
    )
    op.create_index(op.f("ix_set_aside_source_known_as"), "set_aside", ["source", "known_as"])
    op.create_index("ix_set_aside_open", "set_aside", ["last_seen_at"], postgresql_where=sa.text("resolved_at is null"))
    # The old hash had no key, so that a guess could be tried against it: a name that says nothing takes its place.
    op.execute(
        """
        insert into set_aside (
            source, raw_hash, ciphertext, size_bytes, problem, known_as, first_seen_at, last_seen_at, times_seen
        )
        select 'feedback', gen_random_uuid()::text, ciphertext, greatest(octet_length(ciphertext) - 28, 0), problem, '',
               received_at, received_at, 1
        from unreadable_feedback order by received_at
        """
    )
    op.drop_table("unreadable_feedback")

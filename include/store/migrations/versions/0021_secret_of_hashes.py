"""The secret that keys hashes of personal data, kept so that old keys can be dropped"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "stored_secret",
        sa.Column("name", sa.Text(), nullable=False, comment="hashes: keys the hashes of personal data"),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False, comment="the secret, encrypted"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stored_secret")),
        comment="Secrets that outlive the keys of the settings: hashes must stay comparable when old keys are dropped",
    )
    for table in ("intake_item", "need_version"):
        op.alter_column(table, "item_hash", existing_type=sa.Text(), comment=_ITEM_HASH)
    op.alter_column("raw_payload", "raw_sha256", existing_type=sa.Text(), comment=_RAW)
    op.alter_column("judgement", "payload_sha256", existing_type=sa.Text(), comment=_JUDGED)
    op.alter_column("need_fingerprint", "content", existing_type=sa.Text(), comment=_CONTENT)


_ITEM_HASH = "keyed hash of the item without updated_at as canonical JSON (RFC 8785)"
_RAW = "keyed hash of the item's bytes as received"
_JUDGED = "the item_hash that was judged, keyed"
_CONTENT = "keyed hash of its skeleton"

"""What the database's roles need to do their part: statistics of fingerprints, and whether a piece's bytes are purged"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    # ANALYZE is for the owner of a table; the pipeline may ask him for it.
    op.execute(
        """
        create function analyze_fingerprints() returns void language sql security definer
        set search_path = pg_catalog, public as 'analyze public.need_fingerprint'
        """
    )
    # The console lists pieces without being able to read one.
    op.add_column("set_aside", sa.Column("purged", sa.Boolean(), sa.Computed("ciphertext = ''", persisted=True)))

"""Where migrations begin: the tables as the first version of include/store/tables has them

An empty database is made from include/store/tables as they are now, and stamped as the newest: it runs no migration.
"""

from __future__ import annotations

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: a database of this version has its tables."""

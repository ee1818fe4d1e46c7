"""The database as the console has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from include.store.database import connect
from include.store.grants import DatabaseRole
from tests.support.coordination import fill
from tests.support.rows import AUDIT_KEYS


@pytest.fixture
def console_database(database: sa.Engine, database_url: str) -> Iterator[sa.Engine]:
    """With a need on which coordinators can act; what acts, acts in the console's role."""
    fill(database)
    engine = connect(database_url, role=DatabaseRole.CONSOLE, audit_keys=AUDIT_KEYS)
    yield engine
    engine.dispose()

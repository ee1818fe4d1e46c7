"""Somebody to write to in each department."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.reference import departments
from include.store import tables


@pytest.fixture
def staffed(database: sa.Engine) -> sa.Engine:
    """A province coordinator of MIIT for each department, and one for the nation."""
    with database.begin() as connection:
        rows = [("province", code) for code in departments()] + [("nation", "000000")]
        for position, (level, region) in enumerate(rows):
            connection.execute(
                tables.coordinator.insert().values(
                    coordinator_id=f"MIIT-{region}",
                    position=position,
                    authority="MIIT",
                    level=level,
                    region_code=region,
                    role="综合岗",
                    email=f"d{region}@example.test",
                    on_duty=True,
                )
            )
    return database

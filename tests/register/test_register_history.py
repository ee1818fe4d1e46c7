"""Which register is in force, and how the last ones changed."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from include.register.history import versions
from tests.support.register import list_factory


def test_the_newest_used_register_is_in_force_and_equal_ones_are_one(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, as_of=date(2026, 10, 1))
        list_factory(connection, as_of=date(2026, 10, 10), removed_on=date(2026, 10, 5))
        list_factory(connection, as_of=date(2026, 10, 15), in_use=False, name="待确认")
        list_factory(connection, as_of=date(2026, 10, 20), name="恢复在册")
    with database.connect() as connection:
        told = [(one.as_of.day, one.active, one.added, one.gone) for one in versions(connection, date(2026, 10, 25))]
        before = versions(connection, date(2026, 10, 12))
        assert versions(connection, date(2026, 9, 1)) == []
    assert told == [(20, 2, 1, 0), (10, 1, 0, 1), (1, 2, None, None)]
    assert before[0].as_of == date(2026, 10, 10)

"""The console on a fresh database, and what its pages show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.support.console import Console, hostile_hold, served_console
from tests.support.lived import live
from tests.support.two_departments import fill_two_departments


@pytest.fixture
def console(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console; log in before asking."""
    yield from served_console(database, monkeypatch)


@pytest.fixture
def hold(database: sa.Engine) -> int:
    """The id of an overdue hold on a need with a hostile name."""
    return hostile_hold(database)


@pytest.fixture
def lived(database: sa.Engine) -> None:
    """A need with a whole life."""
    live(database)


@pytest.fixture
def two_departments(console: Console, database: sa.Engine) -> Console:
    """Everything that a page can show, once in each of two departments."""
    fill_two_departments(database)
    return console

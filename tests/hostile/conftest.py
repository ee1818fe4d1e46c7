"""The console on a fresh database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.support.console import Console, served_console


@pytest.fixture
def console(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console; log in before asking."""
    yield from served_console(database, monkeypatch)

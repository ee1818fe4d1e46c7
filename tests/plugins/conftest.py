"""A mailbox on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mails import Mailbox, served


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server that keeps what arrives."""
    yield from served(Mailbox())

"""What a higher revision changed is noted when it is stored: once, against the revision before it, without the contact."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from tests.support.clean_need import clean_need
from tests.support.rows import moment, rewrite
from tests.support.taken_in import take_in

NOW = moment("2026-09-30 18:00")


def revision(number: int, **changes: Any) -> dict[str, Any]:
    return clean_need({"revision": number} | changes)


def amended(database: sa.Engine) -> list[tuple[Any, ...]]:
    query = "select revision, previous_revision, field, before, after, personal from amendment order by revision, field"
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_a_higher_revision_is_compared_with_the_one_before(database: sa.Engine) -> None:
    take_in(database, "first", [revision(1)], now=NOW)
    assert amended(database) == []
    second = revision(2, **{"finance.term_months": 48, "enterprise.contact.mobile": "13911111111"})
    take_in(database, "second", [second], now=NOW + timedelta(days=1))
    assert amended(database) == [
        (2, 1, "enterprise.contact.mobile", None, None, True),
        (2, 1, "finance.term_months", "60", "48", False),
    ]


def test_revisions_of_one_listing_are_compared_with_each_other(database: sa.Engine) -> None:
    listed = [revision(4, is_major=True), revision(1), revision(2, is_major=True)]
    take_in(database, "run", listed, now=NOW)
    assert [row[:3] for row in amended(database)] == [(2, 1, "is_major")]
    take_in(database, "again", [revision(7)], now=NOW + timedelta(days=1))
    assert [row[:5] for row in amended(database)[1:]] == [(7, 4, "is_major", "true", "false")]


def test_reading_it_again_notes_nothing_again(database: sa.Engine) -> None:
    listed = [revision(1), revision(2, **{"finance.term_months": 48})]
    take_in(database, "run", listed, now=NOW)
    take_in(database, "again", [*listed, revision(2, **{"finance.term_months": 36})], now=NOW + timedelta(days=1))
    assert [row[:5] for row in amended(database)] == [(2, 1, "finance.term_months", "60", "48")]


def test_a_revision_that_comes_late_changes_no_amendment_of_a_higher_one(database: sa.Engine) -> None:
    take_in(database, "run", [revision(1), revision(3, **{"finance.term_months": 48})], now=NOW)
    take_in(database, "late", [revision(2, **{"finance.term_months": 36})], now=NOW + timedelta(days=1))
    assert [row[:5] for row in amended(database)] == [
        (2, 1, "finance.term_months", "60", "36"),
        (3, 1, "finance.term_months", "60", "48"),
    ]


def test_what_was_purged_is_compared_with_nothing(database: sa.Engine) -> None:
    take_in(database, "run", [revision(1)], now=NOW)
    with database.begin() as connection:
        rewrite(connection, sa.text("update raw_payload set ciphertext = ''"))
    take_in(database, "second", [revision(2, is_major=True)], now=NOW + timedelta(days=1))
    assert amended(database) == []

"""Pieces that could not be used are kept once, counted, shown while they are open, and emptied with their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside, identifier
from include.store.set_aside import empty_pieces, keep, open_counts, open_pieces, raw_piece, resolve

NOW = datetime(2026, 9, 30, 2, tzinfo=UTC)
CIPHER = PersonalDataCipher(["a key for tests of at least thirty-two characters"])
SOURCE = "needs/2026Q3/330000/recommended"
BAD = SetAside(b'{"need_id": "FN1", "mobile": "13800001234"', "not JSON", "FN1")
WORSE = SetAside(b"\xff\x00", "no UTF-8")


def put(database: sa.Engine, *pieces: SetAside, source: str = SOURCE, day: int = 0, whole: bool = True) -> None:
    with database.begin() as connection:
        keep(connection, CIPHER, source, pieces, now=NOW + timedelta(days=day), whole=whole)


def shown(database: sa.Engine, kind: str = "") -> list[tuple[str, int, int]]:
    """known_as, times seen, days after the first reading of each open piece."""
    with database.connect() as connection:
        pieces = open_pieces(connection, kind=kind, limit=10)
    return sorted((piece.known_as, piece.times_seen, (piece.last_seen_at - NOW).days) for piece in pieces)


def test_a_piece_is_kept_once_and_counted_by_readings(database: sa.Engine) -> None:
    put(database, BAD, BAD)
    put(database, BAD, day=1)
    assert shown(database) == [("FN1", 2, 1)]


def test_what_a_whole_reading_no_longer_holds_is_resolved_and_opens_again_when_met_again(database: sa.Engine) -> None:
    put(database, BAD, WORSE)
    put(database, WORSE, day=1)
    assert shown(database) == [("", 2, 1)]
    put(database, BAD, WORSE, day=2)
    assert sorted(shown(database)) == [("", 3, 2), ("FN1", 2, 2)]


def test_a_reading_in_part_or_of_another_listing_resolves_nothing(database: sa.Engine) -> None:
    put(database, BAD)
    put(database, whole=False, day=1)
    put(database, source="needs/2026Q3/320000/recommended", day=1)
    assert shown(database) == [("FN1", 1, 0)]


def test_a_piece_is_resolved_by_the_identifier_it_bears_and_never_by_none(database: sa.Engine) -> None:
    put(database, BAD, WORSE, source="feedback")
    with database.begin() as connection:
        resolve(connection, "feedback", ["FN1", ""], NOW)
    assert shown(database) == [("", 1, 0)]


def test_pieces_are_counted_and_shown_by_kind_of_listing(database: sa.Engine) -> None:
    put(database, BAD, WORSE)
    put(database, BAD, source="register")
    with database.connect() as connection:
        assert open_counts(connection) == {"needs": 2, "register": 1}
        assert len(open_pieces(connection, kind="needs", limit=1, offset=1)) == 1
    assert len(shown(database, "register")) == 1


def test_the_bytes_are_kept_encrypted_come_back_whole_and_go_with_their_time(database: sa.Engine) -> None:
    put(database, BAD)
    with database.begin() as connection:
        stored, piece_id = connection.execute(sa.text("select ciphertext, set_aside_id from set_aside")).one()
        assert b"13800001234" not in stored
        assert raw_piece(connection, CIPHER, piece_id) == BAD.raw
        assert empty_pieces(connection, NOW + timedelta(seconds=1)) == 1
        assert raw_piece(connection, CIPHER, piece_id) is None
        assert raw_piece(connection, CIPHER, piece_id + 1) is None
        assert [piece.purged for piece in open_pieces(connection, limit=10)] == [True]
    put(database, BAD, day=1)
    with database.connect() as connection:
        assert raw_piece(connection, CIPHER, piece_id) == BAD.raw


@pytest.mark.parametrize("value", ["FN 1", "", "需求", "x" * 65, "a\0", None, 1])
def test_only_a_short_printable_text_names_a_piece(value: object) -> None:
    assert identifier("FN202600000001") == "FN202600000001"
    assert identifier(value) == ""

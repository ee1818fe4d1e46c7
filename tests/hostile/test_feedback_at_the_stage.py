"""Each bad event of a feed is set aside alone: the others are folded as without it, and the cursor moves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.domain.pieces import SetAside, UnreadablePiece, read_piece, set_aside
from include.store.set_aside import open_pieces, raw_piece
from tests.support.matching import CIPHER, NOW, Page, collect, derived, opened, push, report, rows, states
from tests.support.rows import let_history_be_changed

SOUND = [report(1, "received"), report(2, "contacted"), report(1, "received", institution="ABC")]
BAD = json.dumps(report(3, "visited", remark="@"), ensure_ascii=False).encode()
BAD_ID = report(3, "visited")["event_id"]


def with_remark(raw: bytes) -> bytes:
    """An event whose remark holds these bytes; the remark alone is not as it should be."""
    return BAD.replace(b'"@"', raw)


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in report(3, "visited").items() if name != field}).encode()


def having(**fields: Any) -> bytes:
    return json.dumps(report(3, "visited") | fields).encode()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "GBK bytes in a UTF-8 body": (with_remark('"已走访"'.encode("gbk")), BAD_ID),
    "a cut character": (with_remark('"已走访"'.encode()[:-2] + b'"'), BAD_ID),
    "a raw tab": (with_remark(b'"a\tb"'), BAD_ID),
    "NaN": (with_remark(b"NaN"), BAD_ID),
    "Infinity": (with_remark(b"-Infinity"), BAD_ID),
    "an integer of 5,000 digits": (with_remark(b"9" * 5_000), BAD_ID),
    "an exponent of twenty digits": (with_remark(b"1e99999999999999999999"), BAD_ID),
    "nesting of 1,000": (with_remark(b"[" * 1_000 + b"]" * 1_000), BAD_ID),
    "nesting of 1,000,000": (with_remark(b"[" * 500_000 + b"]" * 500_000), BAD_ID),
    "half of a surrogate pair": (with_remark(rb'"\ud800"'), BAD_ID),
    "two megabytes": (with_remark(b'"' + b"a" * 2_000_000 + b'"'), BAD_ID),
    "cut off": (BAD[:-3], BAD_ID),
    "null": (b"null", ""),
    "a list": (b"[1, 2]", ""),
    "a text": ('"已走访"'.encode(), ""),
    "a number": (b"7", ""),
    "nothing": (b"{}", ""),
    **{f"no {field}": (without(field), "" if field == "event_id" else BAD_ID) for field in report(1, "x")},
    "a revision of 1.5": (having(revision=1.5), BAD_ID),
    "a revision of 2^31": (having(revision=2**31), BAD_ID),
    "a sequence of 2^63": (having(sequence=2**63), BAD_ID),
    "a sequence as text": (having(sequence="3"), BAD_ID),
    "an event_id of 6,000 characters": (having(event_id="x" * 6_000), ""),
    "a need_id that is null": (having(need_id=None), BAD_ID),
    "a moment without offset": (having(occurred_at="2026-10-09T10:00:00"), BAD_ID),
    "a moment in year 9999": (having(occurred_at="9999-12-31T23:59:59-12:00"), BAD_ID),
    "a moment as a number": (having(occurred_at=1_791_511_200), BAD_ID),
}


@dataclass
class RawFeed:
    """A feed whose events are these bytes, one a page; each page as the client reads it."""

    pieces: list[bytes]

    def feedback(self, after: str | None, limit: int) -> Page:
        start = int(after or 0)
        items: list[Any] = []
        unread: list[SetAside] = []
        for raw in self.pieces[start : start + 1]:
            try:
                items.append(read_piece(raw))
            except UnreadablePiece as error:
                unread.append(set_aside(raw, error.problem))
        end = min(start + 1, len(self.pieces))
        return Page(items, str(end), end < len(self.pieces), unread)


def raw(*events: dict[str, Any]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_event_is_set_aside_alone(database: sa.Engine, name: str) -> None:
    piece, known_as = HOSTILE[name]
    push(database)
    opened(database)
    before, after = raw(*SOUND[:1]), raw(*SOUND[1:])
    summary = collect(database, RawFeed([*before, piece, *after]))
    assert (summary.read, summary.new, summary.unreadable) == (4, 3, 1)
    assert states(database) == {"ICBC": "contacted", "ABC": "received"}
    assert rows(database, "select cursor from feedback_cursor order by position desc limit 1") == [("4",)]
    with database.connect() as connection:
        (kept,) = open_pieces(connection, kind="feedback", limit=10)
        stored = raw_piece(connection, CIPHER, kept.set_aside_id)
    assert (kept.source, kept.known_as, kept.times_seen) == ("feedback", known_as, 1)
    assert kept.problem
    # What could be read is kept as it was understood, else as it came.
    assert stored == piece or (stored is not None and json.loads(stored) == json.loads(piece))


def test_the_others_are_as_without_the_bad_ones(database: sa.Engine) -> None:
    push(database)
    opened(database)
    collect(database, RawFeed(raw(*SOUND)))
    expected = derived(database)
    with database.begin() as connection:
        let_history_be_changed(connection)
        for table in ("matching_case", "case_clock", "feedback_cursor", "event_finding", "feedback_event"):
            connection.execute(sa.text(f"delete from {table}"))
        connection.execute(sa.text("delete from delivery where action = 'progress'"))
        connection.execute(sa.text("update delivery set matched = false"))
    opened(database)
    hostile = [piece for piece, _ in HOSTILE.values()]
    summary = collect(database, RawFeed([*hostile, *raw(*SOUND[:2]), *hostile, *raw(*SOUND[2:]), *hostile]))
    assert (summary.new, summary.read) == (3, 3 * len(hostile) + 3)
    assert derived(database) == expected


def test_it_is_counted_each_time_and_gone_once_the_event_comes_whole(database: sa.Engine) -> None:
    push(database)
    opened(database)
    feed = RawFeed([with_remark(b'"a\tb"')])
    for day in range(3):
        collect(database, feed, NOW + timedelta(days=day))
    with database.connect() as connection:
        (kept,) = open_pieces(connection, limit=10)
    assert (kept.times_seen, kept.known_as) == (3, BAD_ID), "the last page is read again"
    feed.pieces.append(with_remark(b'"a b"'))
    collect(database, feed, NOW + timedelta(days=4))
    assert rows(database, "select event_id from feedback_event") == [(BAD_ID,)]
    with database.connect() as connection:
        assert not open_pieces(connection, limit=10)


@pytest.mark.parametrize("field", ["type", "institution_code", "need_id", "event_id"])
def test_an_event_with_u_0000_waits_as_one_that_is_not_known(database: sa.Engine, field: str) -> None:
    """Legal JSON: the character is escaped in what is stored as text."""
    push(database)
    opened(database)
    odd = json.dumps(report(3, "visited") | {field: "a\0b"}).encode()
    summary = collect(database, RawFeed([*raw(*SOUND), odd]))
    assert (summary.new, summary.unreadable) == (4, 0)
    assert states(database)["ICBC"] == ("visited" if field == "event_id" else "contacted")


@pytest.mark.parametrize(("first", "again"), [(3, 3.0), (3.0, 3), (60, 6e1)])
def test_an_event_that_comes_again_with_its_numbers_written_otherwise_is_a_repeat(
    database: sa.Engine, first: float, again: float
) -> None:
    push(database)
    opened(database)
    pieces = [
        json.dumps(report(3, "visited")).replace('"sequence": 3', f'"sequence": {number}').encode()
        for number in (first, again)
    ]
    summary = collect(database, RawFeed(pieces))
    assert (summary.new, summary.repeated, summary.unreadable) == (1, 1, 0)


def test_numbers_keep_their_value_to_the_last_digit(database: sa.Engine) -> None:
    push(database)
    opened(database)
    digits = "3." + "1" * 150
    collect(database, RawFeed([having(rate="@").replace(b'"@"', digits.encode())]))
    ((document,),) = rows(database, "select document from feedback_event")
    assert digits in document

"""Reading the feed of the credit-market platform: each event stored once, each page with the cursor after it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from include.base.errors import PlatformUnavailable
from include.base.privacy import PersonalDataCipher
from include.domain.case import REPORTED, FeedbackEvent
from include.domain.feedback import UnreadableEvent, read_event
from include.domain.numbers import whole_number
from include.domain.pieces import SetAside, identifier
from include.matching.cases import PARTS, add_events, count_orphans, lock, part_of, refold_stale
from include.matching.event_rules import judge_events
from include.reference.day import Day
from include.store import tables
from include.store.database import array_of, copy_rows, fetch_rows
from include.store.locks import Lock, hold
from include.store.sealed import FEEDBACK_EVENT
from include.store.set_aside import keep, resolve

PAGE_SIZE = 1_000
_TAKEN_AT_ONCE = 10_000
_WORTH_PARTS = 1_000
"""Fewer events are folded as one part: a second transaction would cost more than it saves."""
_SOURCE = "feedback"

_IN_CLEAR = frozenset(REPORTED)
_WHOLE_NUMBERS = ("revision", "sequence", "term_months")
_EVENT_COLUMNS = (*REPORTED, "document", "sealed", "received_at")


class FeedbackPage(Protocol):
    """A page of the feed: events as decoded JSON, unreadable ones, the cursor after them, whether more is there now."""

    @property
    def items(self) -> Sequence[Any]: ...
    @property
    def set_aside(self) -> Sequence[SetAside]: ...
    @property
    def next_cursor(self) -> str: ...
    @property
    def has_more(self) -> bool: ...


class FeedbackFeed(Protocol):
    """The source of feedback: the client of the credit-market platform."""

    def feedback(self, after: str | None, limit: int) -> FeedbackPage: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSummary:
    """Result of a reading of the feed: read = new + repeated + unreadable.

    `unreadable`: events that cannot be read, break the contract, or contradict one stored under their id (E03); all are
    set aside. `orphaned`: stored events that wait, from this and earlier readings (E01, E02). `cases_changed`: cases
    that differ now.
    """

    read: int
    new: int
    repeated: int
    orphaned: int
    unreadable: int
    cases_changed: int


def collect_feedback(
    engine: sa.Engine, market_client: FeedbackFeed, *, cipher: PersonalDataCipher, day: Day
) -> FeedbackSummary:
    """Read the feed from where the last run stopped to its end; store each event once and fold the affected cases.

    The last page of the run before is read again: without a promised order, something may have arrived behind the
    cursor. Events and their effects are one transaction for each part of the needs (see `part_of`), and the cursor
    moves after them: if a run is killed in between, the next one reads the events again and finds them stored. An
    unusable event is set aside alone, and blocks neither the others nor the cursor. Events of a need, revision or
    institution that is not known yet wait, and each run tries them again. Raises what the client raises; if the
    platform becomes unreachable half-way (PlatformUnavailable), the pages before it stay read.
    """
    counts: Counter[str] = Counter()
    begun = False
    while True:
        with engine.connect() as connection:
            left = _left(connection)
        read = _read_on(market_client, left.cursor if begun else left.reread_from)
        with engine.begin() as connection:
            # Of several runs at once, one reads on.
            hold(connection, Lock.FEEDBACK)
            if _left(connection) != left:
                continue  # Another run has read these pages meanwhile.
            counts.update(_take(engine, connection, read, cipher, day))
            if read.cursor not in (left.cursor, left.reread_from):
                row = {"cursor": read.cursor, "reread_from": read.before_last_page, "read_at": day.now}
                connection.execute(tables.feedback_cursor.insert().values(row))
        begun = True
        if read.failure is not None:
            raise read.failure
        if not read.has_more:
            break
    with engine.begin() as connection:
        changed = refold_stale(connection, day).changed
        orphaned = count_orphans(connection)
    return FeedbackSummary(
        read=counts["read"],
        new=counts["new"],
        repeated=counts["repeated"],
        orphaned=orphaned,
        unreadable=counts["unreadable"],
        cases_changed=counts["changed"] + changed,
    )


@dataclass(slots=True)
class _Reading:
    """Pages that are processed together, so that a case is folded and a factory notified once for all of them."""

    cursor: str | None
    before_last_page: str | None
    items: list[Any]
    set_aside: list[SetAside]
    has_more: bool = True
    failure: PlatformUnavailable | None = None


def _read_on(feed: FeedbackFeed, after: str | None) -> _Reading:
    """The pages after `after`, up to _TAKEN_AT_ONCE events or until the platform becomes unreachable."""
    reading = _Reading(after, after, [], [])
    while reading.has_more and len(reading.items) + len(reading.set_aside) < _TAKEN_AT_ONCE:
        try:
            page = feed.feedback(reading.cursor, PAGE_SIZE)
        except PlatformUnavailable as failure:
            reading.failure = failure
            break
        if page.has_more and page.next_cursor == reading.cursor:
            reading.failure = PlatformUnavailable(
                "信贷市场服务平台的反馈接口声明还有数据，但游标没有前进。",
                "请联系平台核对反馈接口；修复后重新运行即可。",
            )
            break
        reading.items += page.items
        reading.set_aside += page.set_aside
        reading.before_last_page = reading.cursor
        reading.cursor, reading.has_more = page.next_cursor, page.has_more
    return reading


@dataclass(frozen=True, slots=True)
class _Left:
    """Where the last reading stopped: the cursor after its last page, and the one before that page."""

    cursor: str | None
    reread_from: str | None


def _left(connection: sa.Connection) -> _Left:
    cursor = tables.feedback_cursor
    found = connection.execute(
        sa.select(cursor.c.cursor, cursor.c.reread_from).order_by(cursor.c.position.desc()).limit(1)
    ).one_or_none()
    return _Left(None, None) if found is None else _Left(found.cursor, found.reread_from)


@dataclass(slots=True)
class _Taken:
    """Results of the events of one part."""

    known: set[str] = field(default_factory=set)
    """Their identifiers, all of them stored now."""
    new: int = 0
    repeated: int = 0
    changed: int = 0
    contradictions: list[SetAside] = field(default_factory=list)


def _take(
    engine: sa.Engine, connection: sa.Connection, read: _Reading, cipher: PersonalDataCipher, day: Day
) -> dict[str, int]:
    readable: list[_Readable] = []
    unreadable: list[SetAside] = [*read.set_aside]
    for item in read.items:
        try:
            readable.append((read_event(item), _received(item, cipher)))
        except UnreadableEvent as error:
            unreadable.append(_set_aside(item, str(error)))
    if len(readable) < _WORTH_PARTS:
        lock(connection)
        parts = [_take_part(connection, readable, cipher, day)]
    else:
        parts = _take_parts(engine, readable, cipher, day)
    keep(connection, cipher, _SOURCE, unreadable, now=day.now, whole=False)
    resolve(connection, _SOURCE, (event_id for one in parts for event_id in one.known), day.now)
    # An event that contradicts a whole one is not resolved by that one.
    contradictions = [piece for one in parts for piece in one.contradictions]
    keep(connection, cipher, _SOURCE, contradictions, now=day.now, whole=False)
    return {
        "read": len(read.items) + len(read.set_aside),
        "new": sum(one.new for one in parts),
        "repeated": sum(one.repeated for one in parts),
        "unreadable": len(unreadable) + len(contradictions),
        "changed": sum(one.changed for one in parts),
    }


def _take_parts(engine: sa.Engine, readable: Sequence[_Readable], cipher: PersonalDataCipher, day: Day) -> list[_Taken]:
    """Process the two parts side by side: while one waits for the database, the other folds."""

    def fold(part: int, events: Sequence[_Readable]) -> _Taken:
        with engine.begin() as connection:
            lock(connection, part)
            return _take_part(connection, events, cipher, day)

    parts: list[list[_Readable]] = [[] for _ in range(PARTS)]
    of_event: dict[str, int] = {}
    for event, received in readable:
        # An event that comes again goes to the part of the stored one: there it is a repeat, or contradicts it (E03).
        parts[of_event.setdefault(event.event_id, part_of(event.need_id))].append((event, received))
    with ThreadPoolExecutor(PARTS, thread_name_prefix="fold") as pool:
        folding = [pool.submit(fold, part, events) for part, events in enumerate(parts)]
    return [one.result() for one in folding]


def _take_part(
    connection: sa.Connection, readable: Sequence[_Readable], cipher: PersonalDataCipher, day: Day
) -> _Taken:
    """Store and fold these events; repeated, it finds them stored."""
    documents = _stored_documents(connection, {event.event_id for event, _ in readable})
    fresh: list[_Readable] = []
    contradicted: list[str] = []
    taken = _Taken()
    for event, received in readable:
        if event.event_id not in documents:
            documents[event.event_id] = received.document
            fresh.append((event, received))
        elif documents[event.event_id] not in (received.document, _PURGED):
            contradicted.append(event.event_id)
            taken.contradictions.append(_set_aside(received.item, "E03：同一反馈编号内容前后不一致"))
    copy_rows(
        connection,
        "feedback_event",
        _EVENT_COLUMNS,
        (
            (*msgspec.structs.astuple(event)[: len(REPORTED)], received.document, received.sealed(cipher), day.now)
            for event, received in fresh
        ),
    )
    events = [event for event, _ in fresh]
    taken.changed = add_events(connection, events, day).changed
    judge_events(connection, events, contradicted, day)
    taken.known = set(documents)
    taken.new = len(fresh)
    taken.repeated = len(readable) - len(fresh) - len(contradicted)
    return taken


class _Received(msgspec.Struct, frozen=True, gc=False):
    """An event as received: the contract's fields in clear; a remark may name persons, and unknown members may hold
    anything."""

    item: Mapping[str, Any]
    document: str
    to_seal: str | None

    def sealed(self, cipher: PersonalDataCipher) -> bytes | None:
        """The parts that must not be readable, encrypted; None if there are none."""
        if self.to_seal is None:
            return None
        return cipher.encrypt(self.to_seal.encode(), FEEDBACK_EVENT.place(self.item["event_id"]))


_Readable = tuple[FeedbackEvent, _Received]


def _received(item: Mapping[str, Any], cipher: PersonalDataCipher) -> _Received:
    item = _as_one_spelling(item)
    if item.keys() <= _IN_CLEAR:
        return _Received(item, _document(item), None)
    to_seal = _document({name: value for name, value in item.items() if name not in _IN_CLEAR})
    # With its fingerprint, so that another remark under the same id is noticed (E03).
    in_clear = {name: value for name, value in item.items() if name in _IN_CLEAR}
    return _Received(item, _document({**in_clear, "sealed": cipher.fingerprint(to_seal)}), to_seal)


def _as_one_spelling(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with whole numbers in one form: 60, 60.0 and 6e1 do not contradict each other."""
    respelt = {
        name: number
        for name in _WHOLE_NUMBERS
        if type(item.get(name)) in (float, Decimal) and (number := whole_number(item[name])) is not None
    }
    return {**item, **respelt} if respelt else item


def _as_number(value: Decimal) -> float | str:
    """As a double if that is the same number, so that events are written as before; else as text."""
    number = float(value)
    return number if isfinite(number) and Decimal(repr(number)) == value else str(value)


# ASCII with escapes: PostgreSQL's text holds neither U+0000 nor lone surrogates.
_document = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_as_number).encode


def _stored_documents(connection: sa.Connection, event_ids: Collection[str]) -> dict[str, str]:
    return dict(fetch_rows(connection, _DOCUMENTS, {"event_ids": array_of(event_ids)}))


def _set_aside(item: Any, problem: str) -> SetAside:
    return SetAside(
        _document(item).encode(), problem, identifier(item.get("event_id")) if isinstance(item, Mapping) else ""
    )


# Purged data cannot be compared any more: it counts as repeated.
_PURGED = ""

_DOCUMENTS = sa.text("select event_id, document from feedback_event where event_id = any(cast(:event_ids as text[]))")

"""Cases: new feedback folded into a stored history, and who is overdue; each size on a database of its own.

A size is a number of cases: four institutions a need, four events a case, stored and folded. Two feeds come in while the clock
runs: the worst spread, where each event is the fifth one of another case, and the usual one, where banks report five events
each on needs pushed of late, need by need, shuffled as they come from many banks. One event in a hundred gives cause for an alert.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.domain.case import FeedbackEvent, Folding
from include.domain.standing import dump_fold, load_fold
from include.local.postgres import PostgresServer
from include.matching import FeedbackSummary, collect_feedback, open_cases, refold
from include.platforms.credit_market import FeedbackPage
from include.reference import case_transitions
from include.reference.day import Day
from include.store.database import connect, migrate
from tests.support.rows import rewrite

INSTITUTIONS = ("ICBC", "ABC", "BOC", "CCB")
_PATH = ("received", "contacted", "visited", "accepted", "credit_approved")
_PUSHED = datetime(2026, 10, 8, 9, tzinfo=SHANGHAI)
_NOW = _PUSHED + timedelta(days=12)
_WORST, _USUAL = 100_000, 100_000
_WINDOW = 1_000
_WAYS = 20
"""Needs were pushed on so many different days."""
_CIPHER = PersonalDataCipher(["key of the benchmarks"])
_RULES: dict[str, Any] = {"transitions": case_transitions(), "reopen_max": 1}


class _Feed:
    """New events in pages, as the platform's client gives them."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events

    def feedback(self, after: str | None, limit: int) -> Any:
        start = int(after or 0)
        end = min(start + limit, len(self._events))
        has_more = end < len(self._events)
        return FeedbackPage(items=self._events[start:end], next_cursor=str(end), has_more=has_more)


@dataclass(frozen=True, slots=True)
class _Collected:
    """What a reading of the feed took: seconds by the clock, of this process, of the database's process."""

    summary: FeedbackSummary
    wall: float
    own: float
    database: float

    @property
    def rate(self) -> float:
        """New events a second."""
        return self.summary.new / self.wall

    @property
    def work(self) -> float:
        """Seconds of work for each million events: what does not depend on what else the machine does."""
        return (self.own + self.database) / self.summary.new * 1e6


def report(sizes: Sequence[int]) -> None:
    """Measure each size and print what it takes, with the aims."""
    print(f"the fold alone, in memory: {_in_memory():,.0f} events/s\n")
    found = {cases: _measured(cases) for cases in sizes}
    smallest, largest = min(found), max(found)
    if smallest < largest:
        for feed, small in found[smallest].items():
            times = found[largest][feed].work / small.work
            _aim(f"{feed}: work for an event at {largest / smallest:,.0f}x the history", times, 1.5, "times, at most")


def _measured(cases: int) -> dict[str, _Collected]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
        server.create_database("bench")
        database = connect(server.url("bench"))
        migrate(database)
        try:
            return _measure(database, cases)
        finally:
            database.dispose()


def _measure(database: sa.Engine, cases: int) -> dict[str, _Collected]:
    begun = time.perf_counter()
    usual_needs = min(cases, _USUAL) // 5 // len(INSTITUTIONS)
    generate(database, cases, usual_needs)
    print(f"{cases:,} cases, {cases * 4:,} stored events (made in {time.perf_counter() - begun:,.0f} s)")
    begun = time.perf_counter()
    with database.begin() as connection:
        opened = open_cases(connection, day=Day.in_force(_NOW))
    print(
        f"  looking for what waits, with nothing new:       {(time.perf_counter() - begun) * 1000:9,.1f} ms, {opened} found"
    )
    worst = [_fifth_event(number) for number in range(min(cases, _WORST))]
    _collected(database, worst[:100])  # the rule book is loaded once a process
    feeds = {"worst spread": worst[100:], "usual feed": _usual_events(usual_needs)}
    found = {}
    for name, events in feeds.items():
        found[name] = one = _collected(database, events)
        print(
            f"  {name}: {one.summary.new:,} new events read, stored, judged, folded, told in {one.wall:,.2f} s"
            f" ({one.own:,.2f} s of this process, {one.database:,.2f} s of the database's:"
            f" {1e6 / one.work:,.0f} events/s if nothing else runs); {one.summary.cases_changed:,} cases changed"
        )
        _aim(f"  {name}, events/s", one.rate, 30_000, "at least")
    begun = time.perf_counter()
    with database.begin() as connection:
        changed = refold(connection, [f"FN{number:012d}" for number in range(500)], day=Day.in_force(_NOW)).changed
    seconds = time.perf_counter() - begun
    print(f"  2,000 cases folded from their start: {10_000 / seconds:,.0f} events/s, {changed} otherwise than before")
    _overdue(database)
    return found


def _collected(database: sa.Engine, events: list[dict[str, Any]]) -> _Collected:
    with database.begin() as connection:
        rewrite(connection, sa.text("delete from feedback_cursor"))
        pid = connection.execute(sa.text("select pg_backend_pid()")).scalar_one()
    wall, own, of_database = time.perf_counter(), time.process_time(), _cpu_seconds(pid)
    summary = collect_feedback(database, _Feed(events), cipher=_CIPHER, day=Day.in_force(_NOW))
    return _Collected(summary, time.perf_counter() - wall, time.process_time() - own, _cpu_seconds(pid) - of_database)


def _cpu_seconds(pid: int) -> float:
    """Of a process, in user and system mode, in steps of a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _aim(title: str, value: float, aim: float, how: str) -> None:
    reached = value >= aim if how == "at least" else value <= aim
    print(f"{title}: {value:,.2f} (aim: {how} {aim:,.2f}) {'reached' if reached else 'MISSED'}")


def _overdue(database: sa.Engine) -> None:
    known = {"today": (_PUSHED + timedelta(days=60)).date()}
    with database.connect() as connection:
        connection.execute(sa.text(_OVERDUE), known).all()
        begun = time.perf_counter()
        rows = connection.execute(sa.text(_OVERDUE), known).all()
        milliseconds = (time.perf_counter() - begun) * 1000
        _aim(f"  who is overdue, {len(rows):,} cases, ms", milliseconds, 100, "at most")
        for (line,) in connection.execute(sa.text(f"explain (analyze, costs off) {_OVERDUE}"), known):
            print(f"    {line}")


def _in_memory() -> float:
    events = [
        FeedbackEvent(
            event_id=f"e{number}",
            need_id="FN000000000000",
            revision=1,
            institution_code="ICBC",
            type=type_,
            occurred_at=_PUSHED + timedelta(days=number),
            sequence=number,
            amount=Decimal(500) if type_ == "credit_approved" else None,
        )
        for number, type_ in enumerate(_PATH, 1)
    ]
    begun = time.perf_counter()
    for _ in range(20_000):
        folding = Folding.opened(_PUSHED, **_RULES)
        for event in events:
            folding.take(event)
        folding.case()
    return 20_000 * len(events) / (time.perf_counter() - begun)


def _fifth_event(number: int) -> dict[str, Any]:
    """Of a case of the history; neighbours are of different institutions and needs."""
    need, code = number // len(INSTITUTIONS), INSTITUTIONS[number % len(INSTITUTIONS)]
    return _event(f"N{number}", f"FN{need:012d}", code, 5, _PUSHED - timedelta(days=need % _WAYS), number)


def _usual_events(needs: int) -> list[dict[str, Any]]:
    chance = random.Random(11)
    events = []
    for need in range(needs):
        pushed = _PUSHED - timedelta(days=need % _WAYS)
        for code in INSTITUTIONS:
            for sequence in range(1, len(_PATH) + 1):
                at = len(events)
                events.append(_event(f"U{at}", f"FU{need:012d}", code, sequence, pushed, at))
    ways = sorted(range(len(events)), key=lambda at: at + chance.random() * _WINDOW)
    return [events[at] for at in ways]


def _event(event_id: str, need_id: str, code: str, sequence: int, pushed: datetime, number: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_id": event_id,
        "need_id": need_id,
        "revision": 1,
        "institution_code": code,
        "type": _PATH[sequence - 1],
        "occurred_at": (pushed + timedelta(days=sequence, minutes=number % 60)).isoformat(),
        "sequence": sequence,
        "catalogue_code": "2.1.1" if number % 100 == 99 else "1.1.2",
    }
    if sequence == len(_PATH):
        event |= {"amount": "100.00", "rate": 3.45, "term_months": 36, "green_label": True}
    return event


# --- A history, made in sets -------------------------------------------------------------------------------------------------


def generate(database: sa.Engine, cases: int, usual_needs: int) -> None:
    """A history, and needs that were pushed of late, of which nothing was reported yet."""
    needs = cases // len(INSTITUTIONS)
    known = {
        "needs": needs - 1,
        "usual_needs": usual_needs - 1,
        "institutions": list(INSTITUTIONS),
        "pushed": _PUSHED,
        "now": _NOW,
        "path": list(_PATH[:4]),
        "ways": _WAYS,
    }
    with database.begin() as connection:
        for statement in _PUSHED_NEEDS:
            connection.execute(sa.text(statement), known)
    with database.begin() as connection:
        connection.execute(sa.text(f"update delivery set matched = need_id like 'FN%' and not {_PATTERN}"), known)
        connection.execute(sa.text(_EVENTS_OF_A_CASE), known)
        open_cases(connection, day=Day.in_force(_NOW))  # the patterns and the usual needs, by the fold itself
        for statement in _COPIES:
            connection.execute(sa.text(statement), known)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))
    _check(database, cases)


def _check(database: sa.Engine, cases: int) -> None:
    """The copies are as the fold would have left them: the last one stands where its own events lead."""
    with database.connect() as connection:
        count = connection.execute(sa.text("select count(*) from matching_case where state = 'accepted'")).scalar_one()
        need_id, code, stands = connection.execute(
            sa.text(
                "select need_id, institution_code, folding from matching_case where need_id < 'FU' order by 1 desc limit 1"
            )
        ).one()
        columns = ", ".join(FeedbackEvent.__struct_fields__)
        events = connection.execute(
            sa.text(f"select {columns} from counted_feedback where need_id = :need_id and institution_code = :code"),
            {"need_id": need_id, "code": code},
        ).all()
        pushed = connection.execute(
            sa.text("select created_at from delivery where need_id = :need_id and action = 'push'"),
            {"need_id": need_id},
        ).scalar_one()
    folding = Folding.opened(pushed, **_RULES)
    for event in sorted(events, key=lambda row: row.sequence):
        folding.take(FeedbackEvent(**event._asdict()))
    assert count == cases and dump_fold(load_fold(stands, **_RULES)) == stands == dump_fold(folding), stands


_NUMBERED = "|| lpad(number::text, 12, '0')"
_PATTERN = "right(need_id, 12)::bigint < :ways"
_NEEDS = f"""
    (select 'FN' {_NUMBERED} as need_id, number from generate_series(0, :needs) number
     union all select 'FU' {_NUMBERED}, number from generate_series(0, :usual_needs) number) need
"""
_PUSHED_NEEDS = [
    """
    insert into intake (run_id, kind, quarter, departments, dry_run, started_at)
    values ('bench', 'quarterly', '2026Q3', '{}', false, :pushed)
    """,
    "insert into raw_payload (raw_sha256, ciphertext, size_bytes, received_at) values ('raw', '', 0, :pushed)",
    f"""
    insert into need_version (need_id, revision, item_hash, raw_sha256, intake_id, quarter, department_code, is_major,
                              uscc, enterprise_name, intended_institutions, financing_need, total_investment, own_capital,
                              document, received_at)
    select need_id, 1, need_id, 'raw', (select intake_id from intake), '2026Q3', '330000', false,
           '91330100MA2TE5T013', '青禾', cast(:institutions as text[]), 1000, 2000, 800,
           '{{"project": {{"catalogue_code": "1.1.2"}}}}', :pushed
    from {_NEEDS}
    """,
    f"""
    insert into delivery (channel, action, idempotency_key, order_key, need_id, revision, quarter, department_code,
                          body_sha256, state, created_at, next_attempt_at, settled_at)
    select 'market', 'push', 'push' || need_id, need_id, need_id, 1, '2026Q3', '330000', '', 'delivered',
           pushed_at, pushed_at, pushed_at
    from {_NEEDS}, lateral (select :pushed - (number % :ways) * interval '1 day' as pushed_at) day
    """,
]
_EVENTS_OF_A_CASE = f"""
    insert into feedback_event (event_id, need_id, revision, institution_code, type, occurred_at, sequence, document,
                                received_at)
    select 'H' || need_id || code || step, need_id, 1, code, type,
           :pushed + (step - number % :ways) * interval '1 day', step, '{{}}', :now
    from {_NEEDS}, unnest(cast(:institutions as text[])) code,
         unnest(cast(:path as text[])) with ordinality path (type, step)
    where need_id like 'FN%'
"""
_COPIED = f"""
    made, (
        select 'FN' {_NUMBERED} as need_id, 'FN' || lpad((number % :ways)::text, 12, '0') as pattern
        from generate_series(cast(:ways as bigint), :needs) number
    ) other where made.need_id = other.pattern
"""
_COPIES = [
    f"""
    insert into matching_case
    select (jsonb_populate_record(
        made,
        jsonb_build_object('need_id', other.need_id, 'folding', replace(made.folding, other.pattern, other.need_id))
    )).*
    from matching_case {_COPIED}
    """,
    *(
        f"""
        insert into {table}
        select (jsonb_populate_record(made, jsonb_build_object('need_id', other.need_id))).*
        from {table} {_COPIED}
        """
        for table in ("case_clock", "case_policy")
    ),
    f"""
    insert into delivery (channel, action, idempotency_key, order_key, need_id, revision, quarter, department_code, body,
                          body_sha256, state, created_at, next_attempt_at, settled_at)
    select made.channel, made.action, 'progress' || other.need_id, other.need_id, other.need_id, 1, made.quarter,
           made.department_code, made.body, made.body_sha256, 'delivered', made.created_at, made.created_at,
           made.created_at
    from delivery {_COPIED} and made.action = 'progress'
    """,
]
_OVERDUE = """
    select need_id, institution_code, from_type, to_type, due_on from case_clock
    where stopped_on is null and not paused and due_on < :today
    order by due_on limit 10000
"""

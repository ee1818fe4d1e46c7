"""Cases: new feedback folded into a stored history, and who is overdue; each size on a database of its own.

A size is a number of cases: four institutions a need, five events a case. Four of them are stored and folded; the fifth ones come in
while the clock runs, each for another case: the worst spread.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import SHANGHAI
from include.domain.case import FeedbackEvent, Folding
from include.domain.standing import kept
from include.local.postgres import PostgresServer
from include.matching import collect_feedback, open_cases, refold
from include.privacy import PersonalDataCipher
from include.reference import case_transitions
from include.store.database import connect, migrate

INSTITUTIONS = ("ICBC", "ABC", "BOC", "CCB")
_PATH = ("received", "contacted", "visited", "accepted", "credit_approved")
_PUSHED = datetime(2026, 10, 8, 9, tzinfo=SHANGHAI)
_NOW = _PUSHED + timedelta(days=12)
_NEW = 100_000
_CIPHER = PersonalDataCipher(["bench"])


class _Feed:
    """New events in pages, as the platform's client gives them."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events

    def feedback(self, after: str | None, limit: int) -> Any:
        start = int(after or 0)
        end = min(start + limit, len(self._events))
        return type(
            "Page", (), {"items": self._events[start:end], "next_cursor": str(end), "has_more": end < len(self._events)}
        )


def report(sizes: Sequence[int]) -> None:
    """Measure each size and print what it takes."""
    print(f"the fold alone, in memory: {_in_memory():,.0f} events/s\n")
    for cases in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
            server.create_database("bench")
            database = connect(server.url("bench"))
            migrate(database)
            _measure(database, cases)
            database.dispose()


def _measure(database: sa.Engine, cases: int) -> None:
    begun = time.perf_counter()
    generate(database, cases)
    print(f"{cases:,} cases, {cases * 4:,} stored events (made in {time.perf_counter() - begun:,.0f} s)")
    new = [_new_event(number) for number in range(min(cases, _NEW))]
    begun = time.perf_counter()
    with database.begin() as connection:
        opened = open_cases(connection, _NOW)
    print(
        f"  looking for what waits, with nothing new:       {(time.perf_counter() - begun) * 1000:9,.1f} ms, {opened} found"
    )
    collect_feedback(database, _Feed(new[:100]), _NOW, cipher=_CIPHER)  # the rule book is loaded once a process
    with database.begin() as connection:
        connection.execute(sa.text("delete from feedback_cursor"))
    begun, at_work = time.perf_counter(), time.process_time()
    summary = collect_feedback(database, _Feed(new[100:]), _NOW, cipher=_CIPHER)
    seconds, at_work = time.perf_counter() - begun, time.process_time() - at_work
    print(
        f"  {summary.new:,} new events read, stored, judged, folded, told: {seconds:6,.2f} s,"
        f" {summary.new / seconds:9,.0f} events/s (aim: 30,000), {summary.cases_changed:,} cases changed;"
        f" {at_work:,.2f} s of it this process's own"
    )
    begun = time.perf_counter()
    with database.begin() as connection:
        changed = refold(connection, [f"FN{number:012d}" for number in range(500)], _NOW).changed
    seconds = time.perf_counter() - begun
    print(f"  2,000 cases folded from their start: {10_000 / seconds:,.0f} events/s, {changed} otherwise than before")
    _overdue(database)


def _overdue(database: sa.Engine) -> None:
    known = {"today": (_PUSHED + timedelta(days=60)).date()}
    with database.connect() as connection:
        begun = time.perf_counter()
        rows = connection.execute(sa.text(_OVERDUE), known).all()
        seconds = time.perf_counter() - begun
        print(f"  who is overdue: {len(rows):,} cases in {seconds * 1000:,.1f} ms (aim: 100)")
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
        folding = Folding(_PUSHED.date(), transitions=case_transitions(), reopen_max=1)
        for event in events:
            folding.take(event)
        folding.case()
    return 20_000 * len(events) / (time.perf_counter() - begun)


def _new_event(number: int) -> dict[str, Any]:
    """The fifth event of a case; neighbours are of different needs, as in a feed."""
    need, code = number // len(INSTITUTIONS), INSTITUTIONS[number % len(INSTITUTIONS)]
    return {
        "event_id": f"N{number}",
        "need_id": f"FN{need:012d}",
        "revision": 1,
        "institution_code": code,
        "type": "credit_approved",
        "occurred_at": (_PUSHED + timedelta(days=5)).isoformat(),
        "sequence": 5,
        "amount": "100.00",
        "rate": 3.45,
        "term_months": 36,
        "green_label": True,
        "catalogue_code": "1.1.2",
    }


# --- A history, made in sets -------------------------------------------------------------------------------------------------


def generate(database: sa.Engine, cases: int) -> None:
    """Needs that were pushed, four reports of each of their institutions, and the cases as the fold leaves them."""
    needs = cases // len(INSTITUTIONS)
    known = {
        "needs": needs - 1,
        "institutions": list(INSTITUTIONS),
        "pushed": _PUSHED,
        "now": _NOW,
        "path": list(_PATH[:4]),
    }
    with database.begin() as connection:
        for statement in _PUSHED_NEEDS:
            connection.execute(sa.text(statement), known)
    with database.begin() as connection:
        open_one = connection.execute(sa.text("update delivery set matched = need_id <> 'FN000000000000'"))
        assert open_one.rowcount == needs
        connection.execute(sa.text(_EVENTS_OF_A_CASE), known)
        open_cases(connection, _NOW)  # the first need, by the fold itself; the others are its copies
        for statement in _COPIES:
            connection.execute(sa.text(statement), known)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))
    _check(database, cases)


def _check(database: sa.Engine, cases: int) -> None:
    folding = Folding(_PUSHED.date(), transitions=case_transitions(), reopen_max=1)
    with database.connect() as connection:
        count = connection.execute(sa.text("select count(*) from matching_case where state = 'accepted'")).scalar_one()
        stands = connection.execute(sa.text("select folding from matching_case limit 1")).scalar_one()
    assert count == cases and set(stands) == set(kept(folding)), json.dumps(stands)


_NEED_NUMBER = "'FN' || lpad(number::text, 12, '0')"
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
    select {_NEED_NUMBER}, 1, number::text, 'raw', (select intake_id from intake), '2026Q3', '330000', false,
           '91330100MA2TE5T013', '青禾', cast(:institutions as text[]), 1000, 2000, 800,
           '{{"project": {{"catalogue_code": "1.1.2"}}}}', :pushed
    from generate_series(0, :needs) number
    """,
    f"""
    insert into delivery (channel, action, idempotency_key, order_key, need_id, revision, quarter, department_code, body,
                          body_sha256, state, created_at, next_attempt_at, settled_at)
    select 'market', 'push', 'push' || number, {_NEED_NUMBER}, {_NEED_NUMBER}, 1, '2026Q3', '330000', '{{}}',
           '', 'delivered', :pushed, :pushed, :pushed
    from generate_series(0, :needs) number
    """,
]
_EVENTS_OF_A_CASE = f"""
    insert into feedback_event (event_id, need_id, revision, institution_code, type, occurred_at, sequence, document,
                                received_at)
    select 'H' || number || code || step, {_NEED_NUMBER}, 1, code, type, :pushed + step * interval '1 day', step, '{{}}',
           :now
    from generate_series(0, :needs) number, unnest(cast(:institutions as text[])) code,
         unnest(cast(:path as text[])) with ordinality path (type, step)
"""
_OTHERS = f"select {_NEED_NUMBER} as need_id, number from generate_series(1, :needs) number"
_COPIES = [
    f"""
    insert into matching_case
    select (jsonb_populate_record(
        made, jsonb_build_object(
            'need_id', other.need_id,
            'folding', jsonb_set(
                made.folding, '{{last,2}}', to_jsonb('H' || other.number || made.institution_code || '4')
            )
        )
    )).*
    from matching_case made, ({_OTHERS}) other where made.need_id = 'FN000000000000'
    """,
    f"""
    insert into case_clock
    select (jsonb_populate_record(made, jsonb_build_object('need_id', other.need_id))).*
    from case_clock made, ({_OTHERS}) other where made.need_id = 'FN000000000000'
    """,
    f"""
    insert into delivery (channel, action, idempotency_key, order_key, need_id, revision, quarter, department_code, body,
                          body_sha256, state, created_at, next_attempt_at, settled_at)
    select made.channel, made.action, 'progress' || other.number, other.need_id, other.need_id, 1, made.quarter,
           made.department_code, made.body, made.body_sha256, 'delivered', made.created_at, made.created_at,
           made.created_at
    from delivery made, ({_OTHERS}) other where made.need_id = 'FN000000000000' and made.action = 'progress'
    """,
]
_OVERDUE = """
    select need_id, institution_code, from_type, to_type, due_on from case_clock
    where stopped_on is null and not paused and due_on < :today
    order by due_on limit 10000
"""

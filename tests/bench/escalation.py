"""One day's escalation over so many open cases, its digests sent to a mail server on loopback, and the quarter under another policy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from include import escalation
from include.action_links.maker import LinkMaker
from include.base.settings import ConnectionFields, Settings
from include.delivery.stage import deliver
from include.domain.quarter import Quarter
from include.escalation import what_if
from include.local.postgres import PostgresServer
from include.reference.day import Day
from include.store.database import connect, migrate
from tests.bench.mail_sink import mail_sink
from tests.support.escalation import CALENDAR, POLICY, overdue_day, staff, stalled_case
from tests.support.outbox import Clock
from tests.support.rows import QUARTER, moment, need_id, rewrite

_CITIES = 500
_COPIED = ("need_version", "delivery", "matching_case", "case_clock", "feedback_event")


def report(sizes: Sequence[int]) -> None:
    """Measure each size and print what a day takes."""
    for cases in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
            server.create_database("bench")
            database = connect(server.url("bench"))
            migrate(database)
            _generate(database, cases)
            _measure(database, cases)
            database.dispose()


def _measure(database: sa.Engine, cases: int) -> None:
    now = moment(overdue_day(2))
    links = LinkMaker(b"the benchmark's key of action links", "https://airflow.example/green-finance")
    begun, worked = time.perf_counter(), time.process_time()
    summary = escalation.escalate(database, day=Day(now, CALENDAR, POLICY), links=links)
    decided, own = time.perf_counter() - begun, time.process_time() - worked
    print(
        f"{cases:,} open cases: {summary.steps_raised:,} steps, {summary.digests:,} digests in {decided:,.1f} s,"
        f" of which {own:,.1f} s of its own work"
    )
    for page in (1, 2, cases // 50):
        begun = time.perf_counter()
        with database.connect() as connection:
            board = escalation.stalled_needs(connection, day=Day(now, CALENDAR, POLICY), rows=50, after=(page - 1) * 50)
        print(f"  page {page} of {board.total:,} stalled needs in {time.perf_counter() - begun:,.2f} s")
    begun = time.perf_counter()
    audited = escalation.audit_steps(database, day=Day(now, CALENDAR, POLICY))
    print(
        f"  the auditor: {audited.breaches:,} breaches, {audited.mails:,} mails in {time.perf_counter() - begun:,.1f} s"
    )
    extra = {"from_email": "robot@example.test", "disable_ssl": True, "disable_tls": True}
    clock = Clock(now)
    with mail_sink() as (port, taken):
        settings = Settings(connections={"smtp_default": ConnectionFields(host="127.0.0.1", port=port, extra=extra)})
        begun, worked = time.perf_counter(), time.process_time()
        deliver(database, "mail", settings=settings, policy=POLICY, clock=clock)  # type: ignore[arg-type]
        sent, own = time.perf_counter() - begun, time.process_time() - worked
        mails = taken.value
    print(
        f"  sent {mails:,} mails in {sent:,.1f} s ({mails / sent:,.0f}/s), of which {own:,.1f} s of the sender's own work"
    )
    print(f"  decided, rendered and sent: {mails / (decided + sent):,.0f} digests/s")
    _try_out(database)


def _try_out(database: sa.Engine) -> None:
    present = what_if.in_force()
    assumed = what_if.changed(present, {"ladder_step2_working_days": "4"})
    begun, worked = time.perf_counter(), time.process_time()
    outcome = what_if.what_if(
        database,
        Quarter.parse(QUARTER),
        assumed,
        present=present,
        now=moment(overdue_day(30)),
        calendar=CALENDAR,
    )
    took, own = time.perf_counter() - begun, time.process_time() - worked
    print(
        f"  what-if over {outcome.needs:,} needs and 30 working days: {len(outcome.assumed):,} steps"
        f" in {took:,.1f} s, of which {own:,.1f} s of its own work"
    )


def _generate(database: sa.Engine, cases: int) -> None:
    """One stalled case, copied under other numbers and spread over cities."""
    with database.begin() as connection:
        cities = [(authority, "city", f"33{city:04d}") for city in range(_CITIES) for authority in ("MIIT", "PBOC")]
        staff(connection, [("MIIT", "nation", "000000"), ("PBOC", "nation", "000000")])
        connection.execute(
            sa.text(
                "insert into coordinator (coordinator_id, position, authority, level, region_code, role, email, on_duty)"
                " values (:id, :position, :authority, 'city', :region, '融资协调岗', :email, true)"
            ),
            [
                {
                    "id": f"{a}-{r}",
                    "position": at,
                    "authority": a,
                    "region": r,
                    "email": f"{a}.{r}@example.test".lower(),
                }
                for at, (a, _, r) in enumerate(cities, start=10)
            ],
        )
        stalled_case(connection, 1)
        connection.execute(sa.text("set local session_replication_role = replica"))
        for table in _COPIED:
            connection.execute(
                sa.text(
                    f"""
                    insert into {table} overriding system value
                    select (jsonb_populate_record(one, jsonb_build_object(
                        'need_id', 'FN' || lpad(n::text, 12, '0'), 'delivery_id', 1000 + n, 'event_id', 'EV-' || n,
                        'idempotency_key', 'push:' || n, 'city_code', '33' || lpad((n % {_CITIES})::text, 4, '0')))).*
                    from {table} one cross join generate_series(2, :cases) n where one.need_id = :need_id
                    """
                ),
                {"cases": cases, "need_id": need_id(1)},
            )
        rewrite(
            connection,
            sa.text("update need_version set city_code = '330001' where need_id = :one"),
            {"one": need_id(1)},
        )
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("analyze"))

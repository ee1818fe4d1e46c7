"""Yesterday's database is restored: reconciliation finds what is missing, and the pipeline's own re-run repairs it."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery.stage import deliver
from include.local.postgres import PostgresServer
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reconciliation import reconcile
from include.reference import policy
from include.reference.day import Day
from include.sandbox.scenario.stage import Scenario
from include.sandbox.server import Sandbox
from include.store.database import connect
from tests.support.outbox import CIPHER, NOW, Clock, connected_to, deliveries, need_id, queue_pushes
from tests.support.rows import AUDIT_KEYS, moment


def _copied(server: PostgresServer, engine: sa.Engine) -> sa.Engine:
    """The database as it is now, under another name: the backup."""
    name = f"backup_{uuid.uuid4().hex[:12]}"
    engine.dispose()
    maintenance = connect(server.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(sa.text(f'create database "{name}" template "{engine.url.database}"'))
    maintenance.dispose()
    return connect(server.url(name), audit_keys=AUDIT_KEYS)


def _deliver(engine: sa.Engine, settings: Settings) -> None:
    clock = Clock()
    deliver(engine, "market", settings=settings, policy=policy(), clock=clock)


def _findings(stages: Stages, now: datetime) -> Counter[str]:
    stages.reconcile("2026Q3", now)
    with stages.engine.connect() as connection:
        query = "select kind, count(*) from reconciliation_finding where closed_at is null group by kind"
        return Counter(dict(connection.execute(sa.text(query)).tuples().all()))


@pytest.mark.slow
def test_what_reconciliation_suggests_repairs_a_restored_database(
    database: sa.Engine, postgres: PostgresServer, quiet_scenario: Scenario, tmp_path: Path
) -> None:
    early, late = moment("2026-09-22 09:00"), moment("2026-10-09 09:00")
    with Sandbox(quiet_scenario, now=early, mail_dir=tmp_path / "mail") as sandbox:
        there = connected_to(sandbox)
        with GreenPlatformClient(there.green_platform) as green, CreditMarketClient(there.credit_market) as market:
            before = Stages(database, there, green, market)
            before.quarterly_intake("2026Q3", early)
            before.deliver("2026Q3", early)
            backup = _copied(postgres, database)
            sandbox.set_clock(late)
            before.quarterly_intake("2026Q3", late)
            before.deliver("2026Q3", late)
            held = {(entry["need_id"], entry["revision"]): entry["receipt_no"] for entry in sandbox.ledger()}
            assert _findings(before, late) == Counter()

            restored = Stages(backup, there, green, market)
            lost = _findings(restored, late)
            assert lost["not_taken_in"] > 0 and lost["unknown_in_ledger"] > 0
            with backup.connect() as connection:
                suggestions = set(
                    connection.execute(sa.text("select suggestion from reconciliation_finding")).scalars()
                )
            assert any(one.startswith("airflow dags trigger quarterly_intake") for one in suggestions)
            restored.quarterly_intake("2026Q3", late)
            restored.deliver("2026Q3", late)
            assert _findings(restored, late) == Counter()
            assert {(entry["need_id"], entry["revision"]): entry["receipt_no"] for entry in sandbox.ledger()} == held
            assert {entry["effects"] for entry in sandbox.ledger()} == {1}
    backup.dispose()


def _unknown_in_ledger(engine: sa.Engine, settings: Settings) -> list[str]:
    with GreenPlatformClient(settings.green_platform) as green, CreditMarketClient(settings.credit_market) as market:
        reconcile(engine, green, market, CIPHER, "2026Q3", Day.in_force(NOW))
    with engine.connect() as connection:
        return list(
            connection.execute(
                sa.text(
                    "select need_id from reconciliation_finding"
                    " where kind = 'unknown_in_ledger' and closed_at is null order by need_id"
                )
            ).scalars()
        )


def test_a_restored_database_finds_what_it_lost_and_sends_nothing_twice(
    database: sa.Engine, postgres: PostgresServer, settings: Settings, sandbox: Sandbox
) -> None:
    before, after = range(50), range(50, 60)
    queue_pushes(database, before)
    backup = _copied(postgres, database)
    queue_pushes(database, after)
    _deliver(database, settings)
    receipts = {row.need_id: row.receipt_no for row in deliveries(database)}
    assert len(sandbox.ledger()) == 60

    assert _unknown_in_ledger(backup, settings) == [need_id(number) for number in after]
    _deliver(backup, settings)
    # What the backup did not know is read from the green platform again, and judged and queued as before.
    queue_pushes(backup, after)
    _deliver(backup, settings)

    assert _unknown_in_ledger(backup, settings) == []
    assert Counter(row.outcome for row in deliveries(backup)) == {"duplicate": 60}
    assert {row.need_id: row.receipt_no for row in deliveries(backup)} == receipts
    assert {entry["effects"] for entry in sandbox.ledger()} == {1}
    backup.dispose()

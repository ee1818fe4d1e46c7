"""Yesterday's database is restored: reconciliation finds what is missing, and the pipeline's own re-run repairs it."""

from __future__ import annotations

import uuid
from collections import Counter

import sqlalchemy as sa

from include.delivery.engine import deliver
from include.local.postgres import PostgresServer
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reconciliation import reconcile
from include.sandbox.server import Sandbox
from include.settings import Settings
from include.store.database import connect
from tests.delivery.outbox import CIPHER, NOW, Clock, deliveries, need_id, queue_pushes


def _copied(server: PostgresServer, engine: sa.Engine) -> sa.Engine:
    """The database as it is now, under another name: the backup."""
    name = f"backup_{uuid.uuid4().hex[:12]}"
    engine.dispose()
    maintenance = connect(server.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(sa.text(f'create database "{name}" template "{engine.url.database}"'))
    maintenance.dispose()
    return connect(server.url(name))


def _deliver(engine: sa.Engine, settings: Settings) -> None:
    clock = Clock()
    deliver(engine, "market", settings=settings, clock=clock, sleep=clock.sleep)


def _unknown_in_ledger(engine: sa.Engine, settings: Settings) -> list[str]:
    with GreenPlatformClient(settings.green_platform) as green, CreditMarketClient(settings.credit_market) as market:
        reconcile(engine, green, market, CIPHER, "2026Q3", NOW)
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

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from include.errors import ConfigurationError
from include.local.postgres import PostgresServer
from include.settings import Settings
from include.store.database import connect, migrate, open_database
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import delivery, metadata

NOW = datetime(2026, 9, 30, 10, tzinfo=UTC)


def test_the_migrations_lead_to_the_tables_of_the_code(database: sa.Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_several_processes_may_migrate_an_empty_database_at_once(postgres: PostgresServer) -> None:
    postgres.create_database("migrated_at_once")
    engines = [connect(postgres.url("migrated_at_once")) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, engines))
    assert "delivery" in sa.inspect(engines[0]).get_table_names()
    for engine in engines:
        engine.dispose()


def test_an_unreachable_database_is_named_with_the_next_step() -> None:
    connection = json.dumps(
        {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": 1,
            "schema": "greenfin",
            "login": "x",
            "password": "hush",
        }
    )
    settings = Settings.from_environment({"AIRFLOW_CONN_BUSINESS_DB": connection})
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:1/greenfin") as caught:
        open_database(settings)
    assert "hush" not in str(caught.value)


def test_deciding_again_queues_nothing_again(database: sa.Engine) -> None:
    push = NewDelivery(
        channel="market", action="push", idempotency_key="push:FN1:1", body={"a": 1}, need_id="FN1", order_key="FN1"
    )
    with database.begin() as connection:
        assert enqueue(connection, [push, push], NOW) == 1
        assert enqueue(connection, [push], NOW) == 0
    with database.connect() as connection:
        row = connection.execute(sa.select(delivery)).one()
    assert (row.state, row.order_key, row.attempts) == ("pending", "market:FN1", 0)

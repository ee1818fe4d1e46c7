from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from include.base.errors import ConfigurationError
from include.base.settings import Settings
from include.local.postgres import PostgresServer
from include.store import schema
from include.store.database import array_of, connect, copy_rows, fetch_rows, migrate, open_database
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import delivery, metadata
from tests.support.rows import add_need

NOW = datetime(2026, 9, 30, 10, tzinfo=UTC)


def test_an_empty_database_gets_the_tables_of_the_code(database: sa.Engine) -> None:
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


@pytest.mark.parametrize(
    "change", ["alter table alert drop column severity cascade", "update alembic_version set version_num = 'of old'"]
)
def test_tables_that_no_migration_leads_from_are_left_alone_with_the_next_step(database_url: str, change: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        schema.clear(connection)
        connection.execute(sa.text(change))
    with pytest.raises(ConfigurationError, match="make clean"):
        migrate(engine)
    assert sa.inspect(engine).get_view_names() == []
    engine.dispose()


def test_what_stands_beside_the_tables_is_made_anew_without_touching_a_row(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        add_need(connection, 1)
        views = sa.inspect(connection).get_view_names()
        schema.clear(connection)
    migrate(engine)
    assert sorted(sa.inspect(engine).get_view_names()) == sorted(views)
    with engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from need_version")).scalar() == 1
    engine.dispose()


def test_a_view_that_somebody_built_on_one_of_ours_stops_the_upgrade(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("create view of_somebody as select * from arrived_push"))
    with pytest.raises(sa.exc.DBAPIError, match="of_somebody"), engine.begin() as connection:
        schema.clear(connection)
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
    settings = Settings.from_environment(
        {"AIRFLOW_CONN_BUSINESS_DB": connection, "AIRFLOW__CORE__FERNET_KEY": "k" * 44}
    )
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:1/greenfin") as caught:
        open_database(settings)
    assert "hush" not in str(caught.value)


def test_deciding_again_queues_nothing_again(database: sa.Engine) -> None:
    withdrawal = NewDelivery(
        channel="market",
        action="withdrawal",
        idempotency_key="withdrawal:FN1",
        body={"a": 1},
        need_id="FN1",
        order_key="FN1",
    )
    with database.begin() as connection:
        assert enqueue(connection, [withdrawal, withdrawal], NOW) == 1
        assert enqueue(connection, [withdrawal], NOW) == 0
    with database.connect() as connection:
        row = connection.execute(sa.select(delivery)).one()
    assert (row.state, row.order_key, row.attempts) == ("pending", "market:FN1", 0)


def test_rows_are_copied_with_the_types_of_their_columns(database: sa.Engine) -> None:
    columns = ("at", "amount", "number", "names", "sealed", "told", "sure")
    rows = [
        (NOW, Decimal("12.50"), 7, ["甲", "乙,丙"], b"\x00\xff", "一\t二\n三\\", True),
        (None, None, None, None, None, None, None),
    ]
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "create temporary table copied (at timestamptz, amount numeric, number bigint, names text[], sealed bytea,"
                " told text, sure boolean)"
            )
        )
        copy_rows(connection, "copied", columns, rows)
        assert fetch_rows(connection, sa.text("select * from copied"), {}) == rows


def test_a_json_document_is_copied_as_its_text(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("create temporary table copied (document jsonb, at timestamptz)"))
        copy_rows(connection, "copied", ("document", "at"), [('{"a": [1]}', NOW)])
        assert connection.execute(sa.text("select document -> 'a' ->> 0 from copied")).scalar_one() == "1"


def test_an_array_is_written_as_postgresql_reads_it(database: sa.Engine) -> None:
    with database.connect() as connection:
        for values in (
            [],
            ["push:FN202603000001:1", ""],
            [1, 20, -3],
            ["a,b", 'a"b', "{a}", "\\a\\", " ", "null", "一\n"],
        ):
            read = connection.execute(
                sa.text("select cast(:given as text[])"), {"given": array_of(values)}
            ).scalar_one()
            assert read == [str(value) for value in values]


def test_an_array_holds_no_more_values_than_it_was_given() -> None:
    with pytest.raises(ValueError, match="U\\+0000"):
        array_of(["a", "b\0c"])

"""A demo empties only what is the sandbox's."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa

from include.base.errors import ConfigurationError
from include.base.settings import Settings
from include.local.databases import renew_business_database
from include.local.environment import Environment
from include.store.database import open_database
from include.store.grants import RUNNING


def _connect(environment: Environment, database: str = "greenfin") -> psycopg.Connection:
    return psycopg.connect(environment.postgres.url(database).replace("+psycopg", ""), autocommit=True)


def _add_mark(environment: Environment) -> None:
    with _connect(environment) as connection:
        connection.execute("insert into feedback_cursor (cursor, read_at) values ('c', now())")


def _cursors(environment: Environment) -> int:
    with _connect(environment) as connection:
        return connection.execute("select count(*) from feedback_cursor").fetchone()[0]


@pytest.fixture(autouse=True)
def _fresh(environment: Environment) -> None:
    environment.postgres.drop_database("greenfin")


def test_what_a_demo_left_is_emptied_for_the_next(environment: Environment) -> None:
    renew_business_database(environment)
    _add_mark(environment)
    renew_business_database(environment)
    assert _cursors(environment) == 0


def test_data_without_the_mark_are_refused_and_left_alone(environment: Environment) -> None:
    renew_business_database(environment)
    _add_mark(environment)
    with _connect(environment, "postgres") as connection:
        connection.execute("comment on database greenfin is null")
    with pytest.raises(ConfigurationError, match="没有标明是沙箱数据"):
        renew_business_database(environment)
    assert _cursors(environment) == 1


def test_an_empty_database_without_the_mark_is_taken(environment: Environment) -> None:
    environment.postgres.create_database("greenfin")
    renew_business_database(environment)
    assert _cursors(environment) == 0


def test_the_pipeline_logs_in_without_owning_anything(environment: Environment) -> None:
    renew_business_database(environment)
    settings = Settings.from_environment({**environment.connections(), "AIRFLOW__CORE__FERNET_KEY": "k" * 44})
    for role in RUNNING:
        engine = open_database(settings, role)
        with engine.connect() as connection:
            found = connection.execute(
                sa.text("select session_user, current_user, rolsuper from pg_roles where rolname = session_user")
            ).one()
        engine.dispose()
        assert found._tuple() == ("greenfin_app", str(role), False)


def test_what_airflow_has_becomes_its_own_login_s(environment: Environment) -> None:
    environment.postgres.create_database("airflow_before")
    with _connect(environment, "airflow_before") as connection:
        connection.execute("create table dag (dag_id int generated always as identity)")
        connection.execute("create type state as enum ('running')")
    environment.postgres.create_login("airflow", "a-password")
    environment.postgres.create_database("airflow_before", "airflow")
    url = environment.postgres.url("airflow_before", "airflow", "a-password").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter table dag add column state state")
        connection.execute("insert into dag (state) values ('running')")
        connection.execute("create table more (number int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create role another")

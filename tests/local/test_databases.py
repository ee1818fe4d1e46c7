"""A demo empties only what is the sandbox's."""

from __future__ import annotations

import psycopg
import pytest

from include.errors import ConfigurationError
from include.local.databases import renew_business_database
from include.local.environment import Environment


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

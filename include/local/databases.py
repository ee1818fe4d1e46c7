"""The databases on the embedded server: Airflow's, one more for Airflow's runs from a shell, and the business database."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version

import psycopg
from psycopg import sql

from include.base.errors import ConfigurationError
from include.local.environment import (
    AIRFLOW_DATABASE,
    AIRFLOW_LOGIN,
    BUSINESS_DATABASE,
    BUSINESS_LOGIN,
    METADATA_URL,
    ROOT,
    SHELL_DATABASE,
    Environment,
)
from include.store.database import connect, migrate
from include.store.grants import RUNNING

# A database that a demo may empty is marked as such in its comment.
SANDBOX_MARK = "sandbox"


def prepare(environment: Environment, variables: Mapping[str, str]) -> None:
    """Start PostgreSQL, create missing databases, and migrate all to their newest schema."""
    server = environment.postgres
    server.start()
    server.create_login(AIRFLOW_LOGIN, environment.secrets.airflow_db_password)
    for name in (AIRFLOW_DATABASE, SHELL_DATABASE):
        server.create_database(name, AIRFLOW_LOGIN)
        _migrate_airflow(environment, variables, name)
    if not _exists(environment, BUSINESS_DATABASE):
        _create_business_database(environment)
    if not environment.plays_on_sandbox(variables):
        _mark(environment, None)
    _migrate_business(environment)


def forget_lost_sandbox(environment: Environment) -> bool:
    """Empty the business database if it belongs to an earlier sandbox; returns whether it did.

    The sandbox keeps needs, ledger and feed in memory: they are gone when it ends.
    """
    if not _is_marked(environment) or _is_empty(environment):
        return False
    renew_business_database(environment)
    return True


def renew_business_database(environment: Environment) -> None:
    """Give a demo an empty business database.

    Raises ConfigurationError, and changes nothing, if the present one holds data and is not marked as the sandbox's.
    """
    if _exists(environment, BUSINESS_DATABASE) and not (_is_marked(environment) or _is_empty(environment)):
        raise ConfigurationError(
            f"业务数据库 {BUSINESS_DATABASE} 中已有数据，且没有标明是沙箱数据，演示不会删除它。",
            "请先备份并自行清除该库（确认不再需要时：make clean），或在另一份代码目录中运行演示。",
        )
    environment.postgres.drop_database(BUSINESS_DATABASE)
    # Heads of the old audit chain would make the new one look truncated.
    shutil.rmtree(environment.layout.reports / "audit", ignore_errors=True)
    _create_business_database(environment)
    _migrate_business(environment)


def _create_business_database(environment: Environment) -> None:
    environment.postgres.create_database(BUSINESS_DATABASE)
    _mark(environment, SANDBOX_MARK)


def _mark(environment: Environment, mark: str | None) -> None:
    with _maintenance(environment) as connection:
        connection.execute(
            sql.SQL("comment on database {} is {}").format(sql.Identifier(BUSINESS_DATABASE), sql.Literal(mark))
        )


def _migrate_business(environment: Environment) -> None:
    engine = connect(environment.postgres.url(BUSINESS_DATABASE))
    try:
        migrate(engine)
    finally:
        engine.dispose()
    environment.postgres.create_login(BUSINESS_LOGIN, environment.secrets.business_db_password, RUNNING)


def _migrate_airflow(environment: Environment, variables: Mapping[str, str], database: str) -> None:
    """Airflow's own migration takes seconds, so it is skipped if its schema is known to be of this version."""
    known = environment.layout.airflow_home / f"migrated-{database}.json"
    if known.exists() and json.loads(known.read_text(encoding="utf-8")) == _airflow_schema(environment, database):
        return
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env={**variables, METADATA_URL: environment.metadata_url(database)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        log = environment.layout.logs / "airflow-db-migrate.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        raise ConfigurationError("Airflow 数据库迁移失败。", f"请查看 {log}；演示数据可以重来：make clean 后再试。")
    with psycopg.connect(_dsn(environment, "postgres"), autocommit=True) as connection:
        # A crash that loses Airflow's last moments costs a re-run; the business database keeps whatever it
        # acknowledged.
        connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(database)))
    known.write_text(json.dumps(_airflow_schema(environment, database)), encoding="utf-8")


def _airflow_schema(environment: Environment, database: str) -> dict[str, str | None]:
    with psycopg.connect(_dsn(environment, database)) as connection:
        found = connection.execute("select to_regclass('alembic_version')").fetchone()
        if found is None or found[0] is None:
            return {"airflow": None, "revision": None}
        row = connection.execute("select version_num from alembic_version").fetchone()
    return {"airflow": version("apache-airflow-core"), "revision": row[0] if row else None}


def _exists(environment: Environment, name: str) -> bool:
    with _maintenance(environment) as connection:
        return connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is not None


def _is_marked(environment: Environment) -> bool:
    with _maintenance(environment) as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", (BUSINESS_DATABASE,)
        ).fetchone()
    return row is not None and row[0] == SANDBOX_MARK


def _is_empty(environment: Environment) -> bool:
    """Whether no table has a row, apart from the migrations' own."""
    with psycopg.connect(_dsn(environment, BUSINESS_DATABASE)) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables "
            "where schemaname not in ('pg_catalog', 'information_schema') and tablename <> 'alembic_version'"
        ).fetchall()
        return not any(
            connection.execute(
                sql.SQL("select 1 from {} limit 1").format(sql.Identifier(str(schema), str(table)))
            ).fetchone()
            for schema, table in tables
        )


def _maintenance(environment: Environment) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(_dsn(environment, "postgres"), autocommit=True)


def _dsn(environment: Environment, database: str) -> str:
    return environment.postgres.url(database).replace("+psycopg", "", 1)

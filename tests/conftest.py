"""One embedded PostgreSQL for a test session; a fresh, migrated database for each test that asks for one.

Airflow reads its configuration when it is first imported, so that what tests of DAGs and timetables need is set here.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="airflow-tests-"))

os.environ.update(
    {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "GX_ANALYTICS_ENABLED": "false",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")]),
    }
)

from include.local.postgres import PostgresServer
from include.store.database import connect, migrate
from include.store.grants import DatabaseRole
from tests.support.quick_disk import folder_for_databases
from tests.support.rows import AUDIT_KEYS

settings.register_profile(
    "nightly", max_examples=2000, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if "HYPOTHESIS_PROFILE" in os.environ:
    settings.load_profile(os.environ["HYPOTHESIS_PROFILE"])

FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "512MB"}
"""Settings of a server whose data nobody will miss."""


SLOW_FOLDERS = {"end_to_end", "faults", "local"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of these folders are slow; elsewhere a test says so itself."""
    for item in items:
        if SLOW_FOLDERS & set(item.path.relative_to(REPOSITORY).parts):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server of its own, which need not survive a power cut."""
    with folder_for_databases("postgres-tests-") as folder, PostgresServer(folder) as server:
        with connect(server.url("postgres")).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for setting, value in FORGETFUL.items():
                connection.execute(sa.text(f"alter system set {setting} = '{value}'"))
            connection.execute(sa.text("select pg_reload_conf()"))
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """URL of the maintenance database of a fresh server."""
    return postgres.url("postgres")


@pytest.fixture(scope="session")
def _template(postgres: PostgresServer) -> str:
    postgres.create_database("template_business")
    engine = connect(postgres.url("template_business"))
    migrate(engine)
    engine.dispose()
    return "template_business"


@pytest.fixture
def database_url(postgres: PostgresServer, _template: str) -> Iterator[str]:
    """URL of a fresh database with the business schema."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    maintenance = connect(postgres.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(sa.text(f'create database "{name}" template "{_template}"'))
    yield postgres.url(name)
    with maintenance.connect() as connection:
        connection.execute(sa.text(f'drop database "{name}" with (force)'))
    maintenance.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a fresh database with the business schema, as the pipeline has it (tests.support.rows: to change history)."""
    engine = connect(database_url, role=DatabaseRole.PIPELINE, audit_keys=AUDIT_KEYS)
    yield engine
    engine.dispose()


@pytest.fixture
def superuser(database_url: str) -> Iterator[sa.Engine]:
    """An engine on the same database for which no right is missing: only triggers refuse anything."""
    engine = connect(database_url, audit_keys=AUDIT_KEYS)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def airflow_home() -> Iterator[Path]:
    """A home of its own for Airflow, gone after the tests."""
    yield AIRFLOW_HOME
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)

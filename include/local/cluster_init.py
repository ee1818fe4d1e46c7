"""The first job of docker-compose.yaml: makes logins and databases, and migrates both databases.

Only it has the superuser's address (GFF_DATABASE_ADMIN); later processes use logins that own nothing of the business
database.
"""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
from sqlalchemy import URL, make_url

from include.base.settings import Settings
from include.local.logins import create_database, create_login, hand_over
from include.store.database import connect, migrate
from include.store.grants import RUNNING


def main() -> int:
    """Prepare both databases; safe to run at every start. Returns the exit code of Airflow's migration."""
    admin = make_url(os.environ["GFF_DATABASE_ADMIN"])
    airflow = make_url(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    business = Settings.from_environment().business_db_url
    engine = connect(admin.set(database=business.database))
    migrate(engine)
    engine.dispose()
    name, owner = airflow.database or "airflow", airflow.username or "airflow"
    with _superuser(admin, business.database) as connection:
        create_login(connection, business.username or "", business.password or "", RUNNING)
        create_login(connection, owner, airflow.password or "")
        create_database(connection, name, owner)
    with _superuser(admin, name) as connection:
        hand_over(connection, owner)
    # Airflow's own migration needs no superuser.
    variables = {name: value for name, value in os.environ.items() if name != "GFF_DATABASE_ADMIN"}
    return subprocess.call([sys.executable, "-m", "airflow", "db", "migrate"], env=variables)


def _superuser(admin: URL, database: str | None) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=admin.host,
        port=admin.port,
        user=admin.username,
        password=admin.password,
        dbname=database,
        autocommit=True,
    )


if __name__ == "__main__":
    sys.exit(main())

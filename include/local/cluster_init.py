"""The first job of docker-compose.yaml: makes Airflow's database, and brings it and the business database to their newest schema."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from include.settings import Settings
from include.store.database import open_database


def main() -> int:
    """Prepare both databases; safe to run at every start. Returns the exit code of Airflow's migration."""
    open_database(Settings.from_environment()).dispose()
    airflow = make_url(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    with psycopg.connect(
        host=airflow.host,
        port=airflow.port,
        user=airflow.username,
        password=airflow.password,
        dbname=Settings.from_environment().business_db_url.database,
        autocommit=True,
    ) as connection:
        name = airflow.database or "airflow"
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return subprocess.call([sys.executable, "-m", "airflow", "db", "migrate"])


if __name__ == "__main__":
    sys.exit(main())

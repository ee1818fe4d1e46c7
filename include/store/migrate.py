"""Migrates the business database: `python -m include.store.migrate`, with a login in AIRFLOW_CONN_BUSINESS_DB that may act as its owner.

For deployments whose tasks and console log in without that right (docs/database-roles.md).
"""

from __future__ import annotations

import sys

import sqlalchemy as sa

from include.base.errors import ConfigurationError
from include.base.settings import Settings
from include.store.database import connect, migrate


def main() -> int:
    """Bring schema, guards and grants to the newest state; returns 0."""
    try:
        engine = connect(Settings.from_environment().business_db_url)
        migrate(engine)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except sa.exc.OperationalError as error:
        print(f"无法连接业务数据库：{error.orig}", file=sys.stderr)
        return 2
    engine.dispose()
    print("业务数据库已是最新版本。")
    return 0


if __name__ == "__main__":
    sys.exit(main())

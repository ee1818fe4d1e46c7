"""A user confined to departments: his connections see and change only rows of those, whatever a page asks for.

The database itself filters (include/store/row_security.py): each transaction of a confined engine becomes the role
`gff_within` and names the departments. Other users and the pipeline are not affected.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
import sqlalchemy as sa

WITHIN = "gff_within"
LONGEST_STATEMENT = "1min"
"""For a page or an act: a reader does not wait longer, and the next one must not queue behind it."""
_OPTION = "gff_confined_to"


def confined(engine: sa.Engine, departments: Collection[str], actor: str) -> sa.Engine:
    """`engine` (of `for_people`) for this user. With an empty set of departments he sees nothing of any."""
    return engine.execution_options(**{_OPTION: (",".join(sorted(departments)), actor)})


def for_people(engine: sa.Engine) -> sa.Engine:
    """`engine` for pages: no statement runs longer than LONGEST_STATEMENT, and `confined` transactions begin as the role."""
    engine.dispose()
    sa.event.listen(engine, "connect", _bound)
    sa.event.listen(engine, "begin", _confine)
    return engine


def _bound(driver: psycopg.Connection[Any], _: object) -> None:
    driver.execute(f"set statement_timeout = '{LONGEST_STATEMENT}'")
    driver.commit()


def _confine(connection: sa.Connection) -> None:
    to = connection.get_execution_options().get(_OPTION)
    if to is None:
        return
    # Through the driver, because SQLAlchemy's own transaction is only about to begin. Both settings end with it.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(_BECOME, (WITHIN, *to))
    finally:
        cursor.close()


_BECOME = (
    "select set_config('role', %s, true), set_config('gff.departments', %s, true), set_config('gff.actor', %s, true)"
)

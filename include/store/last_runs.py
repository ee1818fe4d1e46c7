"""When each task last did its work (最近一次正常运行): what the health of the whole is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.store.tables import last_run


def note_run(engine: sa.Engine, task: str, now: datetime) -> None:
    """Note that the task did its work at `now` (business time); an earlier moment changes nothing."""
    row = insert(last_run).values(task=task, at=now)
    with engine.begin() as connection:
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["task"], set_={"at": sa.func.greatest(last_run.c.at, row.excluded.at)}
            )
        )


def last_runs(connection: sa.Connection) -> Mapping[str, datetime]:
    """Task ("deliver.deliver_mail") → when it last did its work."""
    return dict(connection.execute(sa.select(last_run.c.task, last_run.c.at)).tuples().all())

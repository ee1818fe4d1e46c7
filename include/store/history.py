"""History is only added to: triggers by which the database refuses any other change of the tables marked so.

Made from the tables' `info`, so that a table is marked in one place. The function is in schema/guards.sql.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from include.store.tables.base import History, history_of, metadata

_FUNCTION = "refuse_change_of_history()"


def guards() -> Iterator[str]:
    """The statements that create the triggers."""
    for table in metadata.sorted_tables:
        history = history_of(table)
        if history is not None:
            yield from _guards(table, history)


def _guards(table: sa.Table, history: History) -> Iterator[str]:
    later = {*history.sealed, *history.purged, *history.once}
    fixed = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in later)
    # Once for each statement: inserting rows, by COPY too, costs nothing.
    yield (
        f"create trigger only_added_to before update{f' of {fixed}' if later else ''} or delete or truncate on {table.name}"
        f" for each statement execute function {_FUNCTION}"
    )
    for column in history.purged:
        yield (
            f"create trigger {column}_only_goes before update of {column} on {table.name} for each row"
            f" when (new.{column} is distinct from old.{column} and new.{column} not in ('', '{{}}'))"
            f" execute function {_FUNCTION}"
        )
    for column in history.once:
        yield (
            f"create trigger {column}_is_set_once before update of {column} on {table.name} for each row"
            f" when (old.{column} is not null and new.{column} is distinct from old.{column}) execute function {_FUNCTION}"
        )

"""How a table is confined to departments: row-level security that binds the role `gff_within` alone.

A console's user who is confined to departments reads and acts as that role (`include.store.confinement`). Every other role, the
pipeline's among them, is under the policy `everyone`, which PostgreSQL folds away, so that its plans and speed stay as they were.
"""

from __future__ import annotations

from alembic import op

BY_DEPARTMENT = "within_departments(department_code)"
BY_NEED = "exists (select from need_version of_need where of_need.need_id = {table}.need_id)"
"""The policy of need_version applies within: a need of another department is not there."""


def by_parent(parent: str, key: str) -> str:
    """Rows of `table` that belong to a row of `parent` that may be seen."""
    return f"exists (select from {parent} of_parent where of_parent.{key} = {{table}}.{key})"


def confine(table: str, rows: str) -> None:
    """Let a confined user see only such rows of `table`. What he adds follows from what he may see, and is not checked."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"create policy everyone on {table} using (true) with check (true)")
    op.execute(
        f"create policy within on {table} as restrictive to gff_within"
        f" using ({rows.format(table=table)}) with check (true)"
    )

"""History is only added to: the database itself refuses any other change of verdicts, decisions, amendments and audit"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

_HISTORY = (
    "judgement",
    "finding",
    "batch_finding",
    "amendment",
    "quarantine_event",
    "alert_event",
    "audit_entry",
)


def upgrade() -> None:
    op.execute(
        """
        create function refuse_change_of_history() returns trigger language plpgsql as $$
        begin
            raise exception 'table % is only added to', tg_table_name using errcode = 'restrict_violation';
        end
        $$
        """
    )
    for table in _HISTORY:
        # Once for each statement: adding rows, by COPY too, costs nothing.
        op.execute(
            f"create trigger only_added_to before update or delete or truncate on {table}"
            " for each statement execute function refuse_change_of_history()"
        )

"""A mail that may have gone out waits for a person: it cannot be looked up"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(
        """
        update delivery set state = 'held', error_class = 'maybe_sent', settled_at = next_attempt_at
        where channel = 'mail' and state = 'unknown'
        """
    )
    op.create_check_constraint(
        op.f("ck_delivery_mail_is_not_looked_up"), "delivery", "channel <> 'mail' or state <> 'unknown'"
    )

"""As of which moment an event counts (E09), since when a push is there, and two more fields of an event"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from include.store.migrations.confined import by_parent, confine

revision = "0026"
down_revision = "0025"

# Of a lost answer it became known later that the push had arrived.
_ARRIVED_PUSH = """
create view arrived_push with (security_invoker = true) as
select delivery.delivery_id, delivery.need_id, delivery.revision,
       coalesce(tried.arrived_at, delivery.settled_at, delivery.created_at) as arrived_at
from delivery
left join lateral (
    select min(attempted_at) as arrived_at from delivery_attempt attempt
    where attempt.delivery_id = delivery.delivery_id and attempt.kind = 'send'
      and attempt.outcome in ('accepted', 'duplicate', 'lost_answer')
) tried on true
where delivery.action = 'push' and delivery.state = 'delivered'
"""

_COUNTED_FEEDBACK = """
create view counted_feedback with (security_invoker = true) as
select event.event_id, event.need_id, event.revision, event.institution_code, event.type, event.occurred_at, event.sequence,
       event.amount, event.rate, event.term_months, event.green_label, event.catalogue_code, event.use_of_funds,
       event.reason_code, event.obstruction_id, event.reapply_from, event.institution_ref, event.received_at,
       coalesce(moved.counted_at, event.occurred_at) as counted_at
from feedback_event event left join feedback_moment moved using (event_id)
"""

# What E09 marked so far had counted as of its stated moment; its need is folded anew at the next run.
_MARKED = """
insert into feedback_moment (event_id, counted_at, noted_at)
select event.event_id, greatest(event.received_at, pushed.first_push), found.found_at
from event_finding found join feedback_event event using (event_id)
left join lateral (
    select min(arrived_at) as first_push from arrived_push where arrived_push.need_id = event.need_id
) pushed on true
where found.rule_id = 'E09'
"""
_FOLD_ANEW = """
update delivery set matched = false
where action = 'push' and state = 'delivered' and matched and need_id in (
    select need_id from feedback_event join feedback_moment using (event_id)
)
"""


def upgrade() -> None:
    op.add_column("feedback_event", sa.Column("reapply_from", sa.Date()))
    op.add_column(
        "feedback_event",
        sa.Column(
            "institution_ref", sa.Text(), comment="the institution's own number; may point to a person, internal"
        ),
    )
    op.create_table(
        "feedback_moment",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_feedback_moment")),
        comment="Events that count as of another moment than the institution states, for that is implausible (E09)",
    )
    confine("feedback_moment", by_parent("feedback_event", "event_id"))
    for statement in (_ARRIVED_PUSH, _COUNTED_FEEDBACK, _MARKED, _FOLD_ANEW):
        op.execute(statement)

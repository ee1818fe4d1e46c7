"""A past quarter as temporary tables that fill up with what was known by a moment, under the names of the real tables.

PostgreSQL looks up a name among temporary tables first. So the stages read and write these tables, and nothing that a replay does
can reach the real ones, their triggers or a mailbox. The transaction is rolled back in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.reference.day import Day
from include.store.tables import feedback_event, metadata

_DERIVED = (
    *("matching_case", "case_clock", "case_policy", "policy_snapshot", "due_date_change", "waiting_feedback"),
    *("obstruction_ticket", "obstruction_event", "escalation_round", "escalation_step", "escalation_waiting"),
)
"""What the stages write."""
_QUEUED_FROM = 10**15

_READABLE = ", ".join(column.name for column in feedback_event.columns if column.name != "sealed")
"""What a page may read of an event."""

_FILED = "(select need_id from public.need_version where quarter = :quarter)"

# What became known when: `moment` and the row as it stood from then on. Of rows that change, each state is a fact of its own.
_FACTS: Mapping[str, str] = {
    "need_version": f"select received_at as moment, fact from public.need_version fact where need_id in {_FILED}",
    "withdrawal_notice": f"select noticed_at as moment, fact from public.withdrawal_notice fact where need_id in {_FILED}",
    "feedback_event": f"""
        select received_at as moment, row({_READABLE})::feedback_event as fact
        from public.feedback_event where need_id in {_FILED}
    """,
    "feedback_moment": f"""
        select received_at as moment, fact
        from public.feedback_moment fact join public.feedback_event event using (event_id) where need_id in {_FILED}
    """,
    "deadline_extension": f"select requested_at as moment, fact from public.deadline_extension fact where need_id in {_FILED}",
    "deadline_extension_decision": f"""
        select decided_at as moment, fact
        from public.deadline_extension_decision fact join public.deadline_extension using (extension_id)
        where need_id in {_FILED}
    """,
    "delivery": f"""
        select created_at as moment, jsonb_populate_record(sent, '{{"state": "pending", "settled_at": null}}') as fact
        from public.delivery sent where need_id in {_FILED} and action = 'push' and settled_at > created_at
        union all
        select coalesce(settled_at, created_at), sent from public.delivery sent
        where need_id in {_FILED} and action = 'push'
        union all
        select created_at, sent from public.delivery sent where need_id in {_FILED} and action = 'return'
    """,
    "quarantine": """
        select opened_at as moment, jsonb_populate_record(hold, '{"state": "open", "settled_at": null}') as fact
        from public.quarantine hold where quarter = :quarter
        union all
        select settled_at, hold from public.quarantine hold where quarter = :quarter and settled_at is not null
    """,
    "alert": f"""
        select told.at as moment, jsonb_populate_record(raised, case told.kind
            when 'opened' then jsonb_build_object('state', 'open', 'opened_at', told.at)
            else jsonb_build_object('state', told.kind) end) as fact
        from public.alert raised join public.alert_event told using (alert_id)
        where need_id in {_FILED} and severity = 'hold' and told.kind in ('opened', 'closed', 'cleared', 'confirmed')
    """,
    "escalation_acknowledgement": f"""
        select at as moment, fact from public.escalation_acknowledgement fact where need_id in {_FILED}
    """,
}

# An acknowledgement holds the ladder at the highest step that was told by then, in the round that runs; one of what nobody
# was told of is void.
_ACKNOWLEDGEMENTS = """
    select acknowledged.* from past_escalation_acknowledgement
    join lateral (
        select max(told.step) as step, told.round
        from escalation_step told join escalation_round running using (need_id, rule_id, round)
        where told.need_id = (fact).need_id and told.rule_id = (fact).rule_id and told.item = ''
          and told.state = 'mailed' and running.ended_at is null
        group by told.round
    ) told on true,
    lateral jsonb_populate_record(fact, jsonb_build_object('step', told.step, 'round', told.round)) acknowledged
    where moment > :after and moment <= :until
"""

_NEWS = sa.text(
    """
    select (fact).need_id from past_delivery
    where moment > :after and moment <= :until and (fact).action = 'push' and (fact).state = 'delivered'
    union
    select (fact).need_id from past_feedback_event where moment > :after and moment <= :until
    union
    select need_id from deadline_extension join deadline_extension_decision using (extension_id)
    where approved and decided_at > :after and decided_at <= :until
    """
)

ANALYZE = sa.text(f"analyze {', '.join((*_DERIVED, *_FACTS))}")

_VIEWS = sa.text(
    "select relname, pg_get_viewdef(oid) as definition from pg_class"
    " where relkind = 'v' and relnamespace = 'public'::regnamespace order by oid"
)

_PIN = sa.text(
    """
    insert into case_policy (need_id, institution_code, policy_sha256, pinned_at)
    select (fact).need_id, unnest((fact).intended_institutions), :sha256, (fact).received_at from past_need_version
    union
    select (fact).need_id, (fact).institution_code, :sha256, :now from past_feedback_event
    on conflict do nothing
    """
)


def lay_out(connection: sa.Connection, quarter: str) -> None:
    """Create the tables, empty, and beside each a list of the facts to come."""
    views = connection.execute(_VIEWS).all()
    connection.execute(
        sa.text(f"create temporary table feedback_event as select {_READABLE} from public.feedback_event limit 0")
    )
    connection.execute(sa.text("alter table feedback_event add primary key (event_id)"))
    connection.execute(sa.text("create index on feedback_event (need_id)"))
    for table in (one for one in (*_DERIVED, *_FACTS) if one != "feedback_event"):
        connection.execute(
            sa.text(
                f"create temporary table {table} (like public.{table} including defaults including identity including indexes)"
                " on commit drop"
            )
        )
    # What the stages queue is numbered behind all that was really queued.
    connection.execute(sa.text(f"alter table delivery alter column delivery_id restart with {_QUEUED_FROM}"))
    for view in views:
        connection.execute(sa.text(f"create temporary view {view.relname} as {view.definition}"))
    for table, facts in _FACTS.items():
        connection.execute(
            sa.text(f"create temporary table past_{table} on commit drop as {facts}"), {"quarter": quarter}
        )
        connection.execute(sa.text(f"create index on past_{table} (moment)"))
        connection.execute(sa.text(f"analyze past_{table}"))


def put_under(connection: sa.Connection, day: Day) -> None:
    """Count cases and the days for an answer by the policy of `day`, as if it had been in force all the time."""
    snapshot = day.snapshot
    connection.execute(
        sa.text("insert into policy_snapshot (policy_sha256, content, first_used_at) values (:sha256, :content, :now)"),
        {"sha256": snapshot.sha256(), "content": snapshot.content(), "now": day.now},
    )
    connection.execute(_PIN, {"sha256": snapshot.sha256(), "now": day.now})
    working_days = day.policy.integer("return_respond_working_days")
    returned = sa.text(
        "select distinct (moment at time zone :zone)::date from past_delivery where (fact).action = 'return'"
    )
    days = list(connection.execute(returned, {"zone": str(SHANGHAI)}).scalars())
    connection.execute(
        sa.text(
            """
            update past_delivery set fact.body = jsonb_set((fact).body::jsonb, '{respond_by}', to_jsonb(answer_by::text))::text
            from unnest(cast(:days as date[]), cast(:answers as date[])) due (returned_on, answer_by)
            where (fact).action = 'return' and (moment at time zone :zone)::date = returned_on
            """
        ),
        {
            "days": days,
            "answers": [day.calendar.add_working_days(one, working_days).day for one in days],
            "zone": str(SHANGHAI),
        },
    )


def let_time_pass(connection: sa.Connection, after: datetime, until: datetime) -> Sequence[str]:
    """Add what became known after one moment up to another; returns the needs whose cases it may change."""
    window = {"after": after, "until": until}
    for statement in _ARRIVALS:
        connection.execute(statement, window)
    return connection.execute(_NEWS, window).scalars().all()


def _arrival(table: str) -> sa.TextClause:
    """The newest state of each row that came or changed between two moments."""
    key = [column.name for column in metadata.tables[table].primary_key]
    columns = [column.name for column in metadata.tables[table].columns if column.name != "sealed"]
    of_fact = ", ".join(f"(fact).{name}" for name in key)
    newest = f"""
        select distinct on ({of_fact}) (fact).* from past_{table} where moment > :after and moment <= :until
        order by {of_fact}, moment desc
    """
    chosen = _ACKNOWLEDGEMENTS if table == "escalation_acknowledgement" else newest
    return sa.text(
        f"""
        insert into {table} ({", ".join(columns)}) overriding system value
        select {", ".join(columns)} from ({chosen}) arrived
        on conflict ({", ".join(key)}) do update
        set {", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)}
        """
    )


_ARRIVALS = [_arrival(table) for table in _FACTS]


def acts_on_tickets(connection: sa.Connection, quarter: str) -> Sequence[sa.Row[Any]]:
    """What people really did on the tickets of the quarter's needs, in order."""
    return connection.execute(_ACTS, {"quarter": quarter}).all()


_ACTS = sa.text(
    f"""
    select ticket.need_id, ticket.institution_code, ticket.obstruction_id, done.kind, done.actor, done.role, done.note, done.at
    from public.obstruction_event done join public.obstruction_ticket ticket using (ticket_id)
    where need_id in {_FILED} and done.kind in ('acknowledged', 'in_progress', 'resolved', 'unresolvable')
    order by done.event_id
    """
)

"""The moments at which events count: an implausible event (E09) gets another one, stored once, when its need's push is
known.

Such a note is history, like the finding: it stays, even if an earlier push becomes known later. Other events count at
their stated moment. The view `counted_feedback` has both in one column.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import msgspec
import sqlalchemy as sa

from include.domain.case import FeedbackEvent
from include.domain.feedback import counted_at
from include.matching.folds import PushedNeed
from include.reference.day import Day
from include.store.database import copy_rows


def note_moments(
    connection: sa.Connection, fresh: Sequence[FeedbackEvent], needs: Mapping[str, PushedNeed], day: Day
) -> list[FeedbackEvent]:
    """These events, received just now, each with the moment at which it counts; those of needs without a push unchanged."""
    now, skew = day.now, timedelta(seconds=day.policy.integer("clock_skew_seconds"))
    latest = now + skew
    doubtful = {
        event.need_id
        for event in fresh
        if (need := needs.get(event.need_id)) and not need.pushed_at <= event.occurred_at <= latest
    }
    if not doubtful:
        return list(fresh)
    first_push = {
        row.need_id: row.first_push for row in connection.execute(_FIRST_PUSH, {"need_ids": sorted(doubtful)})
    }
    moved = {
        event.event_id: moment
        for event in fresh
        if event.need_id in first_push
        and (moment := counted_at(event.occurred_at, now, first_push[event.need_id], skew)) is not None
    }
    copy_rows(
        connection,
        "feedback_moment",
        ("event_id", "counted_at", "noted_at"),
        ((event_id, moment, now) for event_id, moment in moved.items()),
    )
    return [
        msgspec.structs.replace(event, counted_at=moved[event.event_id]) if event.event_id in moved else event
        for event in fresh
    ]


def note_moments_of_waiting(connection: sa.Connection, need_ids: Collection[str], day: Day) -> None:
    """The same for events that waited for the first push of these needs; they were received before it was known (E09)."""
    known = {"need_ids": list(need_ids), "skew": day.policy.integer("clock_skew_seconds"), "now": day.now}
    connection.execute(_NOTE_WAITING, known)


_FIRST_PUSH = sa.text(
    "select need_id, min(arrived_at) as first_push from arrived_push where need_id = any(:need_ids) group by need_id"
)

# Same rule as `counted_at`.
_NOTE_WAITING = sa.text(
    """
    with waited as (
        select event.event_id, event.occurred_at, event.received_at, (
            select min(arrived_at) from arrived_push where arrived_push.need_id = waiting.need_id
        ) as first_push
        from waiting_feedback waiting join feedback_event event using (event_id)
        where waiting.need_id = any(:need_ids)
    ), noted as (
        insert into feedback_moment (event_id, counted_at, noted_at)
        select event_id, greatest(received_at, first_push), :now from waited
        where occurred_at < first_push or occurred_at > received_at + :skew * interval '1 second'
        on conflict do nothing returning event_id
    )
    insert into event_finding (event_id, rule_id, field, severity, found_at)
    select event_id, 'E09', 'occurred_at', 'warn', :now from noted on conflict do nothing
    """
)

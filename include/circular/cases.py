"""The cases of a quarter's needs at a moment, as temporary tables for the circular's queries.

If nothing was reported after the moment, the stored fold applies. A case with later feedback is folded again from the
events up to the moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.case import PATH, RANK, fold
from include.reference import Policy, case_transitions
from include.reference.day import Day
from include.store.database import copy_rows
from include.store.feedback import stored_event

_CASES = sa.text(
    """
    create temporary table circular_case as
    select matched.need_id, matched.institution_code, matched.state, matched.answered,
           cast(rank.position - 1 as integer) as furthest_rank,
           matched.approved, matched.contracted, matched.drawn,
           jsonb_array_length(matched.open_obstructions) as open_obstructions, matched.anomalies
    from matching_case matched
    join unnest(cast(:path as text[])) with ordinality rank (state, position) on rank.state = matched.furthest_state
    where matched.need_id in (
        select need_id from need_version where quarter = :quarter
        union select need_id from deferred_need where counted_quarter = :quarter
    )
      and matched.opened_on <= :today
      and (matched.last_event_at is null or matched.last_event_at <= :moment)
    """
)

_EVENTS_OF_LATER_CASES = sa.text(
    """
    select matched.need_id, matched.institution_code,
           case when matched.intended then matched.opened_on end as opened_on,
           event.event_id, event.revision, event.type, event.occurred_at, event.sequence, event.amount,
           event.reason_code, event.obstruction_id, event.counted_at
    from matching_case matched
    left join counted_feedback event
        on event.need_id = matched.need_id and event.institution_code = matched.institution_code
       and event.counted_at <= :moment
    where matched.need_id in (
        select need_id from need_version where quarter = :quarter
        union select need_id from deferred_need where counted_quarter = :quarter
    )
      and matched.opened_on <= :today and matched.last_event_at > :moment
    order by matched.need_id, matched.institution_code
    """
)

# Feedback that counts at the moment or earlier and was applied (anomalies of the fold were not).
_EVENTS = sa.text(
    """
    create temporary table circular_event as
    select event.need_id, event.institution_code, event.type, event.amount, event.rate, event.reason_code,
           coalesce(event.obstruction_id, event.need_id || '/' || event.institution_code) as obstruction_id
    from counted_feedback event
    join circular_case matched using (need_id, institution_code)
    where event.counted_at <= :moment
      and not matched.anomalies @> jsonb_build_array(jsonb_build_object('event_id', event.event_id))
    """
)


# An alert on the need as a whole keeps all its cases out. As of the moment: a person's later decision does not count.
_KEPT_OUT = [
    sa.text(
        """
        create temporary table circular_kept_out as
        select distinct matched.need_id, matched.institution_code, matched.contracted, matched.drawn
        from circular_case matched
        join holding_alert_at(:moment) alert
          on alert.need_id = matched.need_id and alert.institution_code in ('', matched.institution_code)
        """
    ),
    sa.text(
        """
        delete from circular_case matched using circular_kept_out kept
        where kept.need_id = matched.need_id and kept.institution_code = matched.institution_code
        """
    ),
]


@contextmanager
def case_as_of(connection: sa.Connection, quarter: str, day: Day) -> Iterator[None]:
    """For the length of the block: circular_case and circular_event for the needs of `quarter` up to the moment of `day`.

    Cases with an alert (警示) that is open or confirmed are in circular_kept_out instead.
    """
    where = {"quarter": quarter, "moment": day.now, "today": day.today}
    connection.execute(_CASES, {**where, "path": list(PATH)})
    copy_rows(
        connection,
        "circular_case",
        (
            "need_id",
            "institution_code",
            "state",
            "answered",
            "furthest_rank",
            "approved",
            "contracted",
            "drawn",
            "open_obstructions",
            "anomalies",
        ),
        _folded_again(connection, where, day.policy),
    )
    for statement in _KEPT_OUT:
        connection.execute(statement, {"moment": day.now})
    connection.execute(sa.text("analyze circular_case"))
    connection.execute(_EVENTS, {"moment": day.now})
    yield
    connection.execute(sa.text("drop table circular_event, circular_case, circular_kept_out"))


def _folded_again(connection: sa.Connection, where: Mapping[str, Any], policy: Policy) -> list[tuple[Any, ...]]:
    rows = connection.execute(_EVENTS_OF_LATER_CASES, dict(where)).all()
    folded = []
    for (need_id, institution_code), group in groupby(rows, key=lambda row: (row.need_id, row.institution_code)):
        reported = list(group)
        events = [stored_event(row) for row in reported if row.event_id is not None]
        opened_on = reported[0].opened_on
        if opened_on is None and not events:
            continue
        opened_at = None if opened_on is None else datetime.combine(opened_on, time(), SHANGHAI)
        case = fold(opened_at, events, transitions=case_transitions(), reopen_max=policy.integer("reopen_max"))
        folded.append(
            (
                need_id,
                institution_code,
                case.state,
                case.answered,
                RANK[case.furthest_state],
                case.approved,
                case.contracted,
                case.drawn,
                len(case.open_obstructions),
                json.dumps([{"event_id": anomaly.event_id, "reason": anomaly.reason} for anomaly in case.anomalies]),
            )
        )
    return folded

"""What is wrong with feedback events (E01-E11), judged by the suites `events` and `event_fields`.

Each event is judged when it is stored, as it came and with what is known then; findings are history, and change nothing of
how events are folded, held as orphans, or tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.case import EVENT_TYPES
from include.reference import Policy, institutions, reason_codes
from include.rule_book.suites import RuleBook
from include.store.tables import event_finding

_SCALE = 10_000
_MONEY = frozenset({"credit_approved", "contracted", "drawn"})
_REASONED = frozenset({"declined", "obstructed", "closed"})
_OBSTRUCTIONS = frozenset({"obstructed", "obstruction_cleared"})
_RATES = (1, 15 * _SCALE)
"""Above 0 and up to 15 % a year, in ten-thousandths (E10)."""
_TERMS = (1, 360)
_EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class EventFinding:
    """A rule that an event breaks; never a value of it."""

    event_id: str
    rule_id: str
    field: str
    severity: str


_EVENTS = sa.text(
    """
    select event.*, push.first_push, push.newest is not null as need_pushed,
           exists (
               select from delivery one
               where one.need_id = event.need_id and one.revision = event.revision
                 and one.action = 'push' and one.state = 'delivered'
           ) as revision_pushed,
           version.total_investment,
           (
               select count(*) from feedback_event other
               where other.need_id = event.need_id and other.institution_code = event.institution_code
                 and other.sequence = event.sequence and other.event_id <> event.event_id
           ) as same_sequence,
           exists (
               select from matching_case matched, jsonb_array_elements(matched.anomalies) anomaly
               where matched.need_id = event.need_id and matched.institution_code = event.institution_code
                 and anomaly ->> 'event_id' = event.event_id and anomaly ->> 'reason' = 'E08'
           ) as refused
    from unnest(cast(:event_ids as text[])) wanted (event_id)
    join feedback_event event using (event_id)
    left join lateral (
        select min(coalesce(tried.arrived_at, settled_at, created_at)) as first_push, max(revision) as newest
        from delivery
        left join lateral (
            -- Of a lost answer it became known later that it had arrived.
            select min(attempted_at) as arrived_at from delivery_attempt attempt
            where attempt.delivery_id = delivery.delivery_id and kind = 'send'
              and attempt.outcome in ('accepted', 'duplicate', 'lost_answer')
        ) tried on true
        where need_id = event.need_id and action = 'push' and state = 'delivered'
    ) push on true
    left join need_version version on version.need_id = event.need_id and version.revision = push.newest
    order by event.event_id
    """
)


def judge_events(
    connection: sa.Connection,
    event_ids: Sequence[str],
    contradicted: Sequence[str],
    *,
    now: datetime,
    policy: Policy,
) -> list[EventFinding]:
    """Judge stored events and keep what is found; `contradicted` came again with other content (E03)."""
    wanted = sorted({*event_ids, *contradicted})
    if not wanted:
        return []
    rows = connection.execute(_EVENTS, {"event_ids": wanted}).fetchall()
    found = list(_findings(rows, frozenset(contradicted), now, policy))
    if found:
        connection.execute(
            insert(event_finding).on_conflict_do_nothing(),
            [
                {
                    "event_id": one.event_id,
                    "rule_id": one.rule_id,
                    "field": one.field,
                    "severity": one.severity,
                    "found_at": now,
                }
                for one in found
            ],
        )
    return found


def _findings(
    rows: Sequence[sa.Row[Any]], contradicted: frozenset[str], now: datetime, policy: Policy
) -> Iterator[EventFinding]:
    import pandas as pd

    book = RuleBook(policy)
    latest = _microseconds(now + timedelta(seconds=policy.integer("clock_skew_seconds")))
    known_reasons = reason_codes()
    events = pd.DataFrame(
        {
            "type_known": [row.type in EVENT_TYPES for row in rows],
            "other_contents": _whole([int(row.event_id in contradicted) for row in rows]),
            "same_sequence": _whole([row.same_sequence for row in rows]),
            "amount_given": [row.type not in _MONEY or row.amount is not None for row in rows],
            "reason_known": [row.type not in _REASONED or row.reason_code in known_reasons for row in rows],
            "obstruction_given": [row.type not in _OBSTRUCTIONS or row.obstruction_id is not None for row in rows],
            "applied": [not row.refused for row in rows],
            "occurred": _whole([_microseconds(row.occurred_at) for row in rows]),
            "first_push": _whole([_microseconds(row.first_push) if row.first_push else 0 for row in rows]),
            "latest": _whole([latest] * len(rows)),
            "amount": _whole([_scaled(row.amount) if row.type in _MONEY else None for row in rows]),
            "total": _whole([_scaled(row.total_investment) for row in rows]),
        }
    )
    for breach in book.breaches("events", events):
        for at in breach.rows:
            yield EventFinding(rows[at].event_id, breach.rule.rule_id, breach.rule.field, breach.rule.severity)
    looked_at = [(row.event_id, *one) for row in rows for one in _fields(row)]
    fields = pd.DataFrame(
        {
            "known": pd.Series([one[2] for one in looked_at], dtype="boolean"),
            "number": _whole([one[3] for one in looked_at]),
            "at_least": _whole([one[4] for one in looked_at]),
            "at_most": _whole([one[5] for one in looked_at]),
        }
    )
    for breach in book.breaches("event_fields", fields):
        for at in breach.rows:
            event_id, field, *_ = looked_at[at]
            yield EventFinding(event_id, breach.rule.rule_id, field, breach.rule.severity)


def _fields(row: sa.Row[Any]) -> Iterator[tuple[str, bool | None, int | None, int | None, int | None]]:
    """Field, whether it is known (E02), number with its bounds (E10)."""
    yield "need_id", row.need_pushed, None, None, None
    if row.need_pushed:
        yield "revision", row.revision_pushed, None, None, None
    yield "institution_code", row.institution_code in institutions(), None, None, None
    if row.rate is not None:
        yield "rate", None, _scaled(row.rate), *_RATES
    if row.term_months is not None:
        yield "term_months", None, row.term_months, *_TERMS


def _whole(values: Sequence[int | None]) -> Any:
    import pandas as pd

    return pd.Series(values, dtype="Int64")


def _scaled(value: Decimal | None) -> int | None:
    return None if value is None else int(value * _SCALE)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)

"""What is wrong with feedback events (E01-E11), judged by the suites `events` and `event_fields`.

Each event is judged when it is stored, as it came and with what is known then; findings are history, and change nothing of
how events are folded, held as orphans, or tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.case import EVENT_TYPES, FeedbackEvent
from include.matching.frames import SCALE, Cells, scaled, whole_numbers
from include.reference import Policy, institutions, reason_codes
from include.rule_book.suites import RuleBook
from include.store.tables import event_finding, feedback_event

if TYPE_CHECKING:
    import pandas as pd

_MONEY = frozenset({"credit_approved", "contracted", "drawn"})
_REASONED = frozenset({"declined", "obstructed", "closed"})
_OBSTRUCTIONS = frozenset({"obstructed", "obstruction_cleared"})
_RATES = (1, 150_000)
"""Above 0 and up to 15 % a year, in ten-thousandths (E10)."""
_TERMS = (1, 360)
_EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class EventFinding:
    """A rule that an event breaks; never a value of it."""

    event_id: str
    rule_id: str
    field: str
    severity: str


def judge_events(
    connection: sa.Connection,
    events: Sequence[FeedbackEvent],
    contradicted: Sequence[str],
    *,
    now: datetime,
    policy: Policy,
) -> list[EventFinding]:
    """Judge events that were stored and folded just now, and keep what is found.

    `contradicted`: ids that came again with other content (E03); what was stored under them is judged too.
    """
    known = {event.event_id for event in events}
    judged = [*events, *_stored(connection, sorted({*contradicted} - known))]
    if not judged:
        return []
    found = list(_findings(judged, _Surroundings(connection, judged, contradicted), now, policy))
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


@dataclass(frozen=True, slots=True)
class _Pushed:
    """A need that was pushed: when it first arrived, with which revisions, and the total investment of the newest (万元)."""

    first_push: datetime
    revisions: frozenset[int]
    total_investment: Decimal | None


class _Surroundings:
    """What the rules ask beyond an event itself: its need, its case, and the other events of the case."""

    def __init__(self, connection: sa.Connection, events: Sequence[FeedbackEvent], contradicted: Sequence[str]) -> None:
        need_ids = {"need_ids": sorted({event.need_id for event in events})}
        self.contradicted = frozenset(contradicted)
        self.refused = frozenset(connection.execute(_REFUSED, need_ids).scalars())
        self.same_sequence = frozenset(
            connection.execute(
                _SAME_SEQUENCE,
                {
                    "event_ids": [event.event_id for event in events],
                    "need_ids": [event.need_id for event in events],
                    "codes": [event.institution_code for event in events],
                    "sequences": [event.sequence for event in events],
                },
            ).scalars()
        )
        self.pushed = {
            row.need_id: _Pushed(row.first_push, frozenset(row.revisions), row.total_investment)
            for row in connection.execute(_PUSHED, need_ids)
        }


def _findings(
    events: Sequence[FeedbackEvent], known: _Surroundings, now: datetime, policy: Policy
) -> Iterator[EventFinding]:
    import pandas as pd

    book = RuleBook(policy)
    latest = _microseconds(now + timedelta(seconds=policy.integer("clock_skew_seconds")))
    first_push = {need_id: _microseconds(need.first_push) for need_id, need in known.pushed.items()}
    total = {need_id: scaled(need.total_investment) for need_id, need in known.pushed.items()}
    known_reasons = reason_codes()
    frame = pd.DataFrame(
        {
            "type_known": [event.type in EVENT_TYPES for event in events],
            "other_contents": whole_numbers([event.event_id in known.contradicted for event in events]),
            "same_sequence": whole_numbers([event.event_id in known.same_sequence for event in events]),
            "amount_given": [event.type not in _MONEY or event.amount is not None for event in events],
            "reason_known": [event.type not in _REASONED or event.reason_code in known_reasons for event in events],
            "obstruction_given": [event.type not in _OBSTRUCTIONS or bool(event.obstruction_id) for event in events],
            "applied": [event.event_id not in known.refused for event in events],
            "occurred": whole_numbers([_microseconds(event.occurred_at) for event in events]),
            "first_push": whole_numbers([first_push.get(event.need_id, 0) for event in events]),
            "latest": whole_numbers([latest] * len(events)),
            "amount": whole_numbers([scaled(event.amount) if event.type in _MONEY else None for event in events]),
            "total": whole_numbers([total.get(event.need_id) for event in events]),
        }
    )
    for breach in book.breaches("events", frame):
        for at in breach.rows:
            yield EventFinding(events[at].event_id, breach.rule.rule_id, breach.rule.field, breach.rule.severity)
    looked_at, fields = _fields(events, known)
    for breach in book.breaches("event_fields", fields):
        for at in breach.rows:
            event_id, field = looked_at[at]
            yield EventFinding(event_id, breach.rule.rule_id, field, breach.rule.severity)


def _fields(events: Sequence[FeedbackEvent], known: _Surroundings) -> tuple[list[tuple[str, str]], pd.DataFrame]:
    """(event_id, field) and frame, one row for each field that is looked at: is it known (E02), or in its bounds (E10)."""
    looked_at: list[tuple[str, str]] = []
    cells = Cells({"known": "answer", "number": "number", "at_least": "number", "at_most": "number"})

    def look_at(event: FeedbackEvent, field: str, *, is_known: bool) -> None:
        cells.put(len(looked_at), "known", is_known)
        looked_at.append((event.event_id, field))

    def measure(event: FeedbackEvent, field: str, number: int, bounds: tuple[int, int]) -> None:
        for column, value in zip(("number", "at_least", "at_most"), (number, *bounds), strict=True):
            cells.put(len(looked_at), column, value)
        looked_at.append((event.event_id, field))

    listed = institutions()
    for event in events:
        need = known.pushed.get(event.need_id)
        look_at(event, "need_id", is_known=need is not None)
        if need is not None:
            look_at(event, "revision", is_known=event.revision in need.revisions)
        look_at(event, "institution_code", is_known=event.institution_code in listed)
        if event.rate is not None:
            measure(event, "rate", int(event.rate * SCALE), _RATES)
        if event.term_months is not None:
            measure(event, "term_months", event.term_months, _TERMS)
    return looked_at, cells.frame(len(looked_at))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _stored(connection: sa.Connection, event_ids: Sequence[str]) -> list[FeedbackEvent]:
    if not event_ids:
        return []
    columns = [feedback_event.c[name] for name in FeedbackEvent.__struct_fields__]
    rows = connection.execute(sa.select(*columns).where(feedback_event.c.event_id.in_(event_ids)))
    return [FeedbackEvent(**row._asdict()) for row in rows]


_REFUSED = sa.text(
    """
    select anomaly ->> 'event_id' from matching_case, jsonb_array_elements(anomalies) anomaly
    where need_id = any(:need_ids) and anomalies <> '[]' and anomaly ->> 'reason' = 'E08'
    """
)

_SAME_SEQUENCE = sa.text(
    """
    select event.event_id
    from unnest(cast(:event_ids as text[]), cast(:need_ids as text[]), cast(:codes as text[]),
                cast(:sequences as bigint[])) event (event_id, need_id, institution_code, sequence)
    where exists (
        select from feedback_event other
        where other.need_id = event.need_id and other.institution_code = event.institution_code
          and other.sequence = event.sequence and other.event_id <> event.event_id
    )
    """
)

# Of a lost answer it became known later that the push had arrived.
_PUSHED = sa.text(
    """
    select need_id, pushed.first_push, pushed.revisions, version.total_investment
    from (
        select need_id, max(revision) as revision, array_agg(revision) as revisions,
               min(coalesce(tried.arrived_at, settled_at, created_at)) as first_push
        from delivery
        left join lateral (
            select min(attempted_at) as arrived_at from delivery_attempt attempt
            where attempt.delivery_id = delivery.delivery_id and kind = 'send'
              and attempt.outcome in ('accepted', 'duplicate', 'lost_answer')
        ) tried on true
        where need_id = any(:need_ids) and action = 'push' and state = 'delivered'
        group by need_id
    ) pushed
    left join need_version version using (need_id, revision)
    """
)

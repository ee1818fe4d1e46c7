"""Defects of feedback events (E01-E11), found by the suites `events` and `event_fields`.

Each event is judged when it is stored, as received and with what is known then; findings are history, and do not change
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

from include.domain.case import EVENT_TYPES, REPORTED, FeedbackEvent
from include.matching.frames import SCALE, answers, scaled, whole_numbers
from include.reference import institutions, reason_codes
from include.reference.day import Day
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
    """A rule that an event breaks; never its value."""

    event_id: str
    rule_id: str
    field: str
    severity: str


def judge_events(
    connection: sa.Connection,
    events: Sequence[FeedbackEvent],
    contradicted: Sequence[str],
    day: Day,
) -> list[EventFinding]:
    """Judge events that were stored and folded just now, and store the findings.

    `contradicted`: ids that came again with other content (E03); the event stored under them is judged too.
    """
    known = {event.event_id for event in events}
    judged = [*events, *_stored(connection, sorted({*contradicted} - known))]
    if not judged:
        return []
    found = list(_findings(judged, _Surroundings(connection, judged, contradicted), day))
    if found:
        connection.execute(
            insert(event_finding).on_conflict_do_nothing(),
            [
                {
                    "event_id": one.event_id,
                    "rule_id": one.rule_id,
                    "field": one.field,
                    "severity": one.severity,
                    "found_at": day.now,
                }
                for one in found
            ],
        )
    return found


@dataclass(frozen=True, slots=True)
class _Pushed:
    """A pushed need: when it first arrived, with which revisions, and the total investment of the newest (万元)."""

    first_push: datetime
    revisions: frozenset[int]
    total_investment: Decimal | None


class _Surroundings:
    """Facts beyond an event itself: its need, its case, and the other events of the case."""

    def __init__(self, connection: sa.Connection, events: Sequence[FeedbackEvent], contradicted: Sequence[str]) -> None:
        need_ids = {"need_ids": sorted({event.need_id for event in events})}
        self.contradicted = frozenset(contradicted)
        self.refused = frozenset(connection.execute(_REFUSED, need_ids).scalars())
        self.same_sequence = frozenset(map(tuple, connection.execute(_SAME_SEQUENCE, need_ids)))
        self.pushed = {
            row.need_id: _Pushed(row.first_push, frozenset(row.revisions), row.total_investment)
            for row in connection.execute(_PUSHED, need_ids)
        }


def _findings(events: Sequence[FeedbackEvent], known: _Surroundings, day: Day) -> Iterator[EventFinding]:
    import pandas as pd

    book = RuleBook(day.policy)
    latest = _microseconds(day.now + timedelta(seconds=day.policy.integer("clock_skew_seconds")))
    first_push = {need_id: _microseconds(need.first_push) for need_id, need in known.pushed.items()}
    total = {need_id: scaled(need.total_investment) for need_id, need in known.pushed.items()}
    known_reasons = reason_codes()
    frame = pd.DataFrame(
        {
            "type_known": [event.type in EVENT_TYPES for event in events],
            "other_contents": whole_numbers([event.event_id in known.contradicted for event in events]),
            "same_sequence": whole_numbers(
                [(event.need_id, event.institution_code, event.sequence) in known.same_sequence for event in events]
            ),
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
            event, field = looked_at[at]
            yield EventFinding(event.event_id, breach.rule.rule_id, field, breach.rule.severity)


def _fields(
    events: Sequence[FeedbackEvent], known: _Surroundings
) -> tuple[list[tuple[FeedbackEvent, str]], pd.DataFrame]:
    """The fields that are judged, and the frame with a row for each: is it known (E02), or is it within its bounds (E10)."""
    import pandas as pd

    listed = institutions()
    of_pushed = [(event, need) for event in events if (need := known.pushed.get(event.need_id))]
    rates = [(event, int(event.rate * SCALE)) for event in events if event.rate is not None]
    terms = [(event, event.term_months) for event in events if event.term_months is not None]
    answered = [
        *[event.need_id in known.pushed for event in events],
        *[event.revision in need.revisions for event, need in of_pushed],
        *[event.institution_code in listed for event in events],
    ]
    measured = [number for _, number in (*rates, *terms)]
    bounds = [_RATES] * len(rates) + [_TERMS] * len(terms)
    looked_at = [
        *[(event, "need_id") for event in events],
        *[(event, "revision") for event, _ in of_pushed],
        *[(event, "institution_code") for event in events],
        *[(event, "rate") for event, _ in rates],
        *[(event, "term_months") for event, _ in terms],
    ]
    nothing = [None] * len(answered)
    frame = pd.DataFrame(
        {
            "known": answers([*answered, *[None] * len(measured)]),
            "number": whole_numbers([*nothing, *measured]),
            "at_least": whole_numbers([*nothing, *[least for least, _ in bounds]]),
            "at_most": whole_numbers([*nothing, *[most for _, most in bounds]]),
        }
    )
    return looked_at, frame


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _stored(connection: sa.Connection, event_ids: Sequence[str]) -> list[FeedbackEvent]:
    if not event_ids:
        return []
    columns = [feedback_event.c[name] for name in REPORTED]
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
    select need_id, institution_code, sequence from feedback_event
    where need_id = any(:need_ids)
    group by need_id, institution_code, sequence having count(*) > 1
    """
)

_PUSHED = sa.text(
    """
    select need_id, pushed.first_push, pushed.revisions, version.total_investment
    from (
        select need_id, max(revision) as revision, array_agg(revision) as revisions, min(arrived_at) as first_push
        from arrived_push where need_id = any(:need_ids) group by need_id
    ) pushed
    left join need_version version using (need_id, revision)
    """
)

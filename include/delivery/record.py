"""Writing down what tries came to: attempts appended, deliveries marked, one transaction for a set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from include.delivery.outcomes import EXHAUSTED, LOST, Result
from include.domain.retry import next_try
from include.store.database import copy_rows

log = logging.getLogger(__name__)

_SETTLED = ("delivered", "superseded", "held")


def record(
    engine: sa.Engine, worker: str, results: Sequence[Result], now: datetime, jitter: Callable[[], float]
) -> list[Result]:
    """Record `results`, the newest tries of what `worker` has leased; returns them as recorded.

    What has failed for too long is held. A delivery whose lease was lost meanwhile keeps the state that its new owner gives
    it; only the attempt is noted.
    """
    marks = [_scheduled(result, now, jitter()) for result in results]
    with engine.begin() as connection:
        copy_rows(connection, "delivery_attempt", _ATTEMPT, (_attempt(result, worker, now) for result, _ in marks))
        marked = connection.execute(
            _MARK,
            {
                "worker": worker,
                "ids": [result.claim.delivery_id for result, _ in marks],
                "states": [result.state for result, _ in marks],
                "outcomes": [LOST if result.doubtful else result.outcome for result, _ in marks],
                "error_classes": [result.error_class for result, _ in marks],
                "receipts": [result.receipt_no for result, _ in marks],
                "sends": [int(result.kind == "send") for result, _ in marks],
                "dues": [due for _, due in marks],
                "waits": [max(due - now, timedelta()) for _, due in marks],
                "settled": [now if result.state in _SETTLED else None for result, _ in marks],
            },
        ).rowcount
    if marked < len(marks):
        log.warning("%d leases were lost before their results were recorded", len(marks) - marked)
    return [result for result, _ in marks]


def _scheduled(result: Result, now: datetime, jitter: float) -> tuple[Result, datetime]:
    """The result and when its delivery is due again; held if it is time to give up."""
    if result.state in _SETTLED or result.error_class is None:
        return result, now
    due = next_try(result.claim.series, now, jitter, result.wait)
    if due is None:
        return replace(result, state="held", error_class=EXHAUSTED), now
    return result, due


_ATTEMPT = (
    "delivery_id",
    "kind",
    "worker",
    "attempted_at",
    "outcome",
    "error_class",
    "http_status",
    "detail",
    "receipt_no",
)


def _attempt(result: Result, worker: str, now: datetime) -> tuple[object, ...]:
    return (
        result.claim.delivery_id,
        result.kind,
        worker,
        now,
        result.outcome,
        result.error_class,
        result.http_status,
        result.detail,
        result.receipt_no,
    )


_MARK = sa.text(
    """
    update delivery
    set state = mark.state, outcome = mark.outcome, error_class = mark.error_class,
        receipt_no = coalesce(mark.receipt_no, delivery.receipt_no), attempts = attempts + mark.sends,
        next_attempt_at = mark.due, settled_at = mark.settled,
        lease_owner = null, lease_until = clock_timestamp() + mark.wait
    from unnest(
        cast(:ids as bigint[]), cast(:states as text[]), cast(:outcomes as text[]), cast(:error_classes as text[]),
        cast(:receipts as text[]), cast(:sends as integer[]), cast(:dues as timestamptz[]),
        cast(:waits as interval[]), cast(:settled as timestamptz[])
    ) as mark (delivery_id, state, outcome, error_class, receipt_no, sends, due, wait, settled)
    where delivery.delivery_id = mark.delivery_id and delivery.lease_owner = :worker
    """
)

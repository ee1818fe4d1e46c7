"""Recording results of tries: attempts appended, deliveries updated, one transaction for a set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import sqlalchemy as sa

from include.delivery.outcomes import EXHAUSTED, LOST, Result
from include.domain.retry import next_try

log = logging.getLogger(__name__)

_SETTLED = ("delivered", "superseded", "held")


def record(
    engine: sa.Engine, worker: str, results: Sequence[Result], now: datetime, jitter: Callable[[], float]
) -> list[Result]:
    """Record `results`, the newest tries of `worker`'s leased deliveries; returns them as recorded.

    What has failed for too long is held. A delivery whose lease was lost meanwhile keeps the state that its new owner
    gives it; only the attempt is recorded.
    """
    marks = [_scheduled(result, now, jitter()) for result in results]
    tries = msgspec.json.encode([_try(result, due, now) for result, due in marks]).decode()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        marked: int = connection.execute(_RECORD, {"worker": worker, "now": now, "tries": tries}).scalar_one()
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


def _try(result: Result, due: datetime, now: datetime) -> dict[str, object]:
    return {
        "delivery_id": result.claim.delivery_id,
        "kind": result.kind,
        "outcome": result.outcome,
        "error_class": result.error_class,
        "http_status": result.http_status,
        "detail": result.detail,
        "receipt_no": result.receipt_no,
        "state": result.state,
        "kept": LOST if result.may_have_arrived else result.outcome,
        "wait_s": max((due - now).total_seconds(), 0.0),
    }


# In one statement and so one transaction: a second statement, or begin and commit, would cost as much again. `kept` is
# the delivery's final outcome. The owner is coalesced because the planner under-estimates leased rows: statistics do
# not see leases of a moment, so it would expect one row and compare every lease with every try.
_RECORD = sa.text(
    """
    with tries as materialized (
        select * from json_to_recordset(cast(:tries as json)) as tries (
            delivery_id bigint, kind text, outcome text, error_class text, http_status integer, detail text,
            receipt_no text, state text, kept text, wait_s double precision
        )
    ), noted as (
        insert into delivery_attempt
            (delivery_id, kind, worker, attempted_at, outcome, error_class, http_status, detail, receipt_no)
        select delivery_id, kind, :worker, :now, outcome, error_class, http_status, detail, receipt_no from tries
    ), marked as (
        update delivery
        set state = tries.state, outcome = tries.kept, error_class = tries.error_class,
            receipt_no = coalesce(tries.receipt_no, delivery.receipt_no),
            attempts = attempts + cast(tries.kind = 'send' as integer),
            next_attempt_at = :now + make_interval(secs => tries.wait_s),
            settled_at = case when tries.state in ('delivered', 'superseded', 'held') then :now end,
            lease_owner = null, lease_until = clock_timestamp() + make_interval(secs => tries.wait_s)
        from tries
        where delivery.delivery_id = tries.delivery_id and coalesce(delivery.lease_owner, '') = :worker
        returning delivery.delivery_id
    )
    select count(*) from marked
    """
)

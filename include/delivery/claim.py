"""Leases deliveries, and decides which ones may be sent when.

Deliveries are leased in sets (FOR UPDATE SKIP LOCKED), so that two runs at once share the work. Leases follow the real
clock. A worker proves that it is alive by an advisory lock of its session: when it is killed, PostgreSQL drops the lock
at once, and its leased deliveries are taken over as unknown.

A delivery is due when business time has reached `next_attempt_at`, or real time `lease_until` (which, without an owner,
says when its wait ends): in a demo one of them may stop or jump while the other goes on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from include.delivery.outcomes import HOLDING_CLASSES, LOST, MAYBE_SENT, Claim
from include.domain.retry import Series
from include.domain.states import Channel
from include.store import locks
from include.store.locks import Lock

LEASE = timedelta(minutes=10)


class AllSlotsTaken(Exception):
    """The channel already has its maximum of workers; they send what this one would have sent."""


@contextmanager
def registered_worker(engine: sa.Engine, channel: Channel = Channel.MARKET, most: int | None = None) -> Iterator[str]:
    """Register a worker, which counts as alive until the block, or the process, ends; yields its name.

    `most`: the maximum of workers on the channel, over all runs and machines. Raises AllSlotsTaken.
    """
    worker = uuid.uuid4().hex
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            slots = (f"{channel} {number}" for number in range(most or 0))
            if most is not None and not any(
                locks.try_for_session(connection, Lock.WORKER_SLOT, slot) for slot in slots
            ):
                raise AllSlotsTaken
            locks.try_for_session(connection, Lock.WORKER_PRESENT, worker)
            yield worker
        finally:
            # A session lock: the session returns to its pool, so without release the slot would stay taken.
            locks.release_session(connection)


def claim(
    engine: sa.Engine, channel: Channel, worker: str, now: datetime, limit: int, lease: timedelta = LEASE
) -> list[Claim]:
    """Lease up to `limit` due deliveries, the longest due first, each the earliest open one of its order_key."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        rows = connection.execute(
            CLAIM, {"channel": channel, "worker": worker, "now": now, "limit": limit, "lease": lease}
        ).all()
        series = _series(connection, [row.delivery_id for row in rows if row.attempts])
    return [
        Claim(
            delivery_id=row.delivery_id,
            action=row.action,
            idempotency_key=row.idempotency_key,
            need_id=row.need_id,
            revision=row.revision,
            body=row.body or "",
            state=row.state,
            series=series.get(row.delivery_id, Series()),
        )
        for row in sorted(rows, key=lambda row: (row.next_attempt_at, row.delivery_id))
    ]


def release(engine: sa.Engine, worker: str, claims: Sequence[Claim]) -> None:
    """Return leases of deliveries that were certainly not sent."""
    if claims:
        with engine.begin() as connection:
            connection.execute(_RELEASE, {"worker": worker, "ids": [claim.delivery_id for claim in claims]})


def take_over(engine: sa.Engine, channel: Channel, worker: str, now: datetime) -> int:
    """Reopen what dead workers had leased: it may have been sent. Returns how many.

    A mail whose conversation had not begun was certainly not sent; otherwise it is held, because mails cannot be looked
    up.
    """
    with engine.begin() as connection:
        parameters = {
            "channel": channel,
            "worker": worker,
            "now": now,
            "presence": Lock.WORKER_PRESENT.value,
            "lost": LOST,
            "if_arrived": "held" if channel == "mail" else "unknown",
            "class": MAYBE_SENT if channel == "mail" else LOST,
        }
        return connection.execute(_TAKE_OVER, parameters).rowcount


def supersede(engine: sa.Engine, now: datetime) -> int:
    """Drop waiting pushes that block a higher revision or a withdrawal of their need."""
    with engine.begin() as connection:
        return connection.execute(_SUPERSEDE, {"now": now}).rowcount


def obstacles(connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
    """Which of these pushes must not be sent (any more): newer_revision or withdrawn, by delivery_id."""
    return dict(connection.execute(_OBSTACLES, {"ids": list(delivery_ids)}).tuples().all())


def next_due(engine: sa.Engine, channel: Channel, now: datetime) -> timedelta | None:
    """Time until a delivery of the channel is due; None if nothing waits."""
    with engine.connect() as connection:
        found: timedelta | None = connection.execute(_NEXT_DUE, {"channel": channel, "now": now}).scalar()
        return found


def _series(connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, Series]:
    if not delivery_ids:
        return {}
    rows = connection.execute(_SERIES, {"ids": list(delivery_ids), "holding": list(HOLDING_CLASSES)})
    return {row.delivery_id: Series(row.failures, row.began_at) for row in rows}


# `lease_until` is null before the first try.
_OPEN_AND_FREE = """
    delivery.channel = :channel and delivery.state in ('pending', 'unknown') and delivery.lease_owner is null
    and not exists (
        select from delivery earlier
        where earlier.order_key = delivery.order_key and earlier.delivery_id < delivery.delivery_id
          and earlier.state in ('pending', 'unknown')
    )
"""
_WAITS_UNTIL = "coalesce(lease_until, '-infinity')"

# Two index scans, one per clock; neither scans rows not yet due.
CLAIM = sa.text(
    f"""
    with by_business_time as (
        select delivery_id from delivery
        where {_OPEN_AND_FREE} and next_attempt_at <= :now
        order by next_attempt_at
        limit :limit
        for update skip locked
    ), by_real_time as (
        select delivery_id from delivery
        where {_OPEN_AND_FREE} and {_WAITS_UNTIL} <= statement_timestamp()
          and delivery_id not in (select delivery_id from by_business_time)
        order by {_WAITS_UNTIL}
        limit :limit - (select count(*) from by_business_time)
        for update skip locked
    ), due as (
        select delivery_id from by_business_time union all select delivery_id from by_real_time
    )
    update delivery set lease_owner = :worker, lease_until = clock_timestamp() + :lease
    from due where delivery.delivery_id = due.delivery_id
    returning delivery.delivery_id, delivery.action, delivery.idempotency_key, delivery.need_id, delivery.revision,
              delivery.body, delivery.state, delivery.attempts, delivery.next_attempt_at
    """
)

_NEXT_DUE = sa.text(
    f"""
    select least(
        (select next_attempt_at - :now from delivery where {_OPEN_AND_FREE} order by next_attempt_at limit 1),
        (select coalesce(lease_until - clock_timestamp(), interval '0') from delivery
         where {_OPEN_AND_FREE} order by {_WAITS_UNTIL} limit 1)
    )
    """
)

_SERIES = sa.text(
    """
    select attempt.delivery_id, count(*) as failures, min(attempt.attempted_at) as began_at
    from delivery_attempt attempt
    where attempt.delivery_id = any(:ids) and attempt.error_class is not null
      and attempt.attempt_id > coalesce((
          select max(held.attempt_id) from delivery_attempt held
          where held.delivery_id = attempt.delivery_id and held.error_class = any(:holding)
      ), 0)
    group by attempt.delivery_id
    """
)

_RELEASE = sa.text(
    """
    update delivery set lease_owner = null, lease_until = null
    where delivery_id = any(:ids) and lease_owner = :worker
    """
)

_TAKE_OVER = sa.text(
    """
    with gone as (
        select delivery_id, lease_owner,
               channel <> 'mail' or 'started' is not distinct from (
                   select attempt.outcome from delivery_attempt attempt
                   where attempt.delivery_id = delivery.delivery_id order by attempt.attempt_id desc limit 1
               ) as may_have_arrived
        from delivery
        where channel = :channel and state in ('pending', 'unknown') and lease_owner <> :worker
          and (lease_until < clock_timestamp() or not exists (
              select from pg_locks
              where locktype = 'advisory' and objsubid = 2 and granted
                and database = (select oid from pg_database where datname = current_database())
                and classid = cast(:presence as oid) and objid = cast(hashtext(lease_owner) as oid)
          ))
        for update skip locked
    ), noted as (
        insert into delivery_attempt (delivery_id, kind, worker, attempted_at, outcome, error_class, detail)
        select delivery_id, 'send', lease_owner, :now, :lost, :class, '发送进程中断' from gone where may_have_arrived
    )
    update delivery
    set state = case when may_have_arrived then :if_arrived else state end,
        outcome = case when may_have_arrived then :lost else outcome end,
        error_class = case when may_have_arrived then :class else error_class end,
        settled_at = case when may_have_arrived and cast(:if_arrived as text) = 'held' then :now else settled_at end,
        attempts = attempts + case when may_have_arrived then 1 else 0 end,
        lease_owner = null, lease_until = null
    from gone where delivery.delivery_id = gone.delivery_id
    """
)

# Pushes that must not be sent (any more), by reason.
_OBSOLETE = """
    select candidate.delivery_id,
           case when exists (
               select from delivery other
               where other.need_id = candidate.need_id and other.action = 'push' and other.revision > candidate.revision
                 and other.state <> 'superseded'
           ) then 'newer_revision'
           when exists (
               select from delivery other
               where other.need_id = candidate.need_id and other.action = 'withdrawal' and other.state <> 'superseded'
                 and (other.revision >= candidate.revision or other.delivery_id > candidate.delivery_id)
           ) or exists (
               select from withdrawal_notice notice
               where notice.need_id = candidate.need_id
                 and (notice.revision >= candidate.revision or notice.noticed_at >= candidate.created_at)
           ) then 'withdrawn' end as obstacle
    from delivery candidate
    where candidate.action = 'push'
"""

_OBSTACLES = sa.text(
    f"select * from ({_OBSOLETE} and candidate.delivery_id = any(:ids)) judged where obstacle is not null"
)

# Only needs with a later delivery are examined: rarely many, however much waits. Deliveries leased by another worker
# are left to it.
_SUPERSEDE = sa.text(
    f"""
    with judged as materialized (
        {_OBSOLETE} and candidate.channel = 'market' and candidate.state = 'pending' and candidate.lease_owner is null
        and candidate.need_id = any(array(
            select later.need_id from delivery later
            where later.channel = 'market' and later.state in ('pending', 'unknown')
              and (later.action = 'withdrawal' or later.revision > 1)
        ))
        for update of candidate skip locked
    )
    update delivery
    set state = 'superseded', settled_at = :now, lease_until = null, error_class = null, outcome = judged.obstacle
    from judged
    where delivery.delivery_id = judged.delivery_id and judged.obstacle is not null
    """
)

"""The outbox in figures and words (发件箱概况): what waits, since when, why, and the result of each try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.states import Channel
from include.store.tables import delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFigures:
    """The present state of a channel.

    `by_class`: open and held deliveries by error class, `held_by_class` those that wait for a person; `oldest`: since
    when the oldest open one waits; `closed_today`: closed by a person today (Asia/Shanghai); `asks_again_at`: moment of
    the next probe, if sending is paused; `stopped_by`: who stopped the channel by hand.
    """

    channel: Channel
    pending: int
    unknown: int
    held: int
    closed_today: int
    oldest: datetime | None
    by_class: Mapping[str, int]
    held_by_class: Mapping[str, int]
    breaker: str
    last_failure: str | None
    asks_again_at: datetime | None
    stopped_by: str | None
    stopped_at: datetime | None
    stop_reason: str | None

    @property
    def open_by_class(self) -> Mapping[str, int]:
        """Those that are retried automatically."""
        still_open = {name: number - self.held_by_class.get(name, 0) for name, number in self.by_class.items()}
        return {name: number for name, number in still_open.items() if number}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDelivery:
    """A delivery that waits for a person; `detail` is the receiver's message, without values of the payload."""

    delivery_id: int
    channel: Channel
    action: str
    need_id: str | None
    revision: int | None
    quarter: str | None
    department_code: str | None
    error_class: str | None
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    detail: str | None
    uscc: str | None


def channel_figures(connection: sa.Connection, now: datetime) -> list[ChannelFigures]:
    """Every channel, also those without any delivery."""
    classes: dict[str, dict[str, int]] = {channel: {} for channel in Channel}
    held: dict[str, dict[str, int]] = {channel: {} for channel in Channel}
    for row in connection.execute(_BY_CLASS):
        classes[row.channel][row.error_class] = row.number
        if row.held:
            held[row.channel][row.error_class] = row.held
    found = {row.channel: row for row in connection.execute(_FIGURES)}
    states = {row.channel: row for row in connection.execute(_BREAKERS)}
    midnight = datetime.combine(now.astimezone(SHANGHAI).date(), time(), SHANGHAI)
    closed: dict[str, int] = dict(connection.execute(_CLOSED_SINCE, {"since": midnight}).tuples().all())
    return [
        _figures(
            channel, found.get(channel), classes[channel], held[channel], states.get(channel), closed.get(channel, 0)
        )
        for channel in Channel
    ]


def stored_delivery(connection: sa.Connection, delivery_id: int) -> sa.Row[Any] | None:
    """A delivery as stored; None if there is none, or none that the reader may see."""
    return connection.execute(sa.select(delivery).where(delivery.c.delivery_id == delivery_id)).one_or_none()


def held_deliveries(
    connection: sa.Connection,
    *,
    channel: str = "",
    quarter: str = "",
    department: str = "",
    error_class: str = "",
    at_most: int | None = None,
) -> Sequence[HeldDelivery]:
    """What waits for a person, the longest first; an empty argument does not limit."""
    asked = {
        "channel": channel,
        "quarter": quarter,
        "department": department,
        "error_class": error_class,
        "at_most": at_most,
    }
    return [HeldDelivery(**row) for row in connection.execute(_HELD, asked).mappings()]


@dataclass(frozen=True, slots=True)
class HeldChoices:
    """The values by which held deliveries can be filtered, and how many match a choice."""

    quarters: Sequence[str]
    departments: Sequence[str]
    classes: Sequence[str]
    chosen: int


def held_choices(connection: sa.Connection, **chosen: str) -> HeldChoices:
    """The values that occur, and how many deliveries match `chosen` (as for `held_deliveries`)."""
    groups = connection.execute(_HELD_GROUPS).all()
    matching = [
        group
        for group in groups
        if all(not value or getattr(group, _GROUPED_AS.get(name, name)) == value for name, value in chosen.items())
    ]
    return HeldChoices(
        quarters=sorted({group.quarter for group in groups if group.quarter}, reverse=True),
        departments=sorted({group.department_code for group in groups if group.department_code}),
        classes=sorted({group.error_class for group in groups if group.error_class}),
        chosen=sum(group.number for group in matching),
    )


def acts(connection: sa.Connection, delivery_id: int) -> Sequence[sa.Row[Any]]:
    """Acts of persons on a delivery, in order: (at, actor, action, reason, job_id), `job_id` of a re-run."""
    return connection.execute(_ACTS, {"delivery_id": delivery_id}).all()


def attempts(connection: sa.Connection, delivery_id: int) -> Sequence[sa.Row[Any]]:
    """Every try of a delivery, in order."""
    return connection.execute(_ATTEMPTS, {"delivery_id": delivery_id}).all()


def _figures(
    channel: Channel,
    row: Any,
    by_class: Mapping[str, int],
    held_by_class: Mapping[str, int],
    state: Any,
    closed_today: int,
) -> ChannelFigures:
    return ChannelFigures(
        channel=channel,
        pending=row.pending if row else 0,
        unknown=row.unknown if row else 0,
        held=row.held if row else 0,
        closed_today=closed_today,
        oldest=row.oldest if row else None,
        by_class=by_class,
        held_by_class=held_by_class,
        breaker=state.breaker if state else "closed",
        last_failure=state.last_failure if state else None,
        asks_again_at=state.probe_at if state and state.breaker != "closed" else None,
        stopped_by=state.stopped_by if state else None,
        stopped_at=state.stopped_at if state else None,
        stop_reason=state.stop_reason if state else None,
    )


_FIGURES = sa.text(
    """
    select channel, count(*) filter (where state = 'pending') as pending,
           count(*) filter (where state = 'unknown') as unknown, count(*) filter (where state = 'held') as held,
           min(created_at) filter (where state in ('pending', 'unknown')) as oldest
    from delivery where state in ('pending', 'unknown', 'held') group by channel
    """
)
_BY_CLASS = sa.text(
    """
    select channel, error_class, count(*) as number, count(*) filter (where state = 'held') as held from delivery
    where state in ('pending', 'unknown', 'held') and error_class is not null
    group by channel, error_class order by channel, number desc, error_class
    """
)
_CLOSED_SINCE = sa.text(
    "select channel, count(*) from delivery where state = 'closed' and settled_at >= :since group by channel"
)
_BREAKERS = sa.text(
    "select channel, breaker, last_failure, probe_at, stopped_by, stopped_at, stop_reason from channel_state"
)
_HELD = sa.text(
    """
    select delivery_id, channel, action, need_id, revision, quarter, department_code, error_class, attempts, created_at,
           settled_at, last.detail, version.uscc
    from delivery
    left join lateral (
        select detail from delivery_attempt attempt
        where attempt.delivery_id = delivery.delivery_id order by attempt_id desc limit 1
    ) last on true
    left join lateral (
        select uscc from need_version version
        where version.need_id = delivery.need_id order by starts_with(uscc, '92') desc nulls last, revision desc limit 1
    ) version on true
    where state = 'held' and (:channel = '' or channel = :channel) and (:quarter = '' or quarter = :quarter)
      and (:department = '' or department_code = :department) and (:error_class = '' or error_class = :error_class)
    order by settled_at nulls first, delivery_id limit cast(:at_most as bigint)
    """
)
_GROUPED_AS = {"department": "department_code"}
_HELD_GROUPS = sa.text(
    """
    select channel, quarter, department_code, error_class, count(*) as number
    from delivery where state = 'held' group by channel, quarter, department_code, error_class
    """
)
_ACTS = sa.text(
    """
    select started_at as at, actor, 'rerun_deliveries' as action, reason, job_id
    from rerun_job join rerun_item using (job_id) where delivery_id = :delivery_id
    union all
    select cancelled_at, cancelled_by, 'cancel_rerun', '', job_id
    from rerun_job join rerun_item using (job_id) where delivery_id = :delivery_id and cancelled_at is not null
    union all
    select at, actor, 'close_deliveries', reason, null
    from audit_entry
    where action = 'close_deliveries' and cast(details as jsonb) -> 'delivery_ids' @> to_jsonb(cast(:delivery_id as bigint))
    order by at
    """
)
_ATTEMPTS = sa.text("select * from delivery_attempt where delivery_id = :delivery_id order by attempt_id")

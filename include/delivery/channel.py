"""A channel's state shared by all its workers: its circuit breaker and its rate.

Both are stored in `channel_state`, as is the wait that a receiver asked for, so that all workers, runs and machines act
as one towards a receiver. A wait ends when business time or real time has passed, whichever is first: in a demo one of
them may stop or jump.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from include.base.errors import PlatformUnavailable
from include.domain import breaker as circuit
from include.domain.breaker import Breaker
from include.domain.states import Channel
from include.platforms.http import Sleep
from include.words.states import word

log = logging.getLogger(__name__)

Admission = Literal["free", "probe", "paused", "refused", "stopped"]


class ChannelPaused(PlatformUnavailable):
    """The breaker is open: after repeated failures nothing is sent to the receiver for now."""


@dataclass(frozen=True, slots=True)
class SharedChannel:
    """The channel's row in the database; `threshold`: failures in a row after which its breaker opens."""

    engine: sa.Engine
    channel: Channel
    threshold: int

    def admit(self, now: datetime) -> Admission:
        """Whether a worker may send: freely, one item as a probe, not yet, not now, or not until a person lets it."""
        found = self._read(_STATE, now)
        if found is not None and found.stopped:
            return "stopped"
        if found is None or (found.breaker == "closed" and not found.paused_for):
            return "free"
        if found.paused_for:
            return "paused"
        if not found.may_probe:
            return "refused"
        with self.engine.begin() as connection:
            # Locked and read again: only one of several workers probes.
            locked = connection.execute(_LOCK, {"channel": self.channel, "now": now}).one()
            if locked.breaker == "closed":
                return "free"
            if not locked.may_probe:
                return "refused"
            self._write(connection, circuit.probing(_breaker(locked)), now, None)
            return "probe"

    def succeeded(self, now: datetime) -> None:
        """A request was answered."""
        if self._read(_TROUBLED, now) is None:
            return
        with self.engine.begin() as connection:
            before = connection.execute(_LOCK, {"channel": self.channel, "now": now}).one().breaker
            self._write(connection, circuit.succeeded(), now, None)
        if before != "closed":
            log.info("%s 已恢复，继续发送", word(Channel, self.channel))

    def failed(self, reason: str, now: datetime) -> None:
        """A request failed; `reason` in words, without values of a payload."""
        with self.engine.begin() as connection:
            ensure(connection, self.channel, now)
            before = _breaker(connection.execute(_LOCK, {"channel": self.channel, "now": now}).one())
            after = circuit.failed(before, self.threshold)
            self._write(connection, after, now, reason)
        if after.state == "open" and before.state != "open":
            log.warning(
                "%s 连续 %d 次失败，暂停发送 %s", word(Channel, self.channel), after.failures, circuit.wait(after)
            )

    def probe_unused(self, now: datetime) -> None:
        """Nothing was there to probe with: the next worker may."""
        with self.engine.begin() as connection:
            connection.execute(_PROBE_UNUSED, {"channel": self.channel, "now": now})

    def paused(self) -> ChannelPaused:
        """Why nothing is sent, in Chinese."""
        with self.engine.connect() as connection:
            row = connection.execute(_SHOW, {"channel": self.channel}).one()
        return ChannelPaused(
            f"{word(Channel, self.channel)}连续 {row.failures} 次失败（{row.last_failure or '原因不详'}），暂停发送。",
            "系统会自动试探，恢复后继续发送，无需重跑；长时间不恢复的，请联系对方运维。",
        )

    def wait_for_slot(self, gap: timedelta, sleep: Sleep) -> None:
        """Wait for the next free slot of the channel: one request per `gap`, however many workers there are."""
        with self.engine.begin() as connection:
            ensure(connection, self.channel, datetime.now().astimezone())
            wait: timedelta = connection.execute(_RESERVE, {"channel": self.channel, "gap": gap}).scalar_one()
        if wait > timedelta():
            sleep(wait.total_seconds())

    def pause_sending(self, now: datetime, wait: timedelta) -> None:
        """The receiver asked for a pause of `wait`: no worker sends before its end."""
        with self.engine.begin() as connection:
            ensure(connection, self.channel, now)
            connection.execute(_PAUSE, {"channel": self.channel, "until": now + wait, "wait": wait})

    def paused_for(self, now: datetime) -> timedelta:
        """Remaining pause that the receiver asked for; zero if it did not."""
        found = self._read(_STATE, now)
        return found.paused_for if found is not None else timedelta()

    def _read(self, query: sa.TextClause, now: datetime) -> sa.Row[Any] | None:
        """Read before and after each set, outside of a transaction, which would cost more than the query."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(query, {"channel": self.channel, "now": now}).one_or_none()

    def _write(self, connection: sa.Connection, after: Breaker, now: datetime, reason: str | None) -> None:
        connection.execute(
            _WRITE,
            {
                "channel": self.channel,
                "breaker": after.state,
                "failures": after.failures,
                "openings": after.openings,
                "reason": reason,
                "wait": circuit.wait(after) if after.state != "closed" else timedelta(),
                "now": now,
            },
        )


def ensure(connection: sa.Connection, channel: Channel, now: datetime) -> None:
    """The channel has a row, in good order unless it had one before."""
    connection.execute(_ENSURE, {"channel": channel, "now": now})


def _breaker(row: sa.Row[tuple[object, ...]]) -> Breaker:
    return Breaker(row.breaker, row.failures, row.openings)


_MAY_ASK = "(probe_at <= :now or probe_after <= clock_timestamp()) as may_probe"
_STATE = sa.text(
    f"""
    select breaker, stopped_by is not null as stopped, {_MAY_ASK}, greatest(
        coalesce(least(resume_at - :now, resume_after - clock_timestamp()), interval '0'), interval '0'
    ) as paused_for
    from channel_state where channel = :channel
    """
)
_LOCK = sa.text(
    f"select breaker, failures, openings, {_MAY_ASK} from channel_state where channel = :channel for update"
)
_SHOW = sa.text("select failures, last_failure from channel_state where channel = :channel")
_TROUBLED = sa.text("select from channel_state where channel = :channel and (breaker <> 'closed' or failures > 0)")
_ENSURE = sa.text(
    """
    insert into channel_state (channel, breaker, failures, openings, probe_at, probe_after, next_request_at, changed_at)
    values (:channel, 'closed', 0, 0, :now, clock_timestamp(), clock_timestamp(), :now)
    on conflict (channel) do nothing
    """
)
_WRITE = sa.text(
    """
    update channel_state
    set failures = :failures, openings = :openings, last_failure = coalesce(:reason, last_failure),
        opened_at = case when cast(:breaker as text) = 'closed' then null else coalesce(opened_at, :now) end,
        changed_at = case when breaker = :breaker then changed_at else :now end, breaker = :breaker,
        -- A late failure does not change a wait that runs already.
        probe_at = case when breaker = 'open' and cast(:breaker as text) = 'open' then probe_at else :now + :wait end,
        probe_after = case when breaker = 'open' and cast(:breaker as text) = 'open' then probe_after
                           else clock_timestamp() + :wait end
    where channel = :channel
    """
)
_PROBE_UNUSED = sa.text(
    """
    update channel_state set breaker = 'open', probe_at = :now, probe_after = clock_timestamp()
    where channel = :channel and breaker = 'half_open'
    """
)
_RESERVE = sa.text(
    """
    update channel_state set next_request_at = greatest(next_request_at, clock_timestamp()) + :gap
    where channel = :channel returning next_request_at - :gap - clock_timestamp()
    """
)
_PAUSE = sa.text(
    """
    update channel_state
    set resume_at = greatest(resume_at, :until), resume_after = greatest(resume_after, clock_timestamp() + :wait)
    where channel = :channel
    """
)

"""The verb of the delivery stage: send what is due on a channel."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import sqlalchemy as sa

from include.base.business_time import Clock
from include.base.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable
from include.base.settings import Settings
from include.delivery.channel import SharedChannel
from include.delivery.claim import (
    LEASE,
    AllSlotsTaken,
    claim,
    next_due,
    registered_worker,
    release,
    supersede,
    take_over,
)
from include.delivery.green_platform import GreenPlatformSender
from include.delivery.mail import MailSender
from include.delivery.market import MarketSender
from include.delivery.outcomes import NOT_FOUND, THROTTLED, Claim
from include.delivery.record import record
from include.delivery.sending import Sender, request_outcome
from include.domain.retry import requested_wait
from include.domain.states import Channel
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.platforms.http import PlatformBusy, Sleep
from include.reference import Policy
from include.store.cipher import open_cipher
from include.words.states import word

log = logging.getLogger(__name__)

LONGEST_PAUSE = timedelta(seconds=5)
"""A longer wait is left to the next run."""
ALL_PAUSES = timedelta(seconds=30)
_FRUITLESS_SETS = 3
LONGEST_SET = LEASE / 2
"""Then a worker gives back what it has not sent, well before others take it over."""
BatchOutcome = Literal["no_request", "no_answer", "answered"]
"""Result of a batch: no request sent, none answered, at least one answered."""
_WORTH_A_WORKER: dict[Channel, int] = {Channel.MARKET: 200, Channel.GREEN_PLATFORM: 100, Channel.MAIL: 100}
"""So many due deliveries keep one worker busy; fewer are not worth another connection."""
_SHORTEST_PAUSE = timedelta(milliseconds=50)
_DEFAULT_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySummary:
    """Result of a run.

    `delivered`, `held`, `superseded`: settled now. `deferred`: tries postponed now, by the receiver or because it was
    unreachable. `unknown`, `waiting`: open on the channel at the end, with and without a lost answer. `unreachable`:
    why the run ended early, if no worker could reach the receiver; later runs retry.
    """

    delivered: int
    deferred: int
    held: int
    superseded: int
    unknown: int
    waiting: int
    unreachable: PlatformUnavailable | None = None

    def counts(self) -> dict[str, int]:
        """The figures alone."""
        return {name: getattr(self, name) for name in _COUNTED}


_COUNTED = ("delivered", "deferred", "held", "superseded", "unknown", "waiting")


def deliver(
    engine: sa.Engine,
    channel: Channel,
    *,
    settings: Settings,
    policy: Policy,
    clock: Clock,
    longest_set: timedelta = LONGEST_SET,
) -> DeliverySummary:
    """Send everything that is due on `channel`, until nothing is or the receiver is unreachable.

    Safe to run twice, at once, and after a crash. Several workers share a large amount (policy
    delivery_workers_<channel>, over all runs; a run that finds all slots taken leaves the work to their workers). An
    unreachable receiver does not fail the run: later runs retry. A run lasts, so it takes a clock and no `Day`.
    `longest_set`: after so much real time a worker gives back what it has not sent. Raises CredentialsRefused or
    ConfigurationError: nothing can be sent before a person acts.
    """
    shared = SharedChannel(engine, channel, policy.integer("breaker_failures"))
    most = policy.integer(f"delivery_workers_{channel}")

    def work() -> tuple[Counter[str], PlatformUnavailable | None]:
        try:
            with (
                registered_worker(engine, channel, most=most) as worker,
                _open_sender(shared, settings, policy, worker, clock) as sender,
            ):
                run = _Run(engine, channel, worker, sender, policy, clock, shared, longest_set)
                return run.go(), run.unreachable
        except AllSlotsTaken:
            log.info("%s: 已有足够的发送者在工作", channel)
            return Counter(), None

    workers = _workers(engine, channel, most, clock.now())
    if workers == 1:
        outcomes = [work()]
    else:
        with ThreadPoolExecutor(workers, thread_name_prefix=f"deliver-{channel}") as pool:
            outcomes = [future.result() for future in [pool.submit(work) for _ in range(workers)]]
    counts = sum((counted for counted, _ in outcomes), Counter[str]())
    with engine.connect() as connection:
        left: dict[str, int] = dict(connection.execute(_LEFT, {"channel": channel}).tuples().all())
    summary = DeliverySummary(
        delivered=counts["delivered"],
        deferred=counts["deferred"],
        held=counts["held"],
        superseded=counts["superseded"],
        unknown=left.get("unknown", 0),
        waiting=left.get("pending", 0),
        unreachable=None if any(unreachable is None for _, unreachable in outcomes) else outcomes[0][1],
    )
    log.info("%s: %s", channel, summary.counts())
    return summary


_DUE = sa.text(
    """
    select count(*) from (
        select from delivery
        where channel = :channel and state in ('pending', 'unknown') and next_attempt_at <= :now limit :enough
    ) due
    """
)


def _workers(engine: sa.Engine, channel: Channel, most: int, now: datetime) -> int:
    """As many as allowed, but no more than there are sets to send."""
    with engine.connect() as connection:
        asked = {"channel": channel, "now": now, "enough": most * _WORTH_A_WORKER[channel]}
        due: int = connection.execute(_DUE, asked).scalar_one()
    return max(1, min(most, due // _WORTH_A_WORKER[channel]))


@contextmanager
def _open_sender(
    shared: SharedChannel, settings: Settings, policy: Policy, worker: str, clock: Clock
) -> Iterator[Sender]:
    engine = shared.engine
    if shared.channel == "market":
        cipher = open_cipher(engine, settings)
        pace = _pace(shared, settings.credit_market.rate_per_s, clock.sleep)
        with CreditMarketClient(settings.credit_market, sleep=clock.sleep, pace=pace) as market:
            yield MarketSender(engine, market, cipher, policy, clock.now)
    elif shared.channel == "green_platform":
        pace = _pace(shared, settings.green_platform.rate_per_s, clock.sleep)
        with GreenPlatformClient(settings.green_platform, sleep=clock.sleep, pace=pace) as green_platform:
            yield GreenPlatformSender(green_platform)
    else:
        pace = _pace(shared, settings.mail_server.rate_per_s, clock.sleep)
        with MailSender(engine, settings.mail_server, worker, clock.now, pace) as mail:
            yield mail


def _pace(shared: SharedChannel, rate_per_s: float | None, sleep: Sleep) -> Callable[[], None]:
    """Waits before a request so that all workers of the channel together keep the rate."""
    if rate_per_s is None:
        return lambda: None
    return partial(shared.wait_for_slot, timedelta(seconds=1 / rate_per_s), sleep)


def _pause_of_channel(stated_s: float | None, longest: timedelta) -> timedelta:
    """How long the whole channel waits when its receiver is busy.

    A wait at `longest`, the policy's bound, was clipped to it and says little: then only the refused deliveries wait so
    long.
    """
    requested = requested_wait(stated_s)
    return _DEFAULT_PAUSE if not requested or requested >= longest else requested


@dataclass
class _Run:
    engine: sa.Engine
    channel: Channel
    worker: str
    sender: Sender
    policy: Policy
    clock: Clock
    shared: SharedChannel
    longest_set: timedelta
    jitter: Callable[[], float] = random.random
    unreachable: PlatformUnavailable | None = None
    answered: int = 0
    """Requests of this run that were answered."""

    def go(self) -> Counter[str]:
        """Send set after set; returns how many results led to which state, or were deferred."""
        counts: Counter[str] = Counter()
        paused = timedelta()
        fruitless = 0
        self._tidy(counts)
        while fruitless < _FRUITLESS_SETS:
            admission = self.shared.admit(self.clock.now())
            if admission == "stopped":
                log.info("%s已由人工暂停，本次不发送", word(Channel, self.channel))
                break
            if admission == "refused":
                self.unreachable = self.shared.paused()
                break
            at_once = 1 if admission == "probe" else self.sender.at_once
            receiver_paused = admission == "paused"
            claims = [] if receiver_paused else claim(self.engine, self.channel, self.worker, self.clock.now(), at_once)
            if claims:
                answered_before = self.answered
                try:
                    outcome = self._send(claims, counts, probing=admission == "probe")
                    if admission == "probe" and outcome == "no_request":
                        self.shared.probe_unused(self.clock.now())
                    fruitless = fruitless + 1 if outcome == "no_answer" else 0
                except PlatformBusy as busy:
                    log.warning("%s", busy)
                    if admission == "probe":
                        self.shared.failed(busy.what, self.clock.now())
                    fruitless = fruitless + 1 if self.answered == answered_before else 0
                    longest = timedelta(minutes=self.policy.integer("receiver_wait_max_minutes"))
                    self.shared.pause_sending(self.clock.now(), _pause_of_channel(busy.retry_after_s, longest))
                except PlatformUnavailable as error:
                    self.unreachable = error
                    break
                continue
            if admission == "probe":
                self.shared.probe_unused(self.clock.now())
            due = next_due(self.engine, self.channel, self.clock.now())
            if due is not None and receiver_paused:
                due = max(due, self.shared.paused_for(self.clock.now()))
            if due is None or due > LONGEST_PAUSE or paused >= ALL_PAUSES:
                break
            pause = max(due, _SHORTEST_PAUSE)
            self.clock.sleep(pause.total_seconds())
            paused += pause
            self._tidy(counts)
        return counts

    def _send(self, claims: Sequence[Claim], counts: Counter[str], *, probing: bool = False) -> BatchOutcome:
        """Send one set and record its results; report each unanswered request, and the first answered one, to the
        breaker.

        A fault that may be of one item alone counts only until something shows that the receiver is reachable. Ends
        early and returns the rest of the leases if the breaker may have opened or the longest time of a set is over.
        """
        left = {one.delivery_id: one for one in claims}
        outcome: BatchOutcome = "no_request"
        in_a_row, reopened = 0, False
        give_back_at = time.monotonic() + self.longest_set.total_seconds()
        try:
            for results in filter(None, self.sender.send(claims)):
                for result in record(self.engine, self.worker, results, self.clock.now(), self.jitter):
                    del left[result.claim.delivery_id]
                    counts["deferred" if result.state == "pending" and result.error_class else result.state] += 1
                    reopened |= result.outcome == NOT_FOUND
                if all(result.kind == "check" for result in results):
                    continue
                found = request_outcome(results)
                if found != "answered":
                    outcome = "no_answer" if outcome == "no_request" else outcome
                    if results[0].error_class != THROTTLED:
                        in_a_row += 1
                        if found == "no_answer" or probing or not self.answered:
                            self.shared.failed(results[0].detail or results[0].outcome, self.clock.now())
                else:
                    self.answered += 1
                    if in_a_row or outcome != "answered":
                        outcome, in_a_row = "answered", 0
                        self.shared.succeeded(self.clock.now())
                if in_a_row >= self.shared.threshold or time.monotonic() > give_back_at:
                    break
        except (PlatformUnavailable, CredentialsRefused, ConfigurationError):
            release(self.engine, self.worker, list(left.values()))
            raise
        release(self.engine, self.worker, list(left.values()))
        if reopened:
            self._tidy(counts)
        return outcome

    def _tidy(self, counts: Counter[str]) -> None:
        take_over(self.engine, self.channel, self.worker, self.clock.now())
        if self.channel == "market":
            counts["superseded"] += supersede(self.engine, self.clock.now())


_LEFT = sa.text(
    "select state, count(*) from delivery where channel = :channel and state in ('pending', 'unknown') group by state"
)

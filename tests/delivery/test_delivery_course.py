"""The outbox over any course of events: revisions, withdrawals, several workers, every answer, deaths; `make nightly` takes long ones.

Claims, senders and marks are the real ones on a real PostgreSQL; the credit-market platform is a model that keeps its contract.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from include.base.errors import PlatformUnavailable
from include.delivery.claim import claim, next_due, registered_worker, release, supersede, take_over
from include.delivery.market import MarketSender
from include.delivery.outcomes import Claim
from include.delivery.record import record
from include.platforms.credit_market import ItemResult, LedgerEntry
from include.platforms.http import OutcomeUnknown, PlatformBusy, Problem, ProblemResponse
from include.reference import policy
from include.store import tables
from tests.support.outbox import CIPHER, NOW, need_id, queue_pushes, queue_withdrawal
from tests.support.rows import rewrite

NEEDS = 3
WORKERS = 3
Answer = Literal[
    "taken", "lost", "lost_on_the_way", "429", "503", "409", "rejected", "deferred", "dies", "dies_on_the_way"
]
ORDINARY: tuple[Answer, ...] = ("taken", "429", "503", "409", "rejected", "deferred")
DOUBTFUL: tuple[Answer, ...] = ("lost", "dies", "lost_on_the_way", "dies_on_the_way")


class Killed(BaseException):
    """The worker's process ends here."""


class Platform:
    """What the contract promises, and a check of what it may be sent: keys count once, what was lost may have been taken."""

    def __init__(self, outdated: Callable[[str, int], bool]) -> None:
        self.outdated = outdated
        self.answer: Answer = "taken"
        self.held: dict[tuple[str, int], LedgerEntry] = {}
        self.withdrawn: set[str] = set()
        self.refused: set[tuple[str, int]] = set()

    def push_batch(self, items: Sequence[Mapping[str, Any]]) -> list[ItemResult]:
        for item in items:
            need, revision = item["need_id"], item["revision"]
            assert (need, revision) not in self.held, "sent again although the platform holds it"
            assert need not in self.withdrawn, "a push after its withdrawal"
            assert not self.outdated(need, revision), "a push that was known to be overtaken or withdrawn"
            assert all(held < revision for of, held in self.held if of == need), "a lower revision after a higher"
        self._break_off_before()
        outcomes = [self._take(item) for item in items]
        self._break_off_after()
        return outcomes

    def look_up(self, need: str, revision: int) -> LedgerEntry | None:
        if self.answer in ("429", "503"):
            raise self._busy()
        if self.answer == "dies":
            raise Killed
        return self.held.get((need, revision))

    def withdraw(self, body: Mapping[str, Any]) -> ItemResult:
        self._break_off_before()
        if self.answer == "deferred":
            return ItemResult(idempotency_key=body["idempotency_key"], outcome="deferred", retry_after=60)
        outcome = "duplicate" if body["need_id"] in self.withdrawn else "accepted"
        self.withdrawn.add(body["need_id"])
        self._break_off_after()
        return ItemResult(idempotency_key=body["idempotency_key"], outcome=outcome, receipt_no="R")

    def _take(self, item: Mapping[str, Any]) -> ItemResult:
        key, place = item["idempotency_key"], (item["need_id"], item["revision"])
        if self.answer in ("deferred", "rejected"):
            if self.answer == "rejected":
                self.refused.add(place)
            return ItemResult(idempotency_key=key, outcome=self.answer, retry_after=60)
        self.held[place] = LedgerEntry(
            need_id=place[0],
            revision=place[1],
            idempotency_key=key,
            receipt_no=f"R{len(self.held)}",
            payload_sha256=item["payload_sha256"],
            received_at=datetime.now(UTC),
            state="held",
        )
        return ItemResult(idempotency_key=key, outcome="accepted", receipt_no=f"R{len(self.held)}")

    def _break_off_before(self) -> None:
        if self.answer in ("429", "503"):
            raise self._busy()
        if self.answer == "409":
            raise ProblemResponse("", 409, Problem())
        if self.answer == "lost_on_the_way":
            raise OutcomeUnknown("", "连接中断")
        if self.answer == "dies_on_the_way":
            raise Killed

    def _break_off_after(self) -> None:
        if self.answer == "lost":
            raise OutcomeUnknown("", "连接中断")
        if self.answer == "dies":
            raise Killed

    def _busy(self) -> PlatformBusy:
        return PlatformBusy("忙", "稍后再试", int(self.answer), 120 if self.answer == "429" else None)


class Worker:
    """A worker as the database sees it: present while its session lives, with what it has leased."""

    def __init__(self, database: sa.Engine) -> None:
        self._life = ExitStack()
        self.name = self._life.enter_context(registered_worker(database))
        self.claims: list[Claim] = []

    def die(self) -> None:
        self._life.close()


class DeliveryCourse(RuleBasedStateMachine):
    """One outbox, a few needs, workers that come and go, a platform in every mood."""

    def __init__(self, database: sa.Engine) -> None:
        super().__init__()
        self.database = database
        self.platform = Platform(self._is_outdated)
        self.now = NOW
        self.revisions = [0] * NEEDS
        self.withdrawn: set[str] = set()
        self.workers = [Worker(database) for _ in range(WORKERS)]
        with database.begin() as connection:
            rewrite(connection, sa.text("truncate delivery, delivery_attempt, contact, withdrawal_notice cascade"))
        for number in range(NEEDS):
            self.a_revision_passes(number)

    @rule(number=st.integers(0, NEEDS - 1))
    def a_revision_passes(self, number: int) -> None:
        if need_id(number) not in self.withdrawn:
            self.revisions[number] += 1
            queue_pushes(self.database, [number], revision=self.revisions[number])

    @rule(number=st.integers(0, NEEDS - 1))
    def it_is_withdrawn(self, number: int) -> None:
        if self.revisions[number] and need_id(number) not in self.withdrawn:
            self.withdrawn.add(need_id(number))
            queue_withdrawal(self.database, number, self.revisions[number])

    @rule(which=st.integers(0, WORKERS - 1), limit=st.integers(1, 4))
    def a_worker_claims(self, which: int, limit: int) -> None:
        supersede(self.database, self.now)
        worker = self.workers[which]
        if not worker.claims:
            worker.claims = claim(self.database, "market", worker.name, self.now, limit)

    @rule(which=st.integers(0, WORKERS - 1), answer=st.sampled_from(ORDINARY))
    def a_worker_sends(self, which: int, answer: Answer) -> None:
        self._claim_and_send(which, answer)

    @rule(which=st.integers(0, WORKERS - 1), answer=st.sampled_from(DOUBTFUL))
    def a_worker_sends_and_hears_nothing(self, which: int, answer: Answer) -> None:
        self._claim_and_send(which, answer)

    def _claim_and_send(self, which: int, answer: Answer) -> None:
        self.a_worker_claims(which, NEEDS)
        if self.workers[which].claims:
            self._send(which, answer)

    @rule(which=st.integers(0, WORKERS - 1))
    def a_worker_is_killed_and_another_comes(self, which: int) -> None:
        self.workers[which].die()
        self.workers[which] = Worker(self.database)

    @rule(minutes=st.sampled_from([1, 60, 60 * 24]))
    def time_passes_and_what_the_dead_left_is_taken_over(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        take_over(self.database, "market", self.workers[0].name, self.now)

    @invariant()
    def a_need_is_on_its_way_once(self) -> None:
        leased = [one.need_id for worker in self.workers for one in worker.claims]
        assert len(leased) == len(set(leased))

    @invariant()
    def what_is_delivered_is_there(self) -> None:
        with self.database.connect() as connection:
            delivered = connection.execute(_DELIVERED).all()
        for row in delivered:
            there = (
                row.need_id in self.platform.withdrawn
                if row.action == "withdrawal"
                else ((row.need_id, row.revision) in self.platform.held)
            )
            assert there, "marked as delivered, and the platform never took it"

    def teardown(self) -> None:
        """Whatever happened: once all is well again, everything comes to its end and nothing is forgotten."""
        for worker in self.workers:
            worker.die()
        self.workers = [Worker(self.database)]
        for _ in range(60):
            take_over(self.database, "market", self.workers[0].name, self.now)
            self.a_worker_claims(0, 100)
            if self.workers[0].claims:
                self._send(0, "taken")
            elif (wait := next_due(self.database, "market", self.now)) is None:
                break
            else:
                self.now += max(wait, timedelta(minutes=1))
        self.workers[0].die()
        self.what_is_delivered_is_there()
        with self.database.connect() as connection:
            rows = connection.execute(_ALL).all()
        assert {row.state for row in rows} <= {"delivered", "superseded", "held"}
        held = {(row.need_id, row.revision) for row in rows if row.state == "held"}
        for number, newest in enumerate(self.revisions):
            need = need_id(number)
            if need in self.withdrawn:
                assert need in self.platform.withdrawn or (need, newest) in held
            elif newest:
                assert (need, newest) in self.platform.held.keys() | held, "the newest revision never arrived"

    def _is_outdated(self, need: str, revision: int) -> bool:
        newest = next(self.revisions[number] for number in range(NEEDS) if need_id(number) == need)
        return need in self.withdrawn or revision < newest

    def _send(self, which: int, answer: Answer) -> None:
        """As the engine sends a set: record what came of it, give back what was certainly not sent."""
        worker, self.platform.answer = self.workers[which], answer
        sender = MarketSender(self.database, self.platform, CIPHER, policy(), lambda: self.now)  # type: ignore[arg-type]
        left = {one.delivery_id: one for one in worker.claims}
        try:
            for results in filter(None, sender.send(worker.claims)):
                for result in record(self.database, worker.name, results, self.now, lambda: 0.5):
                    del left[result.claim.delivery_id]
        except PlatformUnavailable:
            release(self.database, worker.name, list(left.values()))
        except Killed:
            worker.die()
            self.workers[which] = Worker(self.database)
        worker.claims = []


_DELIVERED = sa.text("select action, need_id, revision from delivery where state = 'delivered'")
_ALL = sa.select(tables.delivery.c.need_id, tables.delivery.c.revision, tables.delivery.c.state)

_profile = (
    settings()
    if os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
    else settings(max_examples=20, stateful_step_count=20, deadline=None)
)


def test_nothing_is_doubled_overtaken_or_forgotten_whatever_happens(database: sa.Engine) -> None:
    run_state_machine_as_test(lambda: DeliveryCourse(database), settings=_profile)

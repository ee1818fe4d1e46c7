"""A channel as its workers share it: the breaker over runs and workers, the rate, several workers at once."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery import stage as engine
from include.delivery.channel import SharedChannel
from include.delivery.claim import AllSlotsTaken, registered_worker
from include.delivery.outcomes import Claim
from include.delivery.stage import DeliverySummary, deliver
from include.reference import policy
from include.sandbox.server import Sandbox
from include.store.tables import channel_state, delivery_attempt
from tests.support.outbox import NOW, Clock, deliveries, need_id, queue_pushes, with_connection
from tests.support.scripted import Answer, scripted


def _run(database: sa.Engine, settings: Settings, clock: Clock, **changed: Any) -> DeliverySummary:
    return deliver(database, "market", settings=settings, clock=clock, **{"policy": policy(), **changed})


def _state(database: sa.Engine) -> str:
    with database.connect() as connection:
        return str(connection.execute(sa.select(channel_state.c.breaker)).scalar())


def _attempts(database: sa.Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(delivery_attempt)).scalar_one())


def test_a_receiver_that_fails_again_and_again_is_left_alone_then_asked_by_one_item(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, range(30))
    sandbox.fault("/v1/", "500", count=1_000)
    clock = Clock()
    for _ in range(40):
        if _state(database) == "open":
            break
        _run(database, settings, clock)
        clock.sleep(3600)
    assert _state(database) == "open"

    # As if no time had passed since it opened: nothing is asked.
    with database.begin() as connection:
        connection.execute(
            sa.update(channel_state).values(
                probe_at=clock.now() + timedelta(minutes=1), probe_after=sa.func.now() + timedelta(hours=1)
            )
        )
    before = _attempts(database)
    paused = _run(database, settings, clock)
    assert paused.unreachable is not None and "暂停发送" in paused.unreachable.what
    assert _attempts(database) == before

    sandbox.clear_faults()
    clock.sleep(3600)
    summary = _run(database, settings, clock)
    assert _state(database) == "closed"
    assert summary.unreachable is None
    assert {one.state for one in deliveries(database)} == {"delivered"}


def test_only_one_of_several_workers_asks(database: sa.Engine) -> None:
    shared = SharedChannel(database, "market", threshold=1)
    shared.failed("无法连接", NOW)
    later = NOW + timedelta(hours=1)
    barrier, answers = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        answers.append(shared.admit(later))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answers) == {"probe": 1, "refused": 7}


def test_five_lost_answers_in_a_row_end_a_set_that_has_more(database: sa.Engine, settings: Settings) -> None:
    one_by_one = replace(policy(), values=MappingProxyType({**policy().values, "push_batch_size": "1"}))
    queue_pushes(database, range(30))
    with scripted(reply=lambda _: Answer(fault="reset")) as server:
        summary = _run(
            database, with_connection(settings, "credit_market", host=server.url), Clock(), policy=one_by_one
        )
        assert len(server.received) == 5
    assert _state(database) == "open"
    assert summary.unreachable is not None and "连续 5 次失败" in summary.unreachable.what
    rows = deliveries(database)
    assert Counter(row.state for row in rows) == {"unknown": 5, "pending": 25}
    assert not [row for row in rows if row.lease_owner]


def test_a_set_is_given_back_when_its_lease_is_half_over(
    database: sa.Engine, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_pushes(database, range(300))
    claimed: list[int] = []
    claim = engine.claim

    def claiming(*asked: Any) -> list[Claim]:
        found = claim(*asked)
        claimed.append(len(found))
        return found

    monkeypatch.setattr(engine, "claim", claiming)
    assert _run(database, settings, Clock(), longest_set=timedelta()).delivered == 300
    assert claimed == [300, 200, 100, 0]
    assert sandbox.state()["market"]["outcomes"] == {"accepted": 300}


def test_an_item_that_need_not_be_sent_is_no_answer_of_the_receiver(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    shared = SharedChannel(database, "market", threshold=1)
    shared.failed("无法连接", NOW - timedelta(hours=1))
    queue_pushes(database, [1], with_contact=False)
    _run(database, settings, Clock())
    assert [row.error_class for row in deliveries(database)] == ["contact_missing"]
    assert _state(database) == "open"


def test_an_asking_worker_that_died_blocks_nobody_for_long(database: sa.Engine) -> None:
    shared = SharedChannel(database, "market", threshold=1)
    shared.failed("无法连接", NOW)
    assert shared.admit(NOW + timedelta(minutes=1)) == "probe"
    assert shared.admit(NOW + timedelta(minutes=2)) == "refused"
    assert shared.admit(NOW + timedelta(minutes=4)) == "probe"


def test_a_success_forgets_the_failures_before_it(database: sa.Engine) -> None:
    shared = SharedChannel(database, "market", threshold=3)
    for _ in range(2):
        shared.failed("无法连接", NOW)
    shared.succeeded(NOW)
    for _ in range(2):
        shared.failed("无法连接", NOW)
    assert shared.admit(NOW) == "free"


def test_workers_share_one_rate(database: sa.Engine) -> None:
    shared, waits = SharedChannel(database, "market", threshold=5), []
    for _ in range(4):
        shared.wait_for_slot(timedelta(seconds=10), waits.append)
    assert [round(wait) for wait in waits] == [10, 20, 30]


@pytest.mark.parametrize("revisions", [1, 2])
def test_several_workers_send_each_need_once_and_in_order(
    database: sa.Engine, settings: Settings, sandbox: Sandbox, revisions: int
) -> None:
    for revision in range(1, revisions + 1):
        queue_pushes(database, range(900), revision=revision)
    summary = _run(database, settings, Clock())
    held = Counter((entry["need_id"], entry["revision"]) for entry in sandbox.ledger() if entry["state"] == "held")
    assert held == Counter((need_id(number), revisions) for number in range(900))
    assert summary.waiting == summary.unknown == 0
    with database.connect() as connection:
        workers = connection.execute(sa.text("select count(distinct worker) from delivery_attempt")).scalar_one()
    assert workers > 1


def test_runs_at_once_share_the_places_of_a_channel(database: sa.Engine) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(registered_worker(database, "market", most=2))
        with pytest.raises(AllSlotsTaken), registered_worker(database, "market", most=2):
            pass
        with registered_worker(database, "mail", most=1):
            pass
    with registered_worker(database, "market", most=1):
        pass


def test_a_run_without_a_place_leaves_the_work_to_those_who_have_one(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, [1])
    with contextlib.ExitStack() as stack:
        for _ in range(policy().integer("delivery_workers_market")):
            stack.enter_context(registered_worker(database, "market", most=policy().integer("delivery_workers_market")))
        summary = _run(database, settings, Clock())
        assert (summary.delivered, summary.waiting, summary.unreachable) == (0, 1, None)
    assert _run(database, settings, Clock()).delivered == 1


def test_what_a_receiver_asked_for_is_waited_for_by_all_workers_by_either_clock(database: sa.Engine) -> None:
    shared = SharedChannel(database, "market", threshold=5)
    shared.pause_sending(NOW, timedelta(minutes=30))
    shared.pause_sending(NOW, timedelta(minutes=1))
    other = SharedChannel(database, "market", threshold=5)
    assert other.admit(NOW + timedelta(minutes=29)) == "paused"
    assert timedelta() < other.paused_for(NOW + timedelta(minutes=29)) <= timedelta(minutes=1)
    assert other.admit(NOW + timedelta(minutes=31)) == "free"
    with database.begin() as connection:
        connection.execute(sa.update(channel_state).values(resume_after=sa.func.now() - timedelta(seconds=1)))
    assert other.admit(NOW) == "free"


def test_a_run_in_which_one_worker_asks_with_success_is_not_called_away(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    shared = SharedChannel(database, "market", threshold=1)
    shared.failed("无法连接", NOW - timedelta(hours=1))
    queue_pushes(database, range(400))
    summary = _run(database, settings, Clock())
    assert (summary.delivered, summary.unreachable) == (400, None)
    assert _state(database) == "closed"

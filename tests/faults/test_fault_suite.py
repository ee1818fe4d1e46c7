"""A small slice of `make faults`, and that its verdict can fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from include.local.postgres import PostgresServer
from include.store.database import connect
from tests.faults import scenarios
from tests.faults.hostile import POISONS, hostile
from tests.faults.stage import Stage, WorkerFailed, staged
from tests.faults.verdict import judge
from tests.faults.worker import CRASH_POINTS, MAIL_CRASH_POINTS, _dying


def test_kills_at_every_point_leave_an_exact_ledger(postgres: PostgresServer) -> None:
    verdict, happened = next(
        (judge(stage), stage.happened) for stage in scenarios.killed(postgres, seed=5, needs=150, seeds=2)
    )
    assert verdict.needs >= 150
    assert happened == dict.fromkeys(CRASH_POINTS.values(), 2)
    assert verdict.kept, verdict


def test_a_run_of_several_threads_dies_at_its_nth_call_whichever_thread_makes_it() -> None:
    deaths: list[int] = []
    passed = threading.Barrier(8)
    for when in ("before", "after"):
        dying = _dying(lambda: passed.wait(timeout=10), 5, **{when: lambda: deaths.append(1)})
        threads = [threading.Thread(target=dying) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert deaths == [1, 1]


def test_lost_answers_leave_an_exact_ledger(postgres: PostgresServer) -> None:
    verdict, happened = next(
        (judge(stage), stage.happened) for stage in scenarios.lost_answers(postgres, seed=5, needs=300, rounds=3)
    )
    assert happened["回答丢失"] > 0
    assert verdict.kept, verdict


def test_troubled_mail_is_neither_doubled_nor_lost_from_sight(postgres: PostgresServer) -> None:
    verdict = scenarios.troubled_mail(postgres, 30, kills=2)
    assert verdict.kept, verdict
    assert [verdict.happened[name] for name in MAIL_CRASH_POINTS.values()] == [2, 2]
    # Killed before its data twice, refused for good once: none of them came, and none of them is out of sight.
    assert verdict.received == verdict.queued - 3


@contextmanager
def _superuser(stage: Stage) -> Iterator[sa.Connection]:
    engine = connect(stage.server.url(stage.database))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_worker_that_meets_a_defect_ends_the_play(postgres: PostgresServer) -> None:
    with staged(postgres) as stage:
        stage.queue(1)
        with _superuser(stage) as connection:
            connection.exec_driver_sql("alter table delivery_attempt rename to elsewhere")
        with pytest.raises(WorkerFailed, match="delivery_attempt"):
            stage.end(stage.worker(hours=0))


def test_the_verdict_sees_what_is_missing_and_what_nobody_sent(postgres: PostgresServer) -> None:
    with staged(postgres) as stage:
        stage.queue(30)
        stage.settle()
        assert judge(stage).kept
        stage.expected["FN999999999999"] = (1, "held")
        with _superuser(stage) as connection:
            connection.exec_driver_sql("set local session_replication_role = replica")
            connection.exec_driver_sql("delete from delivery_attempt where delivery_id = 1")
        verdict = judge(stage)
    assert verdict.lost == ["FN999999999999"]
    assert len(verdict.received_not_attempted) == 1


def test_hostile_partners_change_nothing_for_sound_needs_and_all_they_sent_is_listed(postgres: PostgresServer) -> None:
    verdict = hostile(postgres, seed=7, needs=60)
    assert verdict.needs >= 50
    assert min(verdict.planted.values()) >= len(POISONS)
    assert verdict.kept, verdict.told()

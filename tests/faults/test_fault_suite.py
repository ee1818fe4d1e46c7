"""A small slice of `make faults`, and that its verdict can fail."""

from __future__ import annotations

from collections.abc import Iterator

from include.local.postgres import PostgresServer
from tests.faults import scenarios
from tests.faults.stage import Stage, staged
from tests.faults.verdict import judge
from tests.faults.worker import CRASH_POINTS


def _verdict(play: Iterator[Stage]):
    return next(judge(stage) for stage in play)


def test_kills_at_every_point_leave_an_exact_ledger(postgres: PostgresServer) -> None:
    verdict, kills = next(
        (judge(stage), stage.kills) for stage in scenarios.killed(postgres, seed=5, needs=150, seeds=2)
    )
    assert verdict.needs >= 150
    assert kills >= len(CRASH_POINTS)
    assert verdict.kept, verdict


def test_lost_answers_leave_an_exact_ledger(postgres: PostgresServer) -> None:
    verdict = _verdict(scenarios.lost_answers(postgres, seed=5, needs=300))
    assert verdict.kept, verdict


def test_troubled_mail_is_neither_doubled_nor_lost_from_sight(postgres: PostgresServer) -> None:
    queued, received, twice, missing = scenarios.troubled_mail(postgres, 30)
    assert (queued, twice, missing) == (30, 0, 0)
    assert received >= 28


def test_the_verdict_sees_what_is_missing_and_what_nobody_sent(postgres: PostgresServer) -> None:
    with staged(postgres) as stage:
        stage.queue(30)
        stage.settle()
        assert judge(stage).kept
        stage.expected["FN999999999999"] = (1, "held")
        with stage.engine.begin() as connection:
            connection.exec_driver_sql("delete from delivery_attempt where delivery_id = 1")
        verdict = judge(stage)
    assert verdict.lost == ["FN999999999999"]
    assert len(verdict.received_not_attempted) == 1

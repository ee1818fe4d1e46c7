"""Returns and progress reach the green platform once, under their key."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery.stage import deliver
from include.platforms.green_platform import GreenPlatformClient
from include.reference import policy
from include.sandbox.server import Sandbox
from include.store.outbox import NewDelivery, enqueue
from tests.support.outbox import NOW, Clock, StandingClock, attempts, deliveries, run_channel, states, with_connection

run = partial(run_channel, "green_platform")


@pytest.fixture
def needs(settings: Settings) -> list[str]:
    """Needs that the platform knows."""
    with GreenPlatformClient(settings.green_platform) as client:
        listed = [json.loads(item.raw) for page in client.need_listing(quarter="2026Q3") for item in page.items]
    ids = [item["need_id"] for item in listed if isinstance(item, dict) and str(item.get("need_id")).startswith("FN")]
    assert len(set(ids)) >= 20
    return sorted(set(ids))


def queue_returns(engine: sa.Engine, needs: list[str], **changes: Any) -> None:
    bodies = [
        {
            "need_id": need_id,
            "revision": 1,
            "ruleset_version": "2026.1",
            "respond_by": "2026-10-23",
            "reasons": [
                {"rule_id": "DQ02", "field": "enterprise.uscc", "message": "代码有误。", "how_to_fix": "请核对。"}
            ],
        }
        | changes
        for need_id in needs
    ]
    _queue(engine, "return", "return", bodies)


def queue_progress(engine: sa.Engine, need_id: str, stage: str = "pushed") -> None:
    body = {
        "need_id": need_id,
        "revision": 1,
        "stage": stage,
        "as_of": "2026-10-09T09:00:00+08:00",
        "institutions": 0,
        "approved_amount": "0.00",
        "drawn_amount": "0.00",
    }
    _queue(engine, "progress", f"progress:{stage}", [body])


def _queue(engine: sa.Engine, action: Any, key: str, bodies: list[dict[str, Any]]) -> None:
    new = [
        NewDelivery(
            channel="green_platform",
            action=action,
            idempotency_key=f"{key}:{body['need_id']}:1",
            order_key=body["need_id"],
            need_id=body["need_id"],
            revision=1,
            body=body,
        )
        for body in bodies
    ]
    with engine.begin() as connection:
        enqueue(connection, new, NOW)


def test_returns_and_progress_arrive_with_a_receipt(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, needs: list[str]
) -> None:
    queue_returns(database, needs[:15])
    queue_progress(database, needs[15])
    queue_progress(database, needs[15], "distributed")
    summary = run(database, settings)
    assert (summary.delivered, summary.waiting) == (17, 0)
    assert all(row.receipt_no and row.outcome == "accepted" for row in deliveries(database))
    assert len(sandbox.returns()) == 15
    assert [report["body"]["stage"] for report in sandbox.progress()] == ["pushed", "distributed"]


def test_returns_keep_the_rate_of_the_connection(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, needs: list[str]
) -> None:
    queue_returns(database, needs[:3])
    clock = StandingClock()
    slow = with_connection(settings, "green_platform", extra={"rate_per_s": 0.01})
    deliver(database, "green_platform", settings=slow, policy=policy(), clock=clock)
    assert [round(wait, -1) for wait in clock.waits] == [100, 200, 300]  # the first request fetches a token
    assert len(sandbox.returns()) == 3


@pytest.mark.parametrize("kind", ["reset", "reset_after_commit", "504_after_commit", "cut_body", "500", "revoke_token"])
def test_a_lost_answer_is_settled_by_the_same_key(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, needs: list[str], kind: str
) -> None:
    queue_returns(database, needs[:3])
    sandbox.fault("/v1/returns", kind, count=1)
    assert run(database, settings).delivered == 3
    assert len(sandbox.returns()) == 3
    first = [row.outcome for row in attempts(database) if row.delivery_id == deliveries(database)[0].delivery_id]
    committed = kind in ("reset_after_commit", "504_after_commit", "cut_body")
    expected = ["accepted"] if kind == "revoke_token" else ["lost_answer", "duplicate" if committed else "accepted"]
    assert first == expected


def test_a_body_that_breaks_the_schema_is_held_and_never_repeated(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, needs: list[str]
) -> None:
    queue_returns(database, needs[:1], reasons=[])
    queue_returns(database, needs[1:3])
    assert run(database, settings).held == 1
    run(database, settings, Clock(NOW + timedelta(days=2)))
    (attempt,) = [row for row in attempts(database) if row.error_class]
    assert (attempt.error_class, attempt.http_status) == ("client_error", 422)
    assert states(database) == ["held", "delivered", "delivered"]


def test_the_same_key_with_another_body_is_a_conflict(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, needs: list[str]
) -> None:
    queue_returns(database, needs[:1])
    run(database, settings)
    with database.begin() as connection:
        connection.execute(sa.text("update delivery set state = 'pending', body = replace(body, '核对', '改正')"))
    assert run(database, settings).held == 1
    assert deliveries(database)[0].error_class == "conflict"


def test_a_progress_report_never_overtakes_an_earlier_one(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, needs: list[str]
) -> None:
    queue_progress(database, needs[0])
    queue_progress(database, needs[0], "distributed")
    sandbox.fault("/v1/progress", "503", count=1, retry_after="60")
    assert run(database, settings).delivered == 0
    assert run(database, settings, Clock(NOW + timedelta(minutes=2))).delivered == 2
    assert [report["body"]["stage"] for report in sandbox.progress()] == ["pushed", "distributed"]

"""Pushes reach the credit-market platform exactly once, in order, whatever the platform and the process go through."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.errors import ConfigurationError, CredentialsRefused
from include.base.settings import Settings
from include.delivery.claim import claim, registered_worker, take_over
from include.delivery.outcomes import Result
from include.delivery.record import record
from include.delivery.rerun import Selection, rerun
from include.delivery.stage import DeliverySummary
from include.sandbox.server import Sandbox
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import contact, delivery
from tests.support.outbox import (
    NOW,
    Clock,
    attempts,
    deliveries,
    document,
    need_id,
    person,
    queue_pushes,
    queue_withdrawal,
    restate,
    run_channel,
    states,
    with_connection,
)
from tests.support.rows import rewrite
from tests.support.scripted import Answer, scripted

BATCHES = "/v1/need-batches"

run = partial(run_channel, "market")


def ledger(sandbox: Sandbox) -> dict[tuple[str, int], dict[str, Any]]:
    """The receiver's own word, by need and revision."""
    return {(entry["need_id"], entry["revision"]): entry for entry in sandbox.ledger()}


def effects(sandbox: Sandbox) -> list[tuple[str, int, int]]:
    return sorted((*key, entry["effects"]) for key, entry in ledger(sandbox).items())


def once(numbers: range) -> list[tuple[str, int, int]]:
    return [(need_id(number), 1, 1) for number in numbers]


# --- What is sent ----------------------------------------------------------------------------------------------------


def test_every_push_arrives_with_its_contact_and_leaves_its_receipt(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, range(250))
    summary = run(database, settings)
    assert summary == DeliverySummary(delivered=250, deferred=0, held=0, superseded=0, unknown=0, waiting=0)
    held = ledger(sandbox)
    assert effects(sandbox) == once(range(250))
    for row in deliveries(database):
        assert row.receipt_no == held[row.need_id, 1]["receipt_no"]
        assert (row.outcome, row.attempts, row.settled_at) == ("accepted", 1, NOW)
    contact_keys = {key for key in held[need_id(0), 1]["payload_keys"] if "contact" in key}
    assert contact_keys == {"enterprise.contact.name", "enterprise.contact.mobile"}


def test_a_second_run_sends_nothing(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, range(3))
    run(database, settings)
    assert run(database, settings).delivered == 0
    assert len(attempts(database)) == 3


def test_batches_keep_the_size_of_the_policy(database: sa.Engine, settings: Settings) -> None:
    sizes = []

    def reply(request: Any) -> Answer:
        items = json.loads(request.body)["items"]
        sizes.append(len(items))
        results = [
            {"idempotency_key": item["idempotency_key"], "outcome": "accepted", "receipt_no": "X"} for item in items
        ]
        return Answer(200, json.dumps({"results": results}).encode())

    queue_pushes(database, range(230))
    with scripted(reply=reply) as server:
        run(database, with_connection(settings, "credit_market", host=server.url))
    assert sizes == [100, 100, 30]


def test_a_push_without_a_contact_is_held_and_not_sent(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1], with_contact=False)
    queue_pushes(database, [2])
    assert run(database, settings).held == 1
    assert [(row.state, row.error_class) for row in deliveries(database)] == [
        ("held", "contact_missing"),
        ("delivered", None),
    ]
    assert effects(sandbox) == [(need_id(2), 1, 1)]


def test_a_push_that_is_no_longer_what_was_queued_is_held_until_its_need_is_restored(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1, 2, 3])
    with database.begin() as connection:
        for number, changed in ((1, document(1).replace("1200.00", "9900.00")), (2, "{}")):
            rewrite(connection, _STORE, {"id": need_id(number), "document": changed})
    assert run(database, settings).held == 2
    held = deliveries(database, "state = 'held'")
    assert {row.error_class for row in held} == {"content_changed"}
    assert {row.detail for row in attempts(database) if row.kind == "check"} == {
        "按库中需求重新生成的内容与入列时的哈希不一致，未推送"
    }
    assert effects(sandbox) == [(need_id(3), 1, 1)]
    with database.begin() as connection:
        rewrite(connection, _STORE, {"id": need_id(1), "document": document(1)})
        selection = Selection(delivery_ids=tuple(row.delivery_id for row in held))
        rerun(connection, selection, actor="operator-1", reason="已按备份恢复", now=NOW)
    assert (run(database, settings).delivered, len(deliveries(database, "state = 'held'"))) == (1, 1)
    assert effects(sandbox) == [(need_id(1), 1, 1), (need_id(3), 1, 1)]


# --- Every outcome of an item ----------------------------------------------------------------------------------------


def test_a_batch_of_mixed_outcomes_settles_each_item_on_its_own(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1, 2])
    queue_pushes(database, [3], revision=2)
    run(database, settings)
    first = {row.need_id: row.receipt_no for row in deliveries(database)}
    with database.begin() as connection:  # as if our own record of all three had been lost
        connection.execute(sa.update(delivery).values(state="pending", receipt_no=None, outcome=None))
        restate(connection, 2)
        connection.execute(sa.text("update delivery set need_id = null where revision = 2"))
        rewrite(connection, sa.text("delete from delivery_attempt"))
        rewrite(connection, sa.text("delete from delivery where revision = 2"))
    queue_pushes(database, [3])
    queue_pushes(database, [4], branch_code="PBC999999")
    queue_pushes(database, [5])
    run(database, settings)
    found = {row.need_id: (row.state, row.outcome, row.error_class) for row in deliveries(database)}
    assert found == {
        need_id(1): ("delivered", "duplicate", None),
        need_id(2): ("held", "conflict", "conflict"),
        need_id(3): ("superseded", "stale", None),
        need_id(4): ("held", "rejected", "rejected"),
        need_id(5): ("delivered", "accepted", None),
    }
    assert deliveries(database, f"need_id = '{need_id(1)}'")[0].receipt_no == first[need_id(1)]
    (detail,) = [row.detail for row in attempts(database) if row.outcome == "rejected"]
    assert detail.startswith("branch_code：")


def test_a_deferred_item_is_sent_again_when_the_platform_said(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, range(3))
    sandbox.fault(BATCHES, "deferred", count=1)
    clock = Clock()
    summary = run(database, settings, clock)
    assert (summary.delivered, summary.deferred) == (3, 1)
    assert clock.now() >= NOW + timedelta(seconds=2)
    assert effects(sandbox) == once(range(3))


def test_what_is_held_is_never_sent_again_by_itself(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1], branch_code="PBC999999")
    run(database, settings)
    run(database, settings, Clock(NOW + timedelta(days=30)))
    assert [row.outcome for row in attempts(database)] == ["rejected"]


def test_one_malformed_item_does_not_keep_the_others(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, range(40))
    queue_pushes(database, [40], is_major="yes")
    queue_pushes(database, range(41, 60))
    summary = run(database, settings)
    assert (summary.delivered, summary.held) == (59, 1)
    (held,) = deliveries(database, "state = 'held'")
    assert (held.need_id, held.error_class, held.attempts) == (need_id(40), "client_error", 1)
    (attempt,) = [row for row in attempts(database) if row.error_class]
    assert attempt.http_status == 422
    assert "is_major" in attempt.detail


def test_an_answer_to_an_obstruction_goes_to_its_own_address(database: sa.Engine, settings: Settings) -> None:
    body = {"obstruction_id": "OB/1", "status": "acknowledged", "authority": "PBOC", "level": "city", "note": "已接单"}
    accepted = {"idempotency_key": "obstruction:OB/1:1", "outcome": "accepted", "receipt_no": "G1"}
    for key, answer in (
        ("obstruction:OB/1:1", Answer(200, json.dumps(accepted).encode())),
        ("obstruction:OB/1:2", Answer(404, b'{"title": "none", "status": 404}')),
    ):
        with database.begin() as connection:
            new = NewDelivery(
                channel="market", action="obstruction_update", idempotency_key=key, order_key="OB/1", body=body
            )
            enqueue(connection, [new], NOW)
        with scripted(answer) as server:
            run(database, with_connection(settings, "credit_market", host=server.url))
            (request,) = server.received
        assert request.target == "/v1/obstructions/OB%2F1/updates"
        sent = {name: value for name, value in body.items() if name != "obstruction_id"}
        assert json.loads(request.body) == sent | {"idempotency_key": key}
    assert [(row.state, row.error_class) for row in deliveries(database)] == [
        ("delivered", None),
        ("held", "client_error"),
    ]


def test_a_withdrawal_that_the_platform_does_not_follow_is_held(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_withdrawal(database, 1)
    assert run(database, settings).held == 1
    assert deliveries(database)[0].error_class == "rejected"


# --- Faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["500", "502", "504", "reset", "reset_half_way", "reset_after_commit", "504_after_commit", "cut_body"]
)
def test_a_lost_answer_is_settled_by_looking_up_first(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, kind: str
) -> None:
    queue_pushes(database, range(20))
    sandbox.fault(BATCHES, kind, count=1)
    summary = run(database, settings)
    assert (summary.delivered, summary.unknown, summary.waiting) == (20, 0, 0)
    assert effects(sandbox) == once(range(20))
    history = [
        (row.kind, row.outcome) for row in attempts(database) if row.delivery_id == deliveries(database)[0].delivery_id
    ]
    assert history[0] == ("send", "lost_answer")
    assert history[1][0] == "look_up"
    committed = kind in ("reset_half_way", "reset_after_commit", "504_after_commit", "cut_body")
    assert history[1][1] == ("found" if committed else "not_found")
    assert sandbox.state()["market"]["outcomes"].get("duplicate", 0) == 0
    assert all(row.receipt_no for row in deliveries(database))


@pytest.mark.parametrize("kind", ["429", "503"])
def test_a_short_retry_after_is_waited_for_within_the_run(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, kind: str
) -> None:
    queue_pushes(database, range(150))
    sandbox.fault(BATCHES, kind, count=1, retry_after="3")
    clock = Clock()
    assert run(database, settings, clock).delivered == 150
    assert clock.now() >= NOW + timedelta(seconds=3)
    assert effects(sandbox) == once(range(150))


@pytest.mark.parametrize("said_as", ["seconds", "date"])
def test_a_long_retry_after_is_kept_for_the_whole_channel(
    database: sa.Engine, sandbox: Sandbox, settings: Settings, said_as: str
) -> None:
    queue_pushes(database, range(150))
    # A date counts from the platform's own Date, which is the real one.
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=1800), usegmt=True)
    sandbox.fault(BATCHES, "503", count=1, retry_after="1800" if said_as == "seconds" else until)
    summary = run(database, settings)
    assert (summary.delivered, summary.waiting) == (0, 150)
    assert run(database, settings, Clock(NOW + timedelta(minutes=29))).delivered == 0
    assert len(attempts(database)) == 100
    assert run(database, settings, Clock(NOW + timedelta(minutes=31))).delivered == 150


def test_a_look_up_that_fails_leaves_the_push_unknown(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "reset_after_commit", count=1)
    sandbox.fault("/v1/needs/", "500", count=50)
    summary = run(database, settings)
    assert (summary.unknown, summary.delivered) == (1, 0)
    sandbox.clear_faults()
    assert run(database, settings, Clock(NOW + timedelta(hours=2))).delivered == 1
    assert effects(sandbox) == once(range(1, 2))


def test_an_entry_that_is_not_what_we_sent_is_a_conflict(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "reset_after_commit", count=1)
    sandbox.fault("/v1/needs/", "500", count=50)
    run(database, settings)
    sandbox.clear_faults()
    with database.begin() as connection:
        restate(connection, 1)
    assert run(database, settings, Clock(NOW + timedelta(hours=2))).held == 1
    assert deliveries(database)[0].error_class == "conflict"


def test_a_platform_that_is_away_for_76_hours_costs_nothing(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, range(120))
    away = with_connection(settings, "credit_market", host="http://127.0.0.1:1")
    clock = Clock()
    for _ in range(20):
        summary = run(database, away, clock)
        assert (summary.waiting, summary.held) == (120, 0)
        assert "127.0.0.1:1" in str(summary.unreachable)
        clock.sleep(4 * 3600)
    assert clock.now() > NOW + timedelta(hours=76)
    back = run(database, settings, clock)
    assert (back.delivered, back.unreachable) == (120, None)
    assert effects(sandbox) == once(range(120))


def test_what_is_given_up_on_is_held_in_sight(database: sa.Engine, settings: Settings) -> None:
    queue_pushes(database, [1])
    away = with_connection(settings, "credit_market", host="http://127.0.0.1:1")
    clock = Clock()
    for _ in range(14):
        run(database, away, clock)
        clock.sleep(7 * 3600)
    (row,) = deliveries(database)
    assert (row.state, row.error_class) == ("held", "exhausted")


def test_a_wait_ends_by_the_real_clock_too_where_business_time_stands_still(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    run(database, with_connection(settings, "credit_market", host="http://127.0.0.1:1"))
    with database.begin() as connection:
        connection.execute(sa.text("update delivery set next_attempt_at = next_attempt_at + interval '1 day'"))
        connection.execute(sa.text("update delivery set lease_until = clock_timestamp() + interval '1 hour'"))
    assert run(database, settings).delivered == 0
    with database.begin() as connection:
        connection.execute(sa.text("update delivery set lease_until = clock_timestamp() - interval '1 second'"))
    assert run(database, settings).delivered == 1


def test_wrong_credentials_stop_the_run_and_cost_no_try(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, range(3))
    wrong = with_connection(settings, "credit_market", password="another-secret")
    with pytest.raises(CredentialsRefused, match="信贷市场服务平台") as caught:
        run(database, wrong)
    assert "another-secret" not in str(caught.value)
    assert {(row.state, row.attempts, row.lease_owner) for row in deliveries(database)} == {("pending", 0, None)}
    assert run(database, settings).delivered == 3


def test_an_address_without_the_interface_is_no_fault_of_the_needs(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, range(3))
    with pytest.raises(ConfigurationError, match="host"):
        run(database, with_connection(settings, "credit_market", host=sandbox.market_url + "/wrong"))
    assert {(row.state, row.lease_owner) for row in deliveries(database)} == {("pending", None)}


def test_a_key_that_does_not_open_the_contacts_stops_the_run_before_anything_is_sent(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    other_key = Settings(connections=settings.connections, fernet_key="another key of the tests")
    with pytest.raises(ConfigurationError, match="解密"):
        run(database, other_key)
    assert sandbox.ledger() == []
    assert run(database, settings).delivered == 1


# --- Order -----------------------------------------------------------------------------------------------------------


def test_a_lower_revision_still_waiting_is_superseded(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    queue_pushes(database, [1], revision=2)
    summary = run(database, settings)
    assert (summary.delivered, summary.superseded) == (1, 1)
    assert effects(sandbox) == [(need_id(1), 2, 1)]
    assert deliveries(database)[0].outcome == "newer_revision"


def test_a_higher_revision_waits_until_the_lower_ones_fate_is_known(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "reset_after_commit", count=1)
    sandbox.fault("/v1/needs/", "500", count=50)
    run(database, settings)
    queue_pushes(database, [1], revision=2)
    run(database, settings, Clock(NOW + timedelta(minutes=1)))
    assert list(ledger(sandbox)) == [(need_id(1), 1)]
    sandbox.clear_faults()
    run(database, settings, Clock(NOW + timedelta(hours=2)))
    assert states(database) == ["delivered", "delivered"]
    entries = ledger(sandbox)
    assert entries[need_id(1), 1]["order"] < entries[need_id(1), 2]["order"]
    assert entries[need_id(1), 1]["state"] == "superseded"


def test_a_withdrawal_follows_its_push(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1])
    run(database, settings)
    queue_withdrawal(database, 1)
    assert run(database, settings).delivered == 1
    assert ledger(sandbox)[need_id(1), 1]["state"] == "withdrawn"


def test_a_push_never_overtakes_a_withdrawal(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "reset", count=1)
    sandbox.fault("/v1/needs/", "500", count=50)
    run(database, settings)  # nobody knows whether the push is in
    queue_withdrawal(database, 1)
    run(database, settings, Clock(NOW + timedelta(minutes=1)))
    assert states(database) == ["unknown", "pending"]
    sandbox.clear_faults()
    run(database, settings, Clock(NOW + timedelta(hours=2)))
    assert sandbox.ledger() == []
    push = deliveries(database)[0]
    assert (push.state, push.outcome) == ("superseded", "withdrawn")


# --- Twice, at once, killed ------------------------------------------------------------------------------------------


def test_two_runs_at_once_share_the_work(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, range(1000))
    summaries: list[DeliverySummary] = []
    threads = [threading.Thread(target=lambda: summaries.append(run(database, settings))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sum(summary.delivered for summary in summaries) == 1000
    assert effects(sandbox) == once(range(1000))
    assert len(attempts(database)) == 1000


def test_what_a_dead_worker_had_leased_is_looked_up_first(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, range(10))
    with registered_worker(database) as dead:
        assert len(claim(database, "market", dead, NOW, 10)) == 10
        with registered_worker(database) as other:
            assert take_over(database, "market", other, NOW) == 0
        assert run(database, settings).delivered == 0
    assert run(database, settings).delivered == 10
    assert [row.kind for row in attempts(database)[:20]] == ["send"] * 10 + ["look_up"] * 10
    assert effects(sandbox) == once(range(10))


def test_a_lease_that_ran_out_is_taken_over_even_from_a_worker_that_hangs(database: sa.Engine) -> None:
    queue_pushes(database, [1])
    with registered_worker(database) as hanging, registered_worker(database) as other:
        claim(database, "market", hanging, NOW, 10, lease=timedelta(seconds=-1))
        assert take_over(database, "market", other, NOW) == 1
    assert states(database) == ["unknown"]


def test_a_result_that_comes_after_the_lease_was_lost_changes_nothing(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    with registered_worker(database) as slow:
        (claimed,) = claim(database, "market", slow, NOW, 10, lease=timedelta(seconds=-1))
        run(database, settings)
        late = Result(claim=claimed, kind="send", outcome="rejected", state="held", error_class="rejected")
        record(database, slow, [late], NOW, lambda: 0.5)
    assert states(database) == ["delivered"]
    assert attempts(database)[-1].outcome == "rejected"


def test_a_purged_contact_does_not_keep_an_unknown_push_from_being_settled(
    database: sa.Engine, sandbox: Sandbox, settings: Settings
) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "reset_after_commit", count=1)
    sandbox.fault("/v1/needs/", "500", count=50)
    run(database, settings)
    sandbox.clear_faults()
    with database.begin() as connection:
        rewrite(connection, sa.delete(contact))
    assert run(database, settings, Clock(NOW + timedelta(hours=2))).delivered == 1
    assert person(1)["mobile"] not in str(deliveries(database))


_STORE = sa.text("update need_version set document = :document where need_id = :id")

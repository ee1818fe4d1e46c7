"""What was given up on stays in sight until a person closes it; a re-run can be watched and taken back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from include import audit
from include.base.errors import InvalidRequest
from include.base.settings import Settings
from include.delivery import closing, rerun, rerun_jobs
from include.delivery.claim import claim
from include.delivery.outcomes import lost
from include.delivery.record import record
from include.delivery.rerun import Selection
from include.delivery.view import channel_figures, held_deliveries
from include.domain.states import ErrorClass
from include.platforms.http import OutcomeUnknown
from include.sandbox.server import Sandbox
from include.store.tables import audit_entry, delivery, delivery_attempt
from include.words.states import word
from tests.support.mails import queue_mails
from tests.support.outbox import NOW, deliveries, hold, queue_pushes, run_channel

run = partial(run_channel, "market")

SIGNED = {"actor": "li", "role": "operator", "reason": "已与平台核对，不再发送", "now": NOW}


def _ids(engine: sa.Engine) -> list[int]:
    return [row.delivery_id for row in deliveries(engine)]


def _states(engine: sa.Engine) -> list[str]:
    return [row.state for row in deliveries(engine)]


def test_a_closed_delivery_is_never_sent_and_leaves_an_audit_entry(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "conflict")
    hold(database, 2, "rejected")
    with database.begin() as connection:
        assert closing.close(connection, _ids(database)[:1], **SIGNED) == 1
    with database.begin() as connection:
        rerun.rerun(connection, Selection(quarter="2026Q3"), actor="li", reason="平台已恢复", now=NOW)
    run(database, settings)
    assert _states(database) == ["closed", "delivered"]
    with database.connect() as connection:
        actions = connection.execute(sa.select(audit_entry.c.action).order_by(audit_entry.c.entry_id)).scalars().all()
        assert audit.verify(connection) is None
    assert actions == ["close_deliveries", "rerun_deliveries"]


def test_only_what_is_held_can_be_closed_and_then_all_or_nothing(database: sa.Engine) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "conflict")
    for chosen, reason in ((_ids(database), SIGNED["reason"]), (_ids(database)[:1], "好"), ([], SIGNED["reason"])):
        with database.begin() as connection, pytest.raises(InvalidRequest):
            closing.close(connection, chosen, **{**SIGNED, "reason": reason})
    assert _states(database) == ["held", "pending"]


def test_a_mail_that_may_have_gone_out_waits_for_a_person_who_closes_it_or_sends_it_again(database: sa.Engine) -> None:
    queue_mails(database, range(2))
    claims = claim(database, "mail", "worker", NOW, 2)
    record(database, "worker", [lost(one, OutcomeUnknown("邮件服务器", "中断")) for one in claims], NOW, lambda: 0.5)
    with database.begin() as connection:
        first, second = held_deliveries(connection)
        assert "可能已送达" in word(ErrorClass, str(first.error_class))
        assert closing.close(connection, [first.delivery_id], **SIGNED) == 1
        rerun.rerun(connection, Selection(delivery_ids=(second.delivery_id,)), actor="li", reason="没有收到", now=NOW)
    assert _states(database) == ["closed", "pending"]


def test_what_failed_since_a_moment_is_selected(database: sa.Engine) -> None:
    queue_pushes(database, [1, 2])
    with database.begin() as connection:
        for delivery_id, at in zip(_ids(database), (NOW - timedelta(hours=2), NOW), strict=True):
            connection.execute(
                delivery_attempt.insert().values(
                    delivery_id=delivery_id,
                    kind="send",
                    worker="w",
                    attempted_at=at,
                    outcome="unavailable",
                    error_class="unavailable",
                )
            )
        found = rerun.preview(connection, Selection(failed_since=NOW - timedelta(hours=1)))
    assert [item.delivery_id for item in found.items] == _ids(database)[1:]


def test_a_rerun_tells_how_far_it_is(database: sa.Engine, settings: Settings, sandbox: Sandbox) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "exhausted", outcome="unavailable")
    with database.begin() as connection:
        started = rerun.rerun(connection, Selection(error_class="exhausted"), actor="li", reason="平台已恢复", now=NOW)
        assert started is not None
        assert rerun_jobs.progress(connection, started.job_id).state == "running"
    run(database, settings)
    with database.connect() as connection:
        after = rerun_jobs.progress(connection, started.job_id)
        assert [job.job_id for job in rerun_jobs.recent(connection)] == [started.job_id]
    assert (after.state, after.number, after.delivered) == ("done", 1, 1)


def test_a_cancel_takes_back_what_was_not_tried_and_nothing_else(database: sa.Engine) -> None:
    queue_pushes(database, [1, 2, 3])
    for number in (1, 2, 3):
        hold(database, number, "rejected")
    before = [(row.error_class, row.settled_at) for row in deliveries(database)]
    with database.begin() as connection:
        started = rerun.rerun(connection, Selection(error_class="rejected"), actor="li", reason="平台已恢复", now=NOW)
        assert started is not None
        first, second, third = _ids(database)
        connection.execute(sa.update(delivery).where(delivery.c.delivery_id == first).values(attempts=2))
        connection.execute(sa.update(delivery).where(delivery.c.delivery_id == second).values(lease_owner="w"))
        assert rerun_jobs.cancel(connection, started.job_id, **SIGNED) == 1
        with pytest.raises(InvalidRequest, match="已经结束"):
            rerun_jobs.cancel(connection, started.job_id, **SIGNED)
        job = rerun_jobs.progress(connection, started.job_id)
    assert _states(database) == ["pending", "pending", "held"]
    assert (deliveries(database)[2].error_class, deliveries(database)[2].settled_at) == before[2]
    assert (job.state, job.taken_back, job.open) == ("cancelled", 1, 2)
    assert third == _ids(database)[2]


def test_a_cancel_lets_what_waited_wait_on(database: sa.Engine, settings: Settings, sandbox: Sandbox) -> None:
    queue_pushes(database, [1])
    sandbox.fault("/v1/need-batches", "503", count=1, retry_after="7200")
    run(database, settings)
    before = deliveries(database)
    with database.begin() as connection:
        started = rerun.rerun(connection, Selection(error_class="throttled"), actor="li", reason="平台已恢复", now=NOW)
        assert started is not None
        assert rerun_jobs.cancel(connection, started.job_id, **SIGNED) == 1
        assert rerun_jobs.progress(connection, started.job_id).taken_back == 1
    assert deliveries(database) == before
    assert run(database, settings).delivered == 0


def test_a_request_made_twice_starts_one_rerun(database: sa.Engine) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "rejected")
    asked = {"actor": "li", "reason": "平台已恢复", "now": NOW, "request_key": "rerun_deliveries/manual__1"}
    found = []
    for _ in range(2):
        with database.begin() as connection:
            found.append(rerun.rerun(connection, Selection(quarter="2026Q3", error_class="rejected"), **asked))
    assert found[0] == found[1] is not None
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar_one() == 1


def test_a_selection_by_channel_leaves_the_others_alone(database: sa.Engine) -> None:
    queue_pushes(database, [1])
    with database.connect() as connection:
        numbers = [len(rerun.preview(connection, Selection(channel=channel)).items) for channel in ("market", "mail")]
    assert numbers == [1, 0]


def test_a_moment_without_an_offset_is_shanghai_s() -> None:
    assert rerun.since("2026-10-09T09:00") == rerun.since("2026-10-09T01:00:00+00:00") == NOW
    assert rerun.since("") is None
    with pytest.raises(InvalidRequest, match="无法识别"):
        rerun.since("昨天")


def test_the_outbox_in_figures(database: sa.Engine) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "conflict")
    with database.connect() as connection:
        market, *others = channel_figures(connection, NOW)
        held = held_deliveries(connection, error_class="conflict")
        assert held_deliveries(connection, error_class="rejected") == []
    assert (market.pending, market.held, market.by_class, market.breaker) == (1, 1, {"conflict": 1}, "closed")
    assert market.oldest == NOW
    assert all(one.pending == one.held == 0 for one in others)
    assert [(one.action, one.error_class) for one in held] == [("push", "conflict")]


def test_of_several_classes_every_one_has_words_for_the_operator() -> None:
    from include.delivery import outcomes

    assert {*outcomes.HOLDING_CLASSES, *outcomes.FRUITLESS_CLASSES, "deferred"} <= set(ErrorClass)

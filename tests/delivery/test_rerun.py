"""Sending again by hand: what, why, by whom, and never what must not be."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from include import audit
from include.base.errors import InvalidRequest
from include.base.settings import Settings
from include.delivery import rerun
from include.delivery.claim import claim, registered_worker
from include.delivery.rerun import Selection
from include.sandbox.server import Sandbox
from include.store.tables import audit_entry, delivery
from tests.support.outbox import (
    NOW,
    Clock,
    attempts,
    deliveries,
    hold,
    need_id,
    queue_pushes,
    queue_withdrawal,
    run_channel,
    states,
    with_connection,
)

BATCHES = "/v1/need-batches"

run = partial(run_channel, "market")


def again(engine: sa.Engine, selection: Selection, reason: str = "平台已修复校验规则") -> int:
    with engine.begin() as connection:
        started = rerun.rerun(connection, selection, actor="王五", reason=reason, now=NOW)
    return started.number if started else 0


def test_what_was_held_is_sent_under_its_first_key(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "rejected")
    hold(database, 2, "exhausted", outcome="unavailable")
    assert again(database, Selection(quarter="2026Q3")) == 2
    assert {(row.state, row.error_class, row.settled_at, row.attempts) for row in deliveries(database)} == {
        ("pending", None, None, 1)
    }
    assert run(database, settings).delivered == 2
    assert {entry["idempotency_key"] for entry in sandbox.ledger()} == {f"push:{need_id(n)}:1" for n in (1, 2)}


def test_a_conflict_is_never_sent_again(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1])
    hold(database, 1, "conflict", outcome="conflict")
    with database.connect() as connection:
        found = rerun.preview(connection, Selection(error_class="conflict"))
    assert found.counts() == {"selected": 1, "would_send": 0, "would_not_send": 1}
    assert "不得重发" in found.text()
    assert again(database, Selection(error_class="conflict")) == 0
    assert states(database) == ["held"]


def test_what_may_have_arrived_is_looked_up_first(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "reset_after_commit", count=1)
    sandbox.fault("/v1/needs/", "500", count=50)
    run(database, settings)
    sandbox.clear_faults()
    hold(database, 1, "exhausted", outcome="lost_answer")
    assert again(database, Selection(delivery_ids=(deliveries(database)[0].delivery_id,))) == 1
    assert run(database, settings).delivered == 1
    assert (attempts(database)[-1].kind, attempts(database)[-1].outcome) == ("look_up", "found")
    assert sandbox.ledger()[0]["effects"] == 1


def test_what_waits_long_is_due_at_once(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1])
    sandbox.fault(BATCHES, "503", count=1, retry_after="7200")
    run(database, settings)
    assert run(database, settings).delivered == 0
    assert again(database, Selection(error_class="throttled")) == 1
    assert run(database, settings).delivered == 1


def test_what_is_given_up_on_again_has_had_its_whole_series_again(database: sa.Engine, settings: Settings) -> None:
    away = with_connection(settings, "credit_market", host="http://127.0.0.1:1")
    queue_pushes(database, [1])
    clock = Clock()
    for _ in range(14):
        run(database, away, clock)
        clock.sleep(7 * 3600)
    assert states(database) == ["held"]
    with database.begin() as connection:
        rerun.rerun(connection, Selection(quarter="2026Q3"), actor="王五", reason="平台已恢复", now=clock.now())
    for _ in range(11):
        run(database, away, clock)
        clock.sleep(7 * 3600)
    assert states(database) == ["pending"]


def test_what_has_become_pointless_is_not_sent(database: sa.Engine, sandbox: Sandbox, settings: Settings) -> None:
    queue_pushes(database, [1, 2])
    hold(database, 1, "rejected")
    hold(database, 2, "rejected")
    queue_pushes(database, [1], revision=2)
    queue_withdrawal(database, 2)
    with database.connect() as connection:
        text = rerun.preview(connection, Selection(error_class="rejected")).text()
    assert "已有更高版本" in text
    assert "需求已撤回" in text
    assert again(database, Selection(error_class="rejected")) == 0


def test_what_is_being_sent_is_left_alone(database: sa.Engine) -> None:
    queue_pushes(database, [1])
    with registered_worker(database) as worker:
        claim(database, "market", worker, NOW, 10)
        assert again(database, Selection(quarter="2026Q3")) == 0


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(quarter="2026Q3"), [1, 2, 3]),
        (Selection(quarter="2026Q2"), []),
        (Selection(quarter="2026Q3", error_class="exhausted"), [2]),
        (Selection(departments=("330000",), error_class="rejected"), [1]),
        (Selection(departments=("110000",)), [3]),
    ],
)
def test_a_selection_takes_what_it_names(database: sa.Engine, selection: Selection, numbers: list[int]) -> None:
    queue_pushes(database, [1, 2, 3])
    hold(database, 1, "rejected")
    hold(database, 2, "exhausted")
    with database.begin() as connection:
        connection.execute(
            sa.text("update delivery set department_code = '110000' where need_id = :id"), {"id": need_id(3)}
        )
        found = rerun.preview(connection, selection)
    assert [item.need_id for item in found.items] == [need_id(number) for number in numbers]
    with database.begin() as connection:
        assert again(database, selection) == len(numbers)


def test_a_push_whose_contact_is_gone_is_not_sent_again_but_may_be_looked_up(database: sa.Engine) -> None:
    queue_pushes(database, [1, 2], with_contact=False)
    hold(database, 1, "contact_missing", outcome="not_sent")
    hold(database, 2, "exhausted", outcome="lost_answer")
    with database.connect() as connection:
        found = rerun.preview(connection, Selection(quarter="2026Q3"))
    assert ["没有联系人信息" in item.hindrance for item in found.items] == [True, False]


def test_what_is_named_and_not_sent_is_told_with_the_reason(database: sa.Engine) -> None:
    queue_pushes(database, range(4))
    for number, state, outcome in (
        (1, "delivered", "accepted"),
        (2, "closed", "conflict"),
        (3, "superseded", "factory_removed"),
    ):
        with database.begin() as connection:
            connection.execute(
                sa.update(delivery).where(delivery.c.need_id == need_id(number)).values(state=state, outcome=outcome)
            )
    ids = tuple(row.delivery_id for row in deliveries(database))
    named = Selection(delivery_ids=(*ids, 999_999))
    with database.begin() as connection:
        found = rerun.preview(connection, named)
        assert [item.hindrance for item in found.items] == [
            "",
            "已送达",
            "已由人工关闭",
            "企业已不在绿色工厂名单内，请在警示页面处理",
        ]
        assert "编号 999999 不存在" in found.text()
        started = rerun.rerun(connection, named, actor="李四", reason="平台已修复", now=NOW)
    assert started is not None
    assert started.number == 1
    assert [row.state for row in deliveries(database)] == ["pending", "delivered", "closed", "superseded"]


def test_a_rerun_is_audited_with_its_reason(database: sa.Engine) -> None:
    queue_pushes(database, [1])
    hold(database, 1, "rejected")
    again(database, Selection(quarter="2026Q3"), reason="平台已修复")
    with database.connect() as connection:
        (entry,) = connection.execute(sa.select(audit_entry))
        assert audit.verify(connection) is None
    assert (entry.actor, entry.action, entry.reason) == ("王五", "rerun_deliveries", "平台已修复")
    assert str(deliveries(database)[0].delivery_id) in entry.details


def test_a_rerun_without_a_reason_or_a_selection_is_refused(database: sa.Engine) -> None:
    queue_pushes(database, [1])
    with pytest.raises(InvalidRequest, match="理由"):
        again(database, Selection(quarter="2026Q3"), reason="  ")
    with pytest.raises(InvalidRequest, match="没有选择"):
        again(database, Selection())
    with pytest.raises(InvalidRequest, match="999999"):
        again(database, Selection(departments=("999999",)))


def test_a_preview_changes_nothing_and_shows_no_more_than_fits(database: sa.Engine) -> None:
    queue_pushes(database, range(80))
    before = deliveries(database)
    with database.connect() as connection:
        text = rerun.preview(connection, Selection(quarter="2026Q3")).text()
    assert text.startswith("选中 80 条：将重新发送 80 条，不发送 0 条。")
    assert text.endswith("……其余 30 条从略。")
    assert deliveries(database) == before

"""G08a: at the moment of the push the factory must still be on the list."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from include.alerts.settling import settle_alert
from include.base.act import Act
from include.base.settings import Settings
from include.delivery.stage import deliver
from include.reference import policy
from include.reference.day import Day
from include.register import watch as register_watch
from include.sandbox.server import Sandbox
from include.store.tables import alert, register_factory, register_snapshot
from include.withdrawals.stage import Withdrawal, withdraw
from tests.support.outbox import NOW, Clock, deliveries, need_id, payload, queue_pushes
from tests.support.rows import rewrite

TODAY = NOW.date()
USCC = payload(1)["enterprise"]["uscc"]


def _register(engine: sa.Engine, day: date, *, removed_on: date | None = None) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.insert(register_factory).values(
                content_sha256=str(day),
                ordinal=0,
                uscc=USCC,
                name="青禾精密铸造1厂",
                aliases=[],
                level="national",
                batch="2023年度",
                department_code="330000",
                listed_on=date(2024, 3, 1),
                removed_on=removed_on,
            )
        )
        connection.execute(
            sa.insert(register_snapshot).values(as_of=day, content_sha256=str(day), row_count=1, taken_at=NOW)
        )


def _run(engine: sa.Engine, settings: Settings, clock: Clock) -> list[tuple[str, str | None]]:
    deliver(engine, "market", settings=settings, policy=policy(), clock=clock)  # type: ignore[arg-type]
    return [(row.state, row.outcome) for row in deliveries(engine)]


@pytest.mark.parametrize(
    ("removed_on", "expected"),
    [
        (None, ("delivered", "accepted")),
        (TODAY + timedelta(days=1), ("delivered", "accepted")),
        (TODAY, ("superseded", "factory_removed")),
    ],
)
def test_a_need_goes_only_while_its_factory_is_on_the_list(
    database: sa.Engine, settings: Settings, sandbox: Sandbox, removed_on: date | None, expected: tuple[str, str]
) -> None:
    queue_pushes(database, [1])
    _register(database, TODAY, removed_on=removed_on)
    assert _run(database, settings, Clock()) == [expected]
    assert len(sandbox.ledger()) == (expected[0] == "delivered")
    with database.connect() as connection:
        alerts = connection.execute(sa.select(alert.c.rule_id, alert.c.state)).tuples().all()
    assert alerts == ([] if expected[0] == "delivered" else [("G08c", "open")])


def test_what_a_person_lets_go_is_pushed_all_the_same(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, [1])
    _register(database, TODAY, removed_on=TODAY)
    _run(database, settings, Clock())
    with database.begin() as connection:
        number = connection.execute(sa.select(alert.c.alert_id)).scalar_one()
        for actor, enough in (("li", False), ("wang", True)):
            act = Act(actor_id=actor, role="operator", reason="移出系笔误，已核实", at=NOW)
            assert settle_alert(connection, number, decision="cleared", act=act) == enough
    assert _run(database, settings, Clock()) == [("delivered", "accepted")]


def test_a_factory_that_comes_back_is_pushed_without_anybody_s_doing(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, [1])
    _register(database, TODAY, removed_on=TODAY)
    _run(database, settings, Clock())
    _register(database, TODAY + timedelta(days=1))
    later = Clock(NOW + timedelta(days=1))
    register_watch.watch(database, day=Day.in_force(later.now()))
    assert _run(database, settings, later) == [("delivered", "accepted")]


def test_what_never_went_out_is_not_withdrawn_from_the_receiver(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, [1])
    _register(database, TODAY, removed_on=TODAY)
    _run(database, settings, Clock())
    _register(database, TODAY + timedelta(days=1))
    tomorrow = NOW + timedelta(days=1)
    register_watch.watch(database, day=Day.in_force(tomorrow))
    with database.begin() as connection:
        withdraw(
            connection, [Withdrawal(need_id=need_id(1), revision=1, reason_code="withdrawn_by_enterprise")], tomorrow
        )
    assert [(row.action, row.state) for row in deliveries(database)] == [("push", "superseded")]


def test_an_old_register_still_keeps_a_removed_factory_back(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, [1])
    _register(database, TODAY - timedelta(days=9), removed_on=TODAY - timedelta(days=10))
    assert _run(database, settings, Clock()) == [("superseded", "factory_removed")]


def test_a_register_without_a_usable_row_says_nothing_about_anybody(
    database: sa.Engine, settings: Settings, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    queue_pushes(database, [1])
    _register(database, TODAY)
    with database.begin() as connection:
        rewrite(connection, sa.update(register_factory).values(usable=False))
    assert _run(database, settings, Clock()) == [("delivered", "accepted")]
    assert "1 pushes go without G08a" in caplog.text

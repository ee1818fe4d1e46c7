"""What waits in the outbox is told as Airflow's metrics, also when the receiver is away."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from green_finance import delivery_tasks
from include.base.settings import ConnectionFields, Settings
from include.domain.states import ErrorClass
from include.reference import policy
from include.store.tables import channel_state
from tests.support.outbox import KEY, NOW, Clock, hold, queue_pushes

NOBODY = {
    "credit_market": ConnectionFields(
        host="http://127.0.0.1:9", login="app", password="secret", extra={"key_id": "k", "algorithm": "HMAC-SM3"}
    )
}


def test_the_figures_of_a_channel_are_gauges(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    queue_pushes(database, [1, 2, 3])
    hold(database, 3, "conflict")
    gauges: dict[str, float] = {}
    monkeypatch.setattr(delivery_tasks.stats, "gauge", lambda name, value: gauges.update({name: value}))
    clock = Clock()
    clock.sleep(60)
    run = SimpleNamespace(
        engine=database,
        settings=Settings(connections=NOBODY, fernet_key=KEY),
        policy=policy(),
        clock=clock,
        now=clock.now(),
    )
    assert delivery_tasks._deliver(run, "market").unreachable is not None
    prefix = "green_finance.delivery.market."
    assert {name.removeprefix(prefix): value for name, value in gauges.items()} == {
        "pending": 2,
        "unknown": 0,
        "held": 1,
        "oldest_s": (clock.now() - NOW).total_seconds(),
        "breaker_open": 0,
        **{f"class.{name}": 0 for name in ErrorClass},
        "class.conflict": 1,
        "class.unavailable": 2,
    }
    with database.connect() as connection:
        assert connection.execute(sa.select(channel_state.c.failures)).scalar_one() == 1

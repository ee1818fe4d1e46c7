"""Whatever is queued, whoever claims and whatever comes of it: deliveries of one need leave one after another, in order."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.delivery.claim import claim, registered_worker, supersede
from include.delivery.outcomes import Claim, Result
from include.delivery.record import record
from include.store.outbox import NewDelivery, enqueue
from tests.support.outbox import NOW
from tests.support.rows import rewrite

WORKERS = 3
queueing = st.tuples(st.just("queue"), st.integers(0, 2), st.sampled_from(["push", "withdrawal"]))
claiming = st.tuples(st.just("claim"), st.integers(0, WORKERS - 1), st.integers(1, 3))
ending = st.tuples(st.just("end"), st.integers(0, WORKERS - 1), st.sampled_from(["delivered", "pending", "unknown"]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(queueing | claiming | ending, min_size=5, max_size=25))
def test_one_need_has_one_delivery_on_its_way_and_nothing_is_overtaken(
    database: sa.Engine, steps: list[tuple[str, int, str | int]]
) -> None:
    with database.begin() as connection:
        rewrite(connection, sa.text("truncate delivery, delivery_attempt cascade"))
    revisions = [0, 0, 0]
    on_their_way: list[list[Claim]] = [[] for _ in range(WORKERS)]
    settled: dict[str | None, list[int]] = {}
    now = NOW
    with ExitStack() as stack:
        names = [stack.enter_context(registered_worker(database)) for _ in range(WORKERS)]
        for kind, which, what in steps:
            now += timedelta(hours=2)
            if kind == "queue":
                revisions[which] += 1
                with database.begin() as connection:
                    enqueue(connection, [_new(which, str(what), revisions[which])], now)
            elif kind == "claim":
                supersede(database, now)
                on_their_way[which] += claim(database, "market", names[which], now, int(what))
                needs = [one.need_id for claims in on_their_way for one in claims]
                assert len(needs) == len(set(needs))
            elif on_their_way[which]:
                one = on_their_way[which].pop(0)
                record(database, names[which], [_result(one, str(what))], now, lambda: 0.5)
                if what == "delivered":
                    settled.setdefault(one.need_id, []).append(one.delivery_id)
    assert all(ids == sorted(ids) for ids in settled.values())
    with database.connect() as connection:
        withdrawn_before = connection.execute(_PUSHED_AFTER_ITS_WITHDRAWAL).scalar_one()
    assert withdrawn_before == 0


def _new(number: int, action: str, revision: int) -> NewDelivery:
    return NewDelivery(
        channel="market",
        action=action,  # type: ignore[arg-type]
        idempotency_key=f"{action}:{number}:{revision}",
        order_key=str(number),
        need_id=str(number),
        revision=revision,
        **({"body_sha256": ""} if action == "push" else {"body": {}}),
    )


def _result(one: Claim, state: str) -> Result:
    error_class = None if state == "delivered" else "lost_answer"
    return Result(claim=one, kind="send", outcome=state, state=state, error_class=error_class)  # type: ignore[arg-type]


_PUSHED_AFTER_ITS_WITHDRAWAL = sa.text(
    """
    select count(*)
    from delivery push join delivery withdrawal on withdrawal.need_id = push.need_id and withdrawal.action = 'withdrawal'
    where push.action = 'push' and push.state = 'delivered' and withdrawal.state = 'delivered'
      and push.delivery_id < withdrawal.delivery_id and push.settled_at > withdrawal.settled_at
    """
)

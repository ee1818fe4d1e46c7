"""Whatever people, resubmissions, withdrawals and time do to a held need, in any order: its ledgers agree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include import audit
from include.base.act import Act
from include.quarantine.closing import close_expired
from include.quarantine.stage import DecisionRefused, confirm, release
from include.quarantine.view import Place
from include.reference import policy
from include.reference.day import Day
from include.store import tables
from include.withdrawals.stage import Withdrawal, withdraw
from tests.support.quarantine import AMOUNT, NOW, REASON, SAME_CODE, held, open_all
from tests.support.rows import need_id

Step = Callable[[sa.Connection], object]
PERSONS = ("王审核", "李审核", "张审核")


def released_by(actor: str, places: list[Place] | None) -> Step:
    def step(connection: sa.Connection) -> None:
        with suppress(DecisionRefused):
            release(
                connection,
                newest(connection),
                act=Act(actor_id=actor, role="reviewer", reason=REASON, at=NOW),
                day=Day.in_force(NOW),
                findings=places,
            )

    return step


def confirmed_by(actor: str) -> Step:
    def step(connection: sa.Connection) -> None:
        with suppress(DecisionRefused):
            confirm(
                connection,
                newest(connection),
                act=Act(actor_id=actor, role="reviewer", reason=REASON, at=NOW),
                day=Day.in_force(NOW),
            )

    return step


def resubmitted(connection: sa.Connection) -> None:
    revision = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(tables.need_version.c.revision), 0))
    ).scalar_one()
    held(connection, 1, AMOUNT, SAME_CODE, revision=revision + 1)
    open_all(connection)


def withdrawn(connection: sa.Connection) -> None:
    withdraw(connection, [Withdrawal(need_id=need_id(1), revision=1, reason_code="withdrawn_by_enterprise")], NOW)


def years_passed(connection: sa.Connection) -> None:
    close_expired(connection, act=Act.by_stage("housekeeping", NOW + timedelta(days=600)), policy=policy())


def newest(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.max(tables.quarantine.c.quarantine_id))).scalar_one()


STEPS = st.one_of(
    st.builds(released_by, st.sampled_from(PERSONS), st.sampled_from([None, [AMOUNT], [SAME_CODE]])),
    st.builds(confirmed_by, st.sampled_from(PERSONS)),
    st.sampled_from([resubmitted, withdrawn, years_passed, open_all]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
def test_state_events_outbox_and_audit_agree_after_any_history(database: sa.Engine, steps: list[Step]) -> None:
    with database.connect() as connection, connection.begin() as transaction:
        resubmitted(connection)
        for step in steps:
            step(connection)
            _agree(connection)
        transaction.rollback()


def _agree(connection: sa.Connection) -> None:
    assert audit.verify(connection) is None
    events = connection.execute(sa.select(tables.quarantine_event).order_by(tables.quarantine_event.c.event_id)).all()
    sent = {(row.action, row.revision) for row in connection.execute(sa.select(tables.delivery))}
    holds = connection.execute(sa.select(tables.quarantine)).all()
    for hold in holds:
        own = [event for event in events if event.quarantine_id == hold.quarantine_id]
        ends = [event.kind for event in own if event.kind in ("released", "returned", "expired")]
        assert ends == ([] if hold.state == "open" else [hold.state])
        assert (("push", hold.revision) in sent) == (hold.state == "released")
        assert (("return", hold.revision) in sent) == (hold.state == "returned")
        if hold.state == "released":
            assert len({event.actor for event in own if event.kind == "approved" and event.rule_id == "G01"}) == 2
    assert sum(hold.state == "open" for hold in holds) <= 1
    decisions = connection.execute(
        sa.select(sa.func.count())
        .select_from(tables.audit_entry)
        .where(tables.audit_entry.c.action.in_(("release_hold", "confirm_hold")))
    ).scalar_one()
    assert decisions == sum(hold.state in ("released", "returned") for hold in holds)

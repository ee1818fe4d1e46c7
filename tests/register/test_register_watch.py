"""The register watch (G08c, DQ41): factories removed or renamed after their need went out."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from include.base.errors import InvalidRequest
from include.register.watch import RegisterTooOld
from include.store.tables import (
    alert,
    alert_event,
    audit_entry,
    delivery,
    finding,
    judgement,
    register_factory,
    register_snapshot,
    withdrawal_notice,
)
from tests.support import rows
from tests.support.register import NAME, NOW, list_factory, pushed_of_it, settle, watch


def _alerts(database: sa.Engine) -> list[tuple[str, str, str]]:
    with database.connect() as connection:
        return list(connection.execute(sa.select(alert.c.rule_id, alert.c.need_id, alert.c.state)).tuples())


def _deliveries(database: sa.Engine, action: str) -> list[sa.Row]:
    with database.connect() as connection:
        return list(connection.execute(sa.select(delivery).where(delivery.c.action == action)))


def test_a_factory_on_the_list_is_left_alone(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection)
        pushed_of_it(connection)
    summary = watch(database)
    assert (summary.watched, summary.withdrawn, summary.alerts_opened) == (1, 0, 0)


@pytest.mark.parametrize("how", [{"removed_on": date(2026, 10, 20)}, {"usable": False}])
def test_a_removed_factory_s_need_is_withdrawn_where_nobody_has_approved(database: sa.Engine, how: dict) -> None:
    with database.begin() as connection:
        list_factory(connection, **how)
        pushed_of_it(connection)
        rows.add_case(connection, 1, state="accepted")
    assert watch(database).withdrawn == 1
    withdrawal = _deliveries(database, "withdrawal")[0]
    assert json.loads(withdrawal.body) == {
        "need_id": rows.need_id(1),
        "revision": 1,
        "reason_code": "factory_removed",
    }
    assert withdrawal.order_key == f"market:{rows.need_id(1)}"
    with database.connect() as connection:
        notice = connection.execute(sa.select(withdrawal_notice)).one()
        entry = connection.execute(sa.select(audit_entry)).one()
    assert (notice.reason_code, notice.intake_id) == ("factory_removed", None)
    assert (entry.action, json.loads(entry.details)) == ("withdraw_needs", {"need_ids": [rows.need_id(1)]})
    assert _alerts(database) == []
    again = watch(database)
    assert (again.watched, again.withdrawn) == (0, 0)
    assert len(_deliveries(database, "withdrawal")) == 1


def test_a_removal_of_tomorrow_is_none_today(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 21))
        pushed_of_it(connection)
    assert watch(database).withdrawn == 0


@pytest.mark.parametrize("state", ["credit_approved", "closed"])
def test_where_credit_was_approved_a_person_decides(database: sa.Engine, state: str) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        pushed_of_it(connection)
        rows.add_case(connection, 1, state=state, furthest_state="credit_approved")
    assert watch(database).alerts_opened == 1
    assert watch(database).alerts_opened == 0
    assert _alerts(database) == [("G08c", rows.need_id(1), "open")]
    assert _deliveries(database, "withdrawal") == []
    settle(database, "confirmed")
    assert len(_deliveries(database, "withdrawal")) == 1
    with database.connect() as connection:
        entries = [(entry.actor, entry.action) for entry in connection.execute(sa.select(audit_entry))]
        events = list(connection.execute(sa.select(alert_event.c.kind, alert_event.c.actor)).tuples())
    assert entries == [("wang", "agree_alert_confirmed"), ("li", "alert_confirmed")]
    assert events == [
        ("opened", "register_watch"),
        ("confirm_agreed", "wang"),
        ("confirm_agreed", "li"),
        ("confirmed", "li"),
    ]


def test_an_alert_that_was_cleared_does_not_come_back(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        pushed_of_it(connection)
        rows.add_case(connection, 1, state="credit_approved")
    watch(database)
    settle(database, "cleared")
    summary = watch(database)
    assert (summary.withdrawn, summary.alerts_opened) == (0, 0)
    assert _alerts(database) == [("G08c", rows.need_id(1), "cleared")]
    with pytest.raises(InvalidRequest, match="已经处理"):
        settle(database, "confirmed")


def test_settling_needs_a_reason(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        pushed_of_it(connection, state="pending")
    watch(database)
    with pytest.raises(InvalidRequest, match="理由"):
        settle(database, "cleared", reason=" ")


def test_a_push_of_a_removed_factory_is_not_sent_until_the_factory_is_back(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        pushed_of_it(connection, state="pending")
    summary = watch(database)
    assert (summary.withdrawn, summary.pushes_stopped, summary.alerts_opened) == (0, 1, 1)
    assert [(one.state, one.outcome) for one in _deliveries(database, "push")] == [("superseded", "factory_removed")]
    assert _deliveries(database, "withdrawal") == []
    again = watch(database)
    assert (again.pushes_stopped, again.alerts_opened, again.alerts_closed) == (0, 0, 0)

    next_day = NOW + timedelta(days=1)
    with database.begin() as connection:
        list_factory(connection, as_of=next_day.date())
    back = watch(database, next_day)
    assert (back.pushes_resumed, back.alerts_closed) == (1, 1)
    assert [(one.state, one.outcome) for one in _deliveries(database, "push")] == [("pending", None)]
    assert _alerts(database) == [("G08c", rows.need_id(1), "closed")]
    with database.connect() as connection:
        note = connection.execute(sa.select(alert_event.c.reason).where(alert_event.c.kind == "closed")).scalar_one()
    assert "2026-10-21" in note

    removed_again = next_day + timedelta(days=1)
    with database.begin() as connection:
        list_factory(connection, as_of=removed_again.date(), removed_on=removed_again.date())
    assert watch(database, removed_again).alerts_opened == 1
    assert _alerts(database) == [("G08c", rows.need_id(1), "open")]


def test_confirming_a_removal_before_the_push_leaves_nothing_to_send(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        pushed_of_it(connection, state="pending")
    watch(database)
    settle(database, "confirmed")
    assert _deliveries(database, "withdrawal") == []
    assert [one.state for one in _deliveries(database, "push")] == ["superseded"]
    assert watch(database).watched == 0


def test_a_new_name_that_lists_the_old_one_is_only_counted(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, name="青禾智造有限公司", aliases=["青禾精密铸造 有限公司"])
        pushed_of_it(connection)
    summary = watch(database)
    assert (summary.renamed, summary.alerts_opened) == (1, 0)


def test_a_name_that_the_register_does_not_know_raises_an_alert_until_it_does(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, name="青禾智造有限公司")
        pushed_of_it(connection)
    assert watch(database).alerts_opened == 1
    assert _alerts(database) == [("DQ41", rows.need_id(1), "open")]
    with database.begin() as connection:
        list_factory(connection, as_of=date(2026, 10, 21), name="青禾智造有限公司", aliases=[NAME])
    assert watch(database, NOW + timedelta(days=1)).alerts_closed == 1


def test_a_name_that_a_person_released_already_is_not_asked_again(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, name="青禾智造有限公司")
        pushed_of_it(connection)
        connection.execute(
            finding.insert().values(
                judgement_id=connection.execute(sa.select(judgement.c.judgement_id)).scalar_one(),
                rule_id="DQ41",
                field="enterprise.name",
                need_id=rows.need_id(1),
                revision=1,
                severity="hold",
            )
        )
    assert watch(database).alerts_opened == 0


def test_a_withdrawn_need_is_not_watched_and_its_alert_is_closed(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        pushed_of_it(connection)
        rows.add_case(connection, 1, state="drawn")
    watch(database)
    with database.begin() as connection:
        rows.add_withdrawal(connection, 1)
    assert watch(database).alerts_closed == 1


def test_no_verdict_rests_on_an_old_an_empty_or_a_doubtful_register(database: sa.Engine) -> None:
    with pytest.raises(RegisterTooOld):
        watch(database)
    with database.begin() as connection:
        list_factory(connection, as_of=date(2026, 9, 1), removed_on=date(2026, 8, 1))
        list_factory(connection, removed_on=date(2026, 10, 1), in_use=False)
        pushed_of_it(connection)
    with pytest.raises(RegisterTooOld):
        watch(database)
    with database.begin() as connection:
        connection.execute(sa.update(register_snapshot).values(in_use=True))
        rows.rewrite(connection, sa.update(register_factory).values(usable=False))
    with pytest.raises(RegisterTooOld, match="为空"):
        watch(database)
    assert _deliveries(database, "withdrawal") == []


def test_two_watches_at_once_have_one_effect(database: sa.Engine) -> None:
    with database.begin() as connection:
        list_factory(connection, removed_on=date(2026, 10, 1))
        for number in range(1, 6):
            pushed_of_it(connection, number)
    with ThreadPoolExecutor(2) as threads:
        summaries = list(threads.map(lambda _: watch(database), range(2)))
    assert sorted(summary.withdrawn for summary in summaries) == [0, 5]
    assert len(_deliveries(database, "withdrawal")) == 5
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar() == 1

"""Whether it is healthy: late is what a schedule has passed by, and nothing that a day off explains."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.delivery import stopping
from include.domain.states import Channel, Condition
from include.need_view.health import RHYTHMS, health, worst
from include.reference.day import Day
from include.store.last_runs import last_runs, note_run
from tests.support import rows

FRIDAY = rows.moment("2026-10-16 10:00")
SUNDAY = rows.moment("2026-10-18 23:00")
MONDAY = rows.moment("2026-10-19 10:00")


def conditions(engine: sa.Engine, now: datetime) -> dict[str, Condition]:
    with engine.connect() as connection:
        return {check.name: check.condition for check in health(connection, Day.in_force(now))}


def all_ran(engine: sa.Engine, at: datetime) -> None:
    for rhythm in RHYTHMS:
        note_run(engine, rhythm.task, at)


def test_before_anything_ran_nothing_is_late(database: sa.Engine) -> None:
    assert set(conditions(database, FRIDAY).values()) == {Condition.NEW, Condition.GOOD}


def test_a_task_that_never_ran_is_late_once_the_others_ran_past_its_time(database: sa.Engine) -> None:
    note_run(database, "deliver.deliver_mail", FRIDAY - timedelta(days=3))
    assert conditions(database, FRIDAY)["对账"] is Condition.LATE


@pytest.mark.parametrize(
    ("name", "ran", "now", "expected"),
    [
        ("读取机构反馈", FRIDAY - timedelta(minutes=70), FRIDAY, Condition.GOOD),
        ("读取机构反馈", FRIDAY - timedelta(minutes=80), FRIDAY, Condition.LATE),
        ("逾期督办及自查", rows.moment("2026-10-16 08:31"), SUNDAY, Condition.GOOD),
        ("逾期督办及自查", rows.moment("2026-10-16 08:31"), rows.moment("2026-10-19 09:00"), Condition.GOOD),
        ("逾期督办及自查", rows.moment("2026-10-16 08:31"), MONDAY, Condition.LATE),
        ("对账", rows.moment("2026-10-17 02:05"), SUNDAY, Condition.LATE),
        ("对账", rows.moment("2026-10-18 02:05"), SUNDAY, Condition.GOOD),
    ],
)
def test_late_is_what_its_own_rhythm_has_passed_by(
    database: sa.Engine, name: str, ran: datetime, now: datetime, expected: Condition
) -> None:
    all_ran(database, ran)
    assert conditions(database, now)[name] is expected


def test_a_stopped_channel_is_the_gravest_of_all(database: sa.Engine) -> None:
    all_ran(database, FRIDAY)
    with database.begin() as connection:
        act = Act(actor_id="u-1", name="王", role="operator", reason="邮件服务器检修", at=FRIDAY)
        stopping.stop(connection, Channel.MAIL, act=act)
        assert worst(health(connection, Day.in_force(FRIDAY))) is Condition.TROUBLED


def test_a_run_noted_late_does_not_turn_time_back(database: sa.Engine) -> None:
    note_run(database, "reconcile.compare", MONDAY)
    note_run(database, "reconcile.compare", FRIDAY)
    with database.connect() as connection:
        assert last_runs(connection) == {"reconcile.compare": MONDAY}

"""Late needs (DQ52), decided both ways: into their own quarter at once, or with the next quarter when it is read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.domain.states import HoldDecision
from include.quarantine.late_needs import next_quarter
from include.quarantine.listing import holds_of
from include.quarantine.stage import DecisionRefused, release
from include.quarantine.together import Wish, decide_one
from include.reference.day import Day
from include.store.tables import audit_entry, deferred_need, delivery
from tests.support import rows
from tests.support.rows import moment
from tests.support.taken_in import filed, judge, take_in

READ = moment("2026-10-10 09:00")
"""When the late need is read, ten days after the cut-off."""
Q4_READ = moment("2027-01-01 00:30")

LATE = {
    "submitted_at": "2026-10-08T10:00:00+08:00",
    "updated_at": "2026-10-08T11:00:00+08:00",
    "review__recommended_at": "2026-10-08T14:21:00+08:00",
}


def take(
    database: sa.Engine, run: str, records: list[dict[str, Any]], *, now: datetime, quarter: str = "2026Q3"
) -> None:
    judge(database, take_in(database, run, records, now=now, quarter=quarter), now=now)


def decide(database: sa.Engine, decision: HoldDecision, *, actor: str = "li", now: datetime = READ) -> str:
    with database.begin() as connection:
        [hold] = holds_of(connection)
        assert [one.rule_id for one in hold.findings] == ["DQ52"]
        act = Act(actor_id=actor, role="operator", reason="主管部门已说明逾期原因", at=now)
        return decide_one(connection, hold, Wish(decision), act=act, day=Day.in_force(now)).note


def pushes(database: sa.Engine) -> list[str]:
    with database.connect() as connection:
        keys = sa.select(delivery.c.idempotency_key).where(delivery.c.action == "push")
        return sorted(connection.execute(keys).scalars())


def counted_in(database: sa.Engine, at: datetime) -> str:
    with database.connect() as connection:
        return str(
            connection.execute(
                sa.text("select counted_quarter from need_state_at(:at) where need_id = :need_id"),
                {"at": at, "need_id": rows.need_id(1)},
            ).scalar_one()
        )


def fates(database: sa.Engine, quarter: str) -> dict[str, str]:
    with database.connect() as connection:
        found = connection.execute(sa.text("select need_id, fate from passed_needs(:quarter)"), {"quarter": quarter})
        return dict(found.tuples().all())


def test_taken_into_its_own_quarter_it_is_pushed_at_once(database: sa.Engine) -> None:
    take(database, "late", [filed(1, **LATE)], now=READ)
    assert decide(database, HoldDecision.THIS_QUARTER) == "已核实通过，进入推送。"
    assert pushes(database) == [f"push:{rows.need_id(1)}:1"]
    assert counted_in(database, READ) == "2026Q3"


def test_moved_to_the_next_quarter_it_is_counted_and_pushed_with_it(database: sa.Engine) -> None:
    take(database, "late", [filed(1, **LATE)], now=READ)
    assert counted_in(database, READ) == "2026Q3"
    decided = moment("2026-10-11 09:00")
    assert decide(database, HoldDecision.NEXT_QUARTER, now=decided) == "已核实通过，转入 2026Q4，随该季推送。"
    assert pushes(database) == []
    assert fates(database, "2026Q3") == {rows.need_id(1): "moved"}
    assert (counted_in(database, READ), counted_in(database, decided)) == ("2026Q3", "2026Q4")

    # Another reading of its own quarter does not push it, nor does a dry run of the next.
    take(database, "again", [filed(1, **LATE), filed(2)], now=moment("2026-10-12 09:00"))
    dry = take_in(database, "dry", [], now=Q4_READ, quarter="2026Q4", dry_run=True)
    judge(database, dry, now=Q4_READ)
    assert f"push:{rows.need_id(1)}:1" not in pushes(database)

    take(database, "next", [], now=Q4_READ, quarter="2026Q4")
    assert f"push:{rows.need_id(1)}:1" in pushes(database)
    assert fates(database, "2026Q3")[rows.need_id(1)] == "queued"
    take(database, "next again", [], now=Q4_READ, quarter="2026Q4")
    assert pushes(database).count(f"push:{rows.need_id(1)}:1") == 1
    with database.connect() as connection:
        stored = connection.execute(
            sa.select(delivery.c.quarter).where(delivery.c.need_id == rows.need_id(1))
        ).scalar_one()
    assert stored == "2026Q3", "what was filed does not change"


def test_the_decision_is_stored_with_person_and_reason_and_audited_once(database: sa.Engine) -> None:
    take(database, "late", [filed(1, **LATE)], now=READ)
    decide(database, HoldDecision.NEXT_QUARTER)
    with database.connect() as connection:
        moved = connection.execute(sa.select(deferred_need)).one()
        [entry] = connection.execute(sa.select(audit_entry).where(audit_entry.c.action == "release_hold")).all()
    assert (moved.actor, moved.reason, moved.filed_quarter) == ("li", "主管部门已说明逾期原因", "2026Q3")
    assert "2026Q4" in str(entry.details)


def test_a_withdrawn_one_is_not_pushed_with_the_next_quarter(database: sa.Engine) -> None:
    take(database, "late", [filed(1, **LATE)], now=READ)
    decide(database, HoldDecision.NEXT_QUARTER)
    with database.begin() as connection:
        rows.add_withdrawal(connection, 1)
    take(database, "next", [], now=Q4_READ, quarter="2026Q4")
    assert pushes(database) == []


def test_what_was_moved_before_stays_moved(database: sa.Engine) -> None:
    """A later revision that is late again is not taken into the old quarter behind the first decision's back."""
    take(database, "late", [filed(1, **LATE)], now=READ)
    decide(database, HoldDecision.NEXT_QUARTER)
    take(database, "revised", [filed(1, **LATE, revision=2)], now=moment("2026-10-13 09:00"))
    with pytest.raises(DecisionRefused, match="此前已决定转入 2026Q4"):
        decide(database, HoldDecision.THIS_QUARTER)
    with database.begin() as connection:
        [hold] = holds_of(connection)
        act = Act(actor_id="li", role="operator", reason="已核实", at=READ)
        note = release(connection, hold.quarantine_id, act=act.because("已核实无误"), day=Day.in_force(READ)).note
    assert "转入 2026Q4" in note and pushes(database) == []


@pytest.mark.parametrize(
    ("filed_quarter", "now", "into"),
    [
        ("2026Q3", "2026-10-10 09:00", "2026Q4"),
        ("2026Q3", "2026-12-31 23:59", "2026Q4"),
        ("2026Q3", "2027-01-01 00:00", "2027Q1"),
        ("2026Q2", "2026-10-10 09:00", "2026Q4"),
        ("2026Q4", "2026-10-10 09:00", "2027Q1"),
    ],
)
def test_the_next_quarter_is_the_first_one_later_whose_cut_off_lies_ahead(
    filed_quarter: str, now: str, into: str
) -> None:
    assert str(next_quarter(filed_quarter, Day.in_force(moment(now)))) == into

"""What passed is pushed: passed = delivered + queued + waiting for a named reason; anything else is red and named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from include import intake
from include.base.errors import IntakeIncomplete
from include.domain.states import IntakeKind
from include.intake.passed_needs import nowhere_pushed
from include.intake.stage import IntakeRequest
from include.reconciliation import quarter_is_settled
from include.reference.day import Day
from include.store import tables
from tests.support.clean_need import clean_need
from tests.support.rows import (
    TAKEN_IN,
    add_delivery,
    add_hold,
    add_judgement,
    add_need,
    add_stop,
    add_withdrawal,
    digest,
    moment,
    need_id,
    rewrite,
)
from tests.support.taken_in import judge, take_in

NOW = moment("2026-09-30 20:00")
ZHEJIANG = "330000"
Rows = Callable[[sa.Connection], object]


def fates(database: sa.Engine) -> list[tuple[str | None, str | None]]:
    with database.connect() as connection:
        found = connection.execute(sa.text("select need_id, fate from passed_needs('2026Q3') order by 1, revision"))
        return [(row.need_id, row.fate) for row in found]


def close(database: sa.Engine, intake_id: int) -> None:
    intake.close(database, intake_id, Day.in_force(NOW))


def test_a_push_that_vanished_from_the_outbox_makes_the_close_red_and_names_the_need(database: sa.Engine) -> None:
    intake_id = take_in(database, "run-1", [clean_need()], now=NOW)
    judge(database, intake_id, now=NOW)
    close(database, intake_id)
    with database.begin() as connection:
        assert rewrite(connection, sa.text("delete from delivery where action = 'push'")).rowcount == 1
    with pytest.raises(IntakeIncomplete, match=rf"浙江：{clean_need()['need_id']} 第1版审核通过，但未推送"):
        close(database, intake_id)


@pytest.mark.parametrize("revision", [2**31, 10**40, 10**199], ids=["2**31", "41 digits", "200 digits"])
def test_a_revision_that_no_table_holds_never_passes(database: sa.Engine, revision: int) -> None:
    sound = clean_need({"need_id": "FN202603000002"})
    intake_id = take_in(database, "run-1", [clean_need({"revision": revision}), sound], now=NOW)
    judge(database, intake_id, now=NOW)
    with database.connect() as connection:
        told = connection.execute(sa.text("select need_id, revision, verdict from judgement order by verdict")).all()
    assert [tuple(row) for row in told] == [(clean_need()["need_id"], None, "held"), (sound["need_id"], 1, "passed")]
    close(database, intake_id)


NAMED: dict[str, tuple[Rows, str]] = {
    "delivered": (lambda connection: add_delivery(connection, 1), "delivered"),
    "pending": (lambda connection: add_delivery(connection, 1, state="pending"), "queued"),
    "unknown": (lambda connection: add_delivery(connection, 1, state="unknown"), "queued"),
    "held": (lambda connection: add_delivery(connection, 1, state="held"), "held"),
    "closed": (lambda connection: add_delivery(connection, 1, state="closed"), "closed"),
    "removed factory": (
        lambda connection: add_delivery(connection, 1, state="superseded", outcome="factory_removed"),
        "factory_removed",
    ),
    "withdrawn": (lambda connection: add_withdrawal(connection, 1), "withdrawn"),
    "newer revision": (lambda connection: add_need(connection, 1, revision=2, verdict="returned"), "newer_revision"),
    "stopped department": (add_stop, "stopped"),
}


@pytest.mark.parametrize(("reason", "fate"), NAMED.values(), ids=NAMED)
def test_each_reason_to_wait_has_its_name(database: sa.Engine, reason: Rows, fate: str) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        assert [one.label for one in nowhere_pushed(connection, "2026Q3", [ZHEJIANG])] == [f"{need_id(1)} 第1版"]
        assert nowhere_pushed(connection, "2026Q3", ["320000"]) == []
        reason(connection)
        assert nowhere_pushed(connection, "2026Q3", [ZHEJIANG]) == []
    assert fates(database) == [(need_id(1), fate)]


def test_a_stop_that_was_continued_and_a_late_finding_that_was_released_are_no_reasons(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_stop(connection)
        connection.execute(tables.department_stop.update().values(state="continued"))
        add_need(connection, 2)
        add_delivery(connection, 2, state="superseded", outcome="late_history")
        add_hold(connection, 2, state="released")
    assert fates(database) == [(need_id(1), None), (need_id(2), None)]


def test_what_is_held_returned_or_of_another_content_did_not_pass(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_need(connection, 2, verdict="returned")
        add_need(connection, 3)
        add_hold(connection, 3, state="open")
        add_need(connection, 4)
        add_delivery(connection, 4)
        add_judgement(connection, 4, "passed", item_hash=digest("another content"))
        add_need(connection, 5, verdict="held")
        add_hold(connection, 5, state="released")
    assert fates(database) == [(need_id(4), "delivered"), (need_id(5), None)]


def test_a_record_that_passed_without_an_address_is_named_by_its_content(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        values = {"need_id": need_id(2), "revision": None, "payload_sha256": digest("x"), "verdict": "passed"}
        connection.execute(
            tables.judgement.insert().values(
                intake_id=connection.execute(sa.text("select max(intake_id) from intake")).scalar_one(),
                quarter="2026Q3",
                department_code=ZHEJIANG,
                ruleset_version="rules-1",
                judged_at=TAKEN_IN,
                **values,
            )
        )
        assert [one.label for one in nowhere_pushed(connection, "2026Q3", [ZHEJIANG])] == [f"记录 {digest('x')[:12]}"]
        assert not quarter_is_settled(connection, "2026Q3")


def test_a_dry_run_which_pushes_nothing_is_not_asked(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
    request = IntakeRequest(run_id="dry", kind=IntakeKind.QUARTERLY, quarter="2026Q3", departments=(), dry_run=True)
    close(database, intake.begin(database, request, NOW))

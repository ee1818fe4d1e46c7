"""Sign-off (签批): what has passed waits for one or two approvers, who sign exactly what is listed to them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.gate import department_stop, sign_off
from include.gate.consequences import queue_pushes
from include.intake.passed_needs import nowhere_pushed
from include.quarantine import stage as quarantine
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store.tables import audit_entry, delivery, need_version, push_signature, signed_push
from tests.support import rows
from tests.support.clean_need import clean_need
from tests.support.judged import needs
from tests.support.taken_in import judge, take_in

NOW = rows.moment("2026-10-09 15:00")
REASON = "已核对数量和合计"


def demanding(number: str) -> Policy:
    return Policy({**policy().values, "push_approval": number})


TWO, ONE = demanding("two"), demanding("one")


def passed(database: sa.Engine, *numbers: int, policy: Policy = TWO, is_major: bool = False) -> int:
    """Needs that pass now; returns how many pushes that queued."""
    with database.begin() as connection:
        for number in numbers:
            needs(connection, "passed", first=number)
            if is_major:
                major = sa.update(need_version).where(need_version.c.need_id == rows.need_id(number))
                rows.rewrite(connection, major.values(is_major=True))
        return queue_pushes(connection, [(rows.need_id(number), 1) for number in numbers], NOW, policy)


def batches(database: sa.Engine) -> dict[str, list[str]]:
    with database.connect() as connection:
        found = sign_off.waiting_batches(connection, rows.QUARTER)
    return {one.key: [push.need_id for push in one.pushes] for one in found}


def digest(database: sa.Engine, key: str) -> str:
    with database.connect() as connection:
        return next(one.digest for one in sign_off.waiting_batches(connection, rows.QUARTER) if one.key == key)


def sign(database: sa.Engine, actor: str, key: str = sign_off.FIRST, *, seen: str = "", reason: str = REASON) -> int:
    """Sign a batch as it is listed now, or as it was `seen`; returns how many pushes that queued."""
    with database.begin() as connection:
        _, queued = sign_off.sign(
            connection,
            rows.QUARTER,
            key,
            digest=seen or digest(database, key),
            act=Act(actor_id=actor, role="approver", reason=reason, at=NOW),
            policy=TWO,
        )
    return queued


def pushed(database: sa.Engine) -> list[str]:
    with database.connect() as connection:
        return sorted(connection.execute(sa.select(delivery.c.need_id).where(delivery.c.action == "push")).scalars())


def fates(database: sa.Engine) -> dict[str, str | None]:
    with database.connect() as connection:
        assert nowhere_pushed(connection, rows.QUARTER, ["330000"]) == []
        found = connection.execute(
            sa.text("select need_id, fate from passed_needs(:quarter)"), {"quarter": rows.QUARTER}
        )
        return dict(found.tuples().all())


def needs_of(*numbers: int) -> list[str]:
    return [rows.need_id(number) for number in numbers]


def test_without_approvers_what_passes_is_pushed_at_once(database: sa.Engine) -> None:
    assert passed(database, 1, 2, policy=policy()) == 2
    assert batches(database) == {}


def test_two_approvers_let_a_batch_go(database: sa.Engine) -> None:
    assert passed(database, 1, 2, 3) == 0
    assert (batches(database), pushed(database)) == ({"new": needs_of(1, 2, 3)}, [])
    assert fates(database) == dict.fromkeys(needs_of(1, 2, 3), "unsigned")
    assert sign(database, "wang") == 0
    assert (batches(database), pushed(database)) == ({"1": needs_of(1, 2, 3)}, [])
    assert sign(database, "zhang", "1") == 3
    assert (batches(database), pushed(database)) == ({}, needs_of(1, 2, 3))
    assert fates(database) == dict.fromkeys(needs_of(1, 2, 3), "queued")
    with database.connect() as connection:
        assert audit.verify(connection) is None
        entries = connection.execute(sa.select(audit_entry).order_by(audit_entry.c.entry_id)).all()
        total = connection.execute(sa.select(push_signature.c.total).limit(1)).scalar_one()
    assert [(one.actor, one.role, one.action, one.reason) for one in entries] == [
        ("wang", "approver", "sign_off_pushes", REASON),
        ("zhang", "approver", "sign_off_pushes", REASON),
    ]
    details = json.loads(entries[1].details)
    assert (details["needs"], details["queued"], Decimal(details["total"])) == (3, 3, total)
    assert details["digest"] == sign_off.digest_of((need_id, 1) for need_id in needs_of(1, 2, 3))


def test_one_approver_is_enough_where_one_is_demanded(database: sa.Engine) -> None:
    assert passed(database, 1, policy=ONE) == 0
    assert sign(database, "wang") == 1


def test_nobody_signs_a_batch_twice(database: sa.Engine) -> None:
    passed(database, 1)
    sign(database, "wang")
    for same in ("wang", "WANG", "wa\u200bng"):
        with pytest.raises(InvalidRequest, match=r"不能重复签批|看不见的字符"):
            sign(database, same, "1")
        with pytest.raises((sa.exc.IntegrityError, sa.exc.ProgrammingError)), database.begin() as connection:
            connection.execute(
                sa.text(
                    "with signature as (insert into push_signature (quarter, actor, role, reason, digest, needs, total, at)"
                    " values ('2026Q3', :actor, 'approver', 'by hand', '', 1, 0, now()) returning signature_id, person)"
                    " insert into signed_push (need_id, revision, person, signature_id)"
                    " select need_id, revision, person, signature_id from signature, push_wait"
                ),
                {"actor": same},
            )
    with pytest.raises((sa.exc.IntegrityError, sa.exc.ProgrammingError)), database.begin() as connection:
        connection.execute(
            sa.text("insert into signed_push select need_id, revision, 'zhang', signature_id from signed_push")
        )
    for change in ("update push_wait set persons_required = 1", "delete from push_wait", "delete from signed_push"):
        with pytest.raises((sa.exc.IntegrityError, sa.exc.ProgrammingError)), database.begin() as connection:
            connection.execute(sa.text(change))
    assert pushed(database) == []


def test_a_signature_covers_what_was_listed_and_what_passes_later_needs_its_own(database: sa.Engine) -> None:
    passed(database, 1, 2)
    seen = digest(database, "new")
    passed(database, 3)
    with pytest.raises(sign_off.ListChanged):
        sign(database, "wang", seen=seen)
    sign(database, "wang")
    passed(database, 4)
    assert batches(database) == {"1": needs_of(1, 2, 3), "new": needs_of(4)}
    assert sign(database, "zhang", "1") == 3
    sign(database, "zhang")
    assert pushed(database) == needs_of(1, 2, 3)
    assert sign(database, "li", "3") == 1


def test_what_is_withdrawn_overtaken_or_held_meanwhile_drops_out(database: sa.Engine) -> None:
    passed(database, 1, 2, 3, 4)
    sign(database, "wang")
    with database.begin() as connection:
        rows.add_withdrawal(connection, 1)
        rows.add_need(connection, 2, revision=2, verdict=None)
        hold = rows.add_hold(connection, 3)
    assert batches(database) == {"1": needs_of(4)}
    assert fates(database) == {
        rows.need_id(1): "withdrawn",
        rows.need_id(2): "newer_revision",
        rows.need_id(4): "unsigned",
    }
    assert sign(database, "zhang", "1") == 1
    with database.begin() as connection:
        decided = quarantine.release(
            connection,
            hold,
            act=Act(actor_id="li", role="operator", reason=REASON, at=NOW),
            day=Day(NOW, china_calendar(), TWO),
        )
    assert (decided.state, decided.queued, decided.note) == ("released", 0, "已核实通过，列入待签批，签批后推送。")
    assert batches(database) == {"1": needs_of(3)}, "one of two has signed it"
    assert sign(database, "zhang", "1") == 1
    assert pushed(database) == needs_of(3, 4)


def test_major_needs_are_signed_one_by_one(database: sa.Engine) -> None:
    passed(database, 1, 2)
    passed(database, 3, 4, is_major=True)
    keys = [f"{need_id}:1" for need_id in needs_of(3, 4)]
    assert list(batches(database)) == ["new", *keys]
    sign(database, "wang", keys[0])
    assert sign(database, "zhang", keys[0]) == 1
    assert (pushed(database), list(batches(database))) == (needs_of(3), ["new", keys[1]])


def test_what_a_stop_kept_back_is_signed_when_the_department_goes_on(database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.add_stop(connection)
    passed(database, 1, 2)
    assert batches(database) == {}
    with database.begin() as connection:
        queued = department_stop.decide(
            connection,
            department_stop.SeenStop(rows.QUARTER, "330000", "open"),
            "continued",
            act=Act(actor_id="li", role="operator", reason=REASON, at=NOW),
            policy=TWO,
        )
    assert (queued, batches(database)) == (0, {"new": needs_of(1, 2)})


def test_what_waits_is_still_signed_after_the_policy_asks_for_nobody(database: sa.Engine) -> None:
    passed(database, 1)
    assert passed(database, 2, policy=policy()) == 1
    with database.begin() as connection:
        assert queue_pushes(connection, [(rows.need_id(1), 1)], NOW, policy()) == 0
    sign(database, "wang")
    assert sign(database, "zhang", "1") == 1


def test_what_is_pushed_already_waits_for_nobody(database: sa.Engine) -> None:
    passed(database, 1, policy=policy())
    with database.begin() as connection:
        assert queue_pushes(connection, [(rows.need_id(1), 1)], NOW, TWO) == 0
    assert batches(database) == {}


def test_two_who_sign_at_once_let_each_need_go_once(database: sa.Engine) -> None:
    passed(database, 1, 2)
    sign(database, "li")
    seen = digest(database, "1")

    def second(actor: str) -> int | None:
        try:
            return sign(database, actor, "1", seen=seen)
        except sign_off.ListChanged:
            return None

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(second, ("wang", "zhang")), key=str) == [2, None]
    assert pushed(database) == needs_of(1, 2)


def test_a_signature_needs_a_reason(database: sa.Engine) -> None:
    passed(database, 1)
    with pytest.raises(InvalidRequest, match="理由"):
        sign(database, "wang", reason="好")
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(signed_push)).scalar_one() == 0


def test_the_gate_lets_what_passes_wait(database: sa.Engine) -> None:
    filed = [clean_need({"need_id": rows.need_id(1)})]
    summary = judge(database, take_in(database, "run-1", filed, now=rows.TAKEN_IN), now=rows.TAKEN_IN, rules=TWO)
    assert (summary.passed, summary.queued) == (1, 0)
    assert batches(database) == {"new": needs_of(1)}

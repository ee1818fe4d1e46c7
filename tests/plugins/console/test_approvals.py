"""Sign-off (签批) in the console: what an approver sees, what he signs, and that two persons are two, wherever two are demanded."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from include.domain.roles import Role
from include.gate.consequences import queue_pushes
from include.reference import Policy, policy
from include.store.tables import alert, delivery, need_version
from tests.support import rows
from tests.support.console import REASON, SAME_ORIGIN, Console, audited
from tests.support.judged import needs

TWO = Policy({**policy().values, "push_approval": "two"})
PAGE = f"/green-finance/approvals/{rows.QUARTER}"
APPROVERS = ("wang", "zhang", "WANG", "wa\u200bng")


@pytest.fixture(autouse=True)
def approvers(database: sa.Engine, console: Console) -> None:
    """The policy demands two approvers, and some people are approvers."""
    with database.begin() as connection:
        for name in ("wang", "zhang", "WANG"):
            rows.set_grant(connection, name, roles=[Role.APPROVER], departments=None, by="root", now=rows.TAKEN_IN)
    console.under(TWO)


def waiting(database: sa.Engine, count: int, *, amounts: dict[int, str] | None = None) -> None:
    """Needs that passed and wait for sign-off."""
    with database.begin() as connection:
        needs(connection, *["passed"] * count)
        for number, amount in (amounts or {}).items():
            changed = sa.update(need_version).where(need_version.c.need_id == rows.need_id(number))
            rows.rewrite(connection, changed.values(financing_need=Decimal(amount)))
        queue_pushes(connection, [(rows.need_id(number), 1) for number in range(1, count + 1)], rows.TAKEN_IN, TWO)


def form(page: str, reason: str = REASON) -> dict[str, str]:
    """The first batch that the page lets one sign."""
    return {
        "batch": re.findall('name="batch" value="([^"]*)"', page)[0],
        "digest": re.findall('name="digest" value="([^"]*)"', page)[0],
        "reason": reason,
    }


def pushes(database: sa.Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(delivery.c.action == "push")).scalar_one())


def test_two_approvers_sign_a_batch_on_one_page(console: Console, database: sa.Engine) -> None:
    waiting(database, 3)
    overview = console.log_in("guan", "viewer").get("/green-finance/").text
    assert '<td><a href="approvals">待签批</a></td>\n<td data-label="数量">3 条</td>' in overview
    viewer = console.log_in("guan", "viewer").get(PAGE).text
    assert "3 条，3,000 万元，还需 2 人" in viewer and "<form" not in viewer
    wang = console.log_in("wang", "viewer")
    first = form(wang.get(PAGE).text)
    assert console.log_in("guan", "viewer").post(PAGE, data=first, headers=SAME_ORIGIN).status_code == 403
    assert console.log_in("li", "op").post(PAGE, data=first, headers=SAME_ORIGIN).status_code == 403
    wang = console.log_in("wang", "viewer")
    assert wang.post(PAGE, data={**first, "reason": "好"}, headers=SAME_ORIGIN).status_code == 400
    assert wang.post(PAGE, data=first, headers=SAME_ORIGIN).status_code == 303
    after = wang.get(PAGE).text
    assert "已签批 3 条，0 条进入发件箱。还须由另一位审批人签批" in after and "您已签批这份名单" in after
    assert pushes(database) == 0
    zhang = console.log_in("zhang", "viewer")
    page = zhang.get(PAGE).text
    assert "第 1 号签批的名单：3 条，3,000 万元，还需 1 人" in page and REASON in page
    assert zhang.post(PAGE, data=form(page, "合计无误，同意"), headers=SAME_ORIGIN).status_code == 303
    assert pushes(database) == 3
    done = zhang.get(PAGE).text
    assert "没有待签批的需求" in done and done.count('<td data-label="条数">3</td>') == 2
    need = zhang.get(f"/green-finance/needs/{rows.need_id(1)}").text
    assert "列入待签批，须 2 人签批后推送" in need and need.count("获签批（同批 3 条）") == 2
    assert "获签批" not in console.log_in("guan", "viewer").get(f"/green-finance/needs/{rows.need_id(1)}").text
    assert audited(database) == [
        ("wang", "approver", "sign_off_pushes", REASON),
        ("zhang", "approver", "sign_off_pushes", "合计无误，同意"),
    ]


def test_a_list_that_changed_since_it_was_shown_is_not_signed(console: Console, database: sa.Engine) -> None:
    waiting(database, 2)
    wang = console.log_in("wang", "viewer")
    seen = form(wang.get(PAGE).text)
    with database.begin() as connection:
        rows.add_withdrawal(connection, 1)
    answer = wang.post(PAGE, data=seen, headers=SAME_ORIGIN)
    assert (answer.status_code, "名单在您打开页面后有变化" in answer.text) == (400, True)
    assert "1 条，1,000 万元" in wang.get(PAGE).text


def test_a_major_need_is_signed_by_itself(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, "passed")
        rows.rewrite(connection, sa.update(need_version).values(is_major=True))
        queue_pushes(connection, [(rows.need_id(1), 1)], rows.TAKEN_IN, TWO)
    for actor in ("wang", "zhang"):
        approver = console.log_in(actor, "viewer")
        page = approver.get(PAGE).text
        assert f"重大项目 {rows.need_id(1)}：1 条" in page
        assert approver.post(PAGE, data=form(page), headers=SAME_ORIGIN).status_code == 303
    assert pushes(database) == 1


def test_the_page_says_what_is_odd(console: Console, database: sa.Engine) -> None:
    waiting(database, 4, amounts={2: "60000.00"})
    with database.begin() as connection:
        rows.add_need(connection, 5, verdict="held")
        rows.add_hold(connection, 5)
        rows.add_need(connection, 6, verdict="held")
        rows.add_hold(connection, 6, state="released")
        needs(connection, "held", first=7)
        rows.add_hold(connection, 7, state="released")
        queue_pushes(connection, [(rows.need_id(7), 1)], rows.TAKEN_IN, TWO)
        connection.execute(
            sa.text(
                "insert into batch_finding (intake_id, department_code, rule_id, field, severity, found_at)"
                " select intake_id, '440300', 'B07', 'reported_at', 'warn', now() from intake"
            )
        )
        connection.execute(
            sa.text(
                "insert into set_aside (source, raw_hash, ciphertext, size_bytes, problem, known_as, first_seen_at,"
                " last_seen_at, times_seen) values"
                " ('needs/2026Q3/440300/recommended', 'x', '', 1, '不是 JSON', '', now(), now(), 1)"
            )
        )
    page = console.log_in("wang", "viewer").get(PAGE).text
    assert "中位数的 60 倍" in page and "1 条待签批的需求超过其 50 倍" in page
    assert "金额单位存疑（DQ37），已由人员核实通过" in page
    assert "深圳：B07" in page
    assert "浙江 1 条" in page, "holds still open"
    assert "深圳 1 条" in page, "unreadable pieces"
    assert page.index(rows.need_id(2)) < page.index(rows.need_id(7)) < page.index(rows.need_id(1)), "odd ones first"
    viewer = console.log_in("guan", "viewer").get(PAGE).text
    assert "DQ37" not in viewer


def test_a_long_list_is_read_department_by_department(
    console: Console, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from green_finance.console import approvals

    monkeypatch.setattr(approvals, "SHOWN", 2)
    waiting(database, 4)
    wang = console.log_in("wang", "viewer")
    assert "先列 2 条，其余请按地区查看" in wang.get(PAGE).text
    whole = wang.get(PAGE, params={"department": "330000"}).text
    assert all(rows.need_id(number) in whole for number in (1, 2, 3, 4))
    assert "全部 4 条，合计 4,000 万元（不限于上面所列地区）" in whole
    assert rows.need_id(1) not in wang.get(PAGE, params={"department": "440300"}).text


def test_nothing_is_asked_for_where_the_policy_asks_nobody(console: Console, database: sa.Engine) -> None:
    console.under(policy())
    viewer = console.log_in("guan", "viewer")
    assert "目前不要求签批" in viewer.get("/green-finance/approvals").text
    assert [
        viewer.get(f"/green-finance/approvals/{quarter}").status_code for quarter in ("2026Q1", "2026Q5", "%00")
    ] == [200, 400, 400]


# --- Two persons -------------------------------------------------------------------------------------------------------


def _release(console: Console, database: sa.Engine) -> Callable[[str], Any]:
    with database.begin() as connection:
        needs(connection, "held")
        hold = rows.add_hold(connection, 1, findings=(("G06b", "benefit"), ("G01", "project.project_code")))
    data = {"reason": REASON, "finding": ["G06b benefit"]}
    return lambda actor: console.log_in(actor, "op").post(
        f"/green-finance/holds/{hold}/release", data=data, headers=SAME_ORIGIN
    )


def _alert(decision: str) -> Callable[[Console, sa.Engine], Callable[[str], Any]]:
    def prepare(console: Console, database: sa.Engine) -> Callable[[str], Any]:
        with database.begin() as connection:
            needs(connection, "passed")
            connection.execute(
                alert.insert().values(
                    rule_id="G03a", need_id=rows.need_id(1), severity="hold", state="open", opened_at=rows.TAKEN_IN
                )
            )
        data = {"decision": decision, "reason": REASON}
        return lambda actor: console.log_in(actor, "op").post("/green-finance/alerts/1", data=data, headers=SAME_ORIGIN)

    return prepare


def _more_time(console: Console, database: sa.Engine) -> Callable[[str], Any]:
    with database.begin() as connection:
        rows.add_clock(connection, 1, due_on=date(2026, 10, 20))
    asked = {
        "need_id": rows.need_id(1),
        "institution_code": "ICBC",
        "from_type": "pushed",
        "to_type": "received",
        "day0": "2026-09-30",
        "working_days": "2",
        "reason": REASON,
    }
    decided = {"decision": "refused", "reason": REASON}
    addresses = iter([("/green-finance/deadlines", asked)])

    def act(actor: str) -> Any:
        address, data = next(addresses, ("/green-finance/deadlines/extensions/1", decided))
        return console.log_in(actor, "op").post(address, data=data, headers=SAME_ORIGIN)

    return act


def _sign_off(console: Console, database: sa.Engine) -> Callable[[str], Any]:
    waiting(database, 1)
    with database.begin() as connection:
        rows.set_grant(connection, "WANG", roles=[Role.APPROVER], departments=None, by="root", now=rows.TAKEN_IN)

    def act(actor: str) -> Any:
        seen = form(console.log_in("zhang", "viewer").get(PAGE).text)
        return console.log_in(actor, "viewer").post(PAGE, data=seen, headers=SAME_ORIGIN)

    return act


PLACES = {
    "a release": _release,
    "clearing an alert": _alert("cleared"),
    "confirming an alert": _alert("confirmed"),
    "more time": _more_time,
    "a sign-off": _sign_off,
}


@pytest.mark.parametrize("same", ["wang", "WANG", "wa\u200bng", "\uff57ang"])
@pytest.mark.parametrize("prepare", PLACES.values(), ids=PLACES)
def test_one_person_under_two_accounts_that_look_alike_is_one(
    console: Console, database: sa.Engine, prepare: Callable[[Console, sa.Engine], Callable[[str], Any]], same: str
) -> None:
    act = prepare(console, database)
    assert act("wang").status_code == 303
    assert act(same).status_code == 400
    assert act("zhang").status_code == 303

"""Withdrawals by us in the console: asked for at the need, confirmed or rejected by another person."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.domain.roles import Role
from tests.support import rows
from tests.support.console import REASON, SAME_ORIGIN, Browser, Console, audited

NEED = rows.need_id(1)
ASKED = {"need_id": NEED, "reason_code": "duplicate_project", "reason": "与另一需求同一备案号"}


@pytest.fixture
def need(database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.add_need(connection, 1)
        rows.add_delivery(connection, 1)
        rows.add_case(connection, 1, state="drawn", approved="800", drawn="12000")
        for person in ("an",):
            rows.set_grant(connection, person, roles=[Role.APPROVER], departments=None, by="root", now=rows.TAKEN_IN)


def _ask(console: Console) -> None:
    answer = console.log_in("wang", "op").post("/green-finance/withdrawals", data=ASKED, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "withdrawals")


def _decide(browser: Browser, decision: str) -> int:
    form = {"decision": decision, "reason": REASON}
    return int(browser.post("/green-finance/withdrawals/1", data=form, headers=SAME_ORIGIN).status_code)


def _withdrawn(database: sa.Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.text("select count(*) from withdrawal_notice")).scalar_one())


def test_the_need_page_offers_the_withdrawal_and_says_what_it_does(console: Console, need: None) -> None:
    page = console.log_in("wang", "op").get(f"/green-finance/needs/{NEED}").text
    assert "申请撤回" in page and "G14" in page and "撤回后不能恢复" in page
    assert "<form" not in console.log_in("eve", "viewer").get(f"/green-finance/needs/{NEED}").text


@pytest.mark.parametrize(("who", "role"), [("li", "op"), ("an", "viewer")])
def test_another_operator_or_an_approver_confirms(
    console: Console, need: None, database: sa.Engine, who: str, role: str
) -> None:
    _ask(console)
    own = console.log_in("wang", "op").get("/green-finance/withdrawals").text
    assert "收回申请" in own and "确认撤回</button>" not in own
    assert _decide(console.log_in("wang", "op"), "confirmed") == 400
    page = console.log_in(who, role).get("/green-finance/withdrawals").text
    assert "确认撤回</button>" in page and ASKED["reason"] in page and "1.20 亿元" in page
    assert _decide(console.log_in(who, role), "confirmed") == 303
    assert _withdrawn(database) == 1
    assert [action for _, _, action, _ in audited(database)] == ["request_withdrawal", "confirm_withdrawal"]
    need_page = console.log_in("li", "op").get(f"/green-finance/needs/{NEED}").text
    assert "已撤回" in need_page and "申请撤回：重复项目" in need_page and 'name="reason_code"' not in need_page


def test_a_rejected_request_is_found_under_what_is_done(console: Console, need: None, database: sa.Engine) -> None:
    _ask(console)
    assert _decide(console.log_in("li", "op"), "rejected") == 303
    assert _withdrawn(database) == 0
    assert "没有待确认的撤回申请" in console.log_in("li", "op").get("/green-finance/withdrawals").text
    done = console.log_in("li", "op").get("/green-finance/withdrawals?tab=done").text
    assert "不同意撤回" in done and ASKED["reason"] in done and REASON in done


def test_another_department_s_need_is_not_withdrawn(two_departments: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.add_need(connection, 8, department_code="110000")
        rows.add_need(connection, 9)
    li = two_departments.log_in("li", "op")
    for number, status in ((8, 404), (9, 303)):
        form = ASKED | {"need_id": rows.need_id(number)}
        assert li.post("/green-finance/withdrawals", data=form, headers=SAME_ORIGIN).status_code == status


def test_viewers_see_that_a_request_waits_but_not_why(console: Console, need: None) -> None:
    _ask(console)
    viewer = console.log_in("eve", "viewer")
    page = viewer.get("/green-finance/withdrawals").text
    assert NEED in page and ASKED["reason"] not in page and "<form" not in page
    assert ASKED["reason"] not in viewer.get(f"/green-finance/needs/{NEED}").text
    assert _decide(viewer, "confirmed") == 403

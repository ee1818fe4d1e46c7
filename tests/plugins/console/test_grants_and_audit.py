"""The pages 权限 and 审计: an administrator grants and is audited, an auditor reads the trail and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.domain.roles import Role
from include.store import people
from include.store.tables import audit_entry
from tests.support import rows
from tests.support.console import REASON, SAME_ORIGIN, Browser, Console

GRANTS = "/green-finance/grants"
AUDIT = "/green-finance/audit"


def _grant(browser: Browser, person: str, **form: Any) -> Any:
    return browser.post(GRANTS, data={"person": person, "reason": REASON, **form}, headers=SAME_ORIGIN)


def test_a_grant_makes_an_approver_or_an_auditor_and_is_audited(console: Console, database: sa.Engine) -> None:
    root = console.log_in("root", "admin")
    assert _grant(root, "shen", role=["auditor"]).status_code == 303
    assert _grant(root, "pi", role=["approver"], confined="true", department=["330000", "110000"]).status_code == 303
    page = root.get(GRANTS).text
    assert "审计人员" in page and "北京、浙江" in page and REASON not in page
    filled_in = root.get(f"{GRANTS}?person=pi").text
    assert 'value="330000" checked' in filled_in and 'value="340000" checked' not in filled_in

    assert console.log_in("shen", "viewer").get(AUDIT).status_code == 200
    assert console.log_in("shen", "viewer").get("/green-finance/holds").status_code == 403
    assert console.log_in("pi", "viewer").get("/green-finance/holds").status_code == 200
    with database.connect() as connection:
        entries = connection.execute(sa.select(audit_entry).order_by(audit_entry.c.entry_id)).all()
    assert [(one.actor, one.role, one.action, one.object, one.reason) for one in entries] == [
        ("root", "administrator", "grant", "person:shen", REASON),
        ("root", "administrator", "grant", "person:pi", REASON),
    ]
    assert '"departments": ["110000", "330000"]' in entries[1].details

    assert _grant(console.log_in("root", "admin"), "pi").status_code == 303
    with database.connect() as connection:
        assert [one.actor_id for one in people.grants(connection)] == ["shen"], "nothing granted leaves no entry"
    assert console.log_in("shen", "op").get("/green-finance/holds").status_code == 200, "an operator stays one"


@pytest.mark.parametrize(
    ("person", "form", "says"),
    [
        ("root", {"role": ["approver"]}, "不能给自己授权"),
        ("ＲＯＯＴ", {"role": ["approver"]}, "看不见的字符"),
        ("Root", {"role": ["approver"]}, "不能给自己授权"),
        (" ", {"role": ["auditor"]}, "用户编号为空"),
        ("li", {"role": ["administrator"]}, "只能授予"),
        ("li", {"role": ["operator"]}, "只能授予"),
        ("li", {"role": ["auditor"], "reason": "好"}, "理由不足"),
        ("li", {"confined": "true", "department": ["999999"]}, "不在名单内"),
    ],
)
def test_a_grant_that_may_not_be_is_refused(
    console: Console, database: sa.Engine, person: str, form: dict[str, Any], says: str
) -> None:
    answer = _grant(console.log_in("root", "admin"), person, **form)
    assert (answer.status_code, says in answer.text) == (400, True), re.findall("<p>(.*?)</p>", answer.text)
    with database.connect() as connection:
        assert people.grants(connection) == []
        assert connection.execute(sa.select(audit_entry)).all() == []


def test_confined_to_no_department_is_not_unconfined(console: Console, database: sa.Engine) -> None:
    assert _grant(console.log_in("root", "admin"), "li", confined="true").status_code == 303
    with database.connect() as connection:
        assert people.grant_of(connection, "li").departments == frozenset()


def _fill(database: sa.Engine, number: int) -> None:
    with database.begin() as connection:
        for one in range(number):
            audit.record(
                connection,
                act=Act(actor_id=f"7{one % 2}", role="operator", reason=f"理由第{one}号<b>", at=rows.TAKEN_IN),
                action="close_deliveries" if one % 3 else "mail_again",
                object_=f"delivery:{one}",
            )
        people.remember(connection, "70", "王某", rows.TAKEN_IN)


def test_the_trail_is_read_page_by_page_and_searched(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.set_grant(connection, "shen", roles=[Role.AUDITOR], departments=None, by="root", now=rows.TAKEN_IN)
    from green_finance.console import pages

    _fill(pages.whole_engine(), 230)
    browser = console.log_in("shen", "viewer")
    seen: list[str] = []
    address = AUDIT
    for _ in range(3):
        page = browser.get(address).text
        seen += re.findall(r"delivery:(\d+)<", page)
        following = re.search(r'href="(audit\?[^"]*before=\d+)"', page)
        address = "/green-finance/" + following[1].replace("&amp;", "&") if following else ""
    assert seen == [str(number) for number in reversed(range(230))]
    assert address == ""
    assert "王某（70）（运维人员）" in browser.get(AUDIT).text and "<b>" not in browser.get(AUDIT).text

    def found(**query: str) -> set[int]:
        return {int(one) for one in re.findall(r"delivery:(\d+)<", browser.get(AUDIT, params=query).text)}

    assert found(actor="王某", object="delivery:22") == {22, 220, 222, 224, 226, 228}
    assert found(actor="71", object="delivery:22") == {221, 223, 225, 227, 229}
    assert found(action="mail_again", object="delivery:3") == {3, 30, 33, 36, 39}
    assert found(object="delivery:%") == set(), "what is typed is no pattern"
    assert found(q="理由第22 delivery:22") == {22, *range(220, 230)}
    assert len(found(q="关闭未送达")) > 90 and found(q="关闭未送达 理由第3号") == set()
    assert found(since="2026-09-30", until="2026-09-30", object="delivery:7") == {7, *range(70, 80)}
    assert found(since="2026-10-01") == found(until="2026-09-29") == set()
    assert browser.get(AUDIT, params={"since": "gestern"}).status_code == 400
    taken = browser.get(f"{AUDIT}/export/csv", params={"object": "delivery:22"}).content.decode("utf-8-sig")
    assert taken.count("delivery:22") == 11 and "理由第228号" in taken


def test_an_auditor_has_the_chain_walked(console: Console, database: sa.Engine) -> None:
    from green_finance.console import pages

    with database.begin() as connection:
        rows.set_grant(connection, "shen", roles=[Role.AUDITOR], departments=None, by="root", now=rows.TAKEN_IN)
    _fill(pages.whole_engine(), 5)
    browser = console.log_in("shen", "viewer")
    assert "尚未在此核对过审计链" in browser.get(AUDIT).text
    assert "审计链完整" in browser.get(f"{AUDIT}?verify=true").text
    assert "5 条，完整" in browser.get(AUDIT).text.split("最近一次核对")[1]
    with database.begin() as connection:
        rows.let_history_be_changed(connection)
        connection.execute(sa.update(audit_entry).where(audit_entry.c.entry_id == 3).values(actor="zhao"))
    assert "从第 3 条记录起不再连续" in browser.get(f"{AUDIT}?verify=true").text
    assert "从第 3 条起不连续" in browser.get(AUDIT).text.split("最近一次核对")[1]


def test_who_acted_is_named_beside_the_id(
    console: Console, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keycloak's ids say nothing to a reader: pages show the name that the person goes by."""
    from green_finance.console.access import find_access

    user = console._user(username="3f1c-uuid", role="op")
    monkeypatch.setattr(type(user), "get_name", lambda _: " 王\u200b某 ")
    assert (find_access(user).actor, find_access(user).name) == ("3f1c-uuid", "王某")
    root = console.log_in("3f1c-uuid", "admin")
    assert "当前用户 王某（3f1c-uuid）" in root.get("/green-finance/").text
    assert _grant(root, "li", role=["auditor"]).status_code == 303
    with database.connect() as connection:
        assert people.names(connection) == {"3f1c-uuid": "王某"}
        assert connection.execute(sa.select(audit_entry.c.actor)).scalar_one() == "3f1c-uuid"
    assert "王某（3f1c-uuid），" in root.get(GRANTS).text

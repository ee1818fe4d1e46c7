"""Alerts in the console: filtered, counted by rule, decided one or many at once, and followed to their consequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from include.store.tables import alert, alert_event, alert_ground, need_version
from tests.support import rows
from tests.support.console import REASON, SAME_ORIGIN, Browser, Console, audited
from tests.support.judged import needs

LIST = "/green-finance/alerts"
OLD, NEW = rows.moment("2026-10-08 09:00"), rows.moment("2026-10-20 09:00")


def _alert(
    connection: sa.Connection,
    rule_id: str,
    number: int,
    *,
    bank: str = "",
    persons: int = 1,
    severity: str = "hold",
    grounds: Sequence[str] = (),
    opened_at: datetime = OLD,
) -> int:
    """An alert as the stages open it; returns its number."""
    found: int = connection.execute(
        alert.insert()
        .values(
            rule_id=rule_id,
            need_id=rows.need_id(number),
            institution_code=bank,
            severity=severity,
            state="open",
            opened_at=opened_at,
            persons_required=persons,
        )
        .returning(alert.c.alert_id)
    ).scalar_one()
    for ground in grounds:
        connection.execute(alert_ground.insert().values(alert_id=found, ground=ground))
    connection.execute(
        alert_event.insert().values(
            alert_id=found, kind="opened", actor="matching", role="system", reason="发现", at=opened_at
        )
    )
    return found


@pytest.fixture
def ids(database: sa.Engine) -> dict[str, int]:
    """Four alerts: money to the wrong purpose and more drawn than the project costs at one need, a duplicate, a note."""
    with database.begin() as connection:
        needs(connection, "passed", "passed")
        for number, (total, place) in enumerate(((400, "330000"), (90_000, "110000")), 1):
            rows.rewrite(
                connection,
                sa.update(need_version)
                .where(need_version.c.need_id == rows.need_id(number))
                .values(total_investment=total, financing_need=total, department_code=place, uscc="91330100MA2TE5T013"),
            )
            rows.add_delivery(connection, number, department_code=place)
        rows.add_case(connection, 1, "ICBC", state="drawn", approved="800", contracted="800", drawn="12500")
        event = rows.add_event(connection, 1, "drawn", sequence=1, amount="12500")
        rows.rewrite(connection, sa.text("update feedback_event set use_of_funds = '归还其他银行借款'"))
        return {
            "G09a": _alert(connection, "G09a", 1, bank="ICBC", grounds=[f"反馈 {event}"]),
            "G18": _alert(connection, "G18", 1, grounds=["放款合计 12,500.00 万元，项目总投资 400.00 万元"]),
            "DQ42": _alert(connection, "DQ42", 2, opened_at=NEW),
            "G09b": _alert(connection, "G09b", 2, severity="warn", bank="ABC"),
        }


def _listed(browser: Browser, query: str = "") -> set[str]:
    """The rules of the alerts that the list shows."""
    page = browser.get(f"{LIST}?{query}").text
    return set(re.findall(r"<h2>(\w+) ", page))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"G09a", "G18", "DQ42", "G09b"}),
        ("rule=G18", {"G18"}),
        ("department=110000", {"DQ42", "G09b"}),
        ("institution=ICBC", {"G09a"}),
        ("age=5", {"G09a", "G18", "G09b"}),
        ("age=20", set()),
        ("least=500", {"DQ42", "G09b"}),
        ("most=500&rule=G09a&institution=ICBC&department=330000", {"G09a"}),
        ("least=500&most=600", set()),
        ("rule=&department=&institution=&age=&least=&most=", {"G09a", "G18", "DQ42", "G09b"}),
        ("tab=done", set()),
    ],
)
def test_the_address_holds_the_filter(console: Console, ids: dict[str, int], query: str, expected: set[str]) -> None:
    assert _listed(console.log_in("li", "op"), query) == expected


def test_an_operator_sees_what_the_bank_reported_and_what_the_enterprise_filed(
    console: Console, ids: dict[str, int]
) -> None:
    browser = console.log_in("li", "op")
    page = browser.get(LIST).text
    assert "归还其他银行借款" in page and "12,500 万元（1.25 亿元）" in page and "EV-1" not in page
    one = browser.get(f"{LIST}/{ids['G09a']}").text
    assert "中国工商银行 已放款" in one and "归还其他银行借款" in one and "资金用途" in one
    sums = browser.get(f"{LIST}/{ids['G18']}").text
    assert "合计 12,500 万元（1.25 亿元）" in sums and "各机构放款合计不超过项目总投资" in sums


def _preview(browser: Browser, query: str) -> tuple[str, dict[str, Any]]:
    """The preview, and the form that it would send."""
    page = unescape(browser.get(f"{LIST}/preview?{query}").text)
    form = {name: re.findall(f'name="{name}" value="([^"]*)"', page) for name in ("decision", "back", "seen")}
    return page, form | {"reason": REASON}


def _send(browser: Browser, form: dict[str, Any]) -> Any:
    return browser.post(LIST, data=form, headers=SAME_ORIGIN)


def _states(database: sa.Engine) -> dict[str, str]:
    with database.connect() as connection:
        return dict(connection.execute(sa.select(alert.c.rule_id, alert.c.state)).tuples().all())


def test_several_are_decided_for_one_reason_with_an_entry_each(
    console: Console, ids: dict[str, int], database: sa.Engine
) -> None:
    browser = console.log_in("li", "op")
    page, form = _preview(browser, f"decision=cleared&alert={ids['G09a']}&alert={ids['G18']}&rule=G18")
    assert "排除 2 条警示" in page and "放款 1.25 亿元）恢复计入信息通报" in page
    answer = _send(browser, form)
    assert (answer.status_code, answer.headers["location"]) == (303, "alerts?tab=open&rule=G18")
    assert _states(database) == {"G09a": "cleared", "G18": "cleared", "DQ42": "open", "G09b": "open"}
    assert audited(database) == [("li", "operator", "alert_cleared", REASON)] * 2


def test_all_under_a_filter_are_chosen_without_ticking(
    console: Console, ids: dict[str, int], database: sa.Engine
) -> None:
    browser = console.log_in("li", "op")
    _, form = _preview(browser, "decision=confirmed&everything=true&department=110000")
    _send(browser, form)
    assert _states(database) == {"G09a": "open", "G18": "open", "DQ42": "confirmed", "G09b": "confirmed"}
    nothing, _ = _preview(browser, "decision=confirmed")
    assert "勾选需要处理的警示" in nothing and 'method="post"' not in nothing


def test_of_two_alerts_on_one_case_the_other_keeps_the_money_out(console: Console, ids: dict[str, int]) -> None:
    page, _ = _preview(console.log_in("li", "op"), f"decision=cleared&alert={ids['G09a']}")
    assert "恢复计入" not in page and "1 家次对接另有其他警示，仍不计入信息通报" in page


def test_what_got_a_new_ground_since_the_preview_is_left_alone(
    console: Console, ids: dict[str, int], database: sa.Engine
) -> None:
    browser = console.log_in("li", "op")
    _, form = _preview(browser, "decision=cleared&everything=true")
    with database.begin() as connection:
        connection.execute(
            alert_event.insert().values(
                alert_id=ids["G09a"], kind="repeated", actor="matching", role="system", reason="又一笔", at=NEW
            )
        )
    _send(browser, form)
    assert {rule for rule, state in _states(database).items() if state == "open"} == {"G09a"}


def test_a_confirmed_duplicate_leads_to_its_withdrawal(
    console: Console, ids: dict[str, int], database: sa.Engine
) -> None:
    browser = console.log_in("li", "op")
    _, form = _preview(browser, f"decision=confirmed&alert={ids['DQ42']}")
    assert _send(browser, form).headers["location"] == "alerts?tab=done&state=confirmed"
    assert "申请撤回（重复项目）" in browser.get(f"{LIST}?tab=done&state=confirmed").text
    page = browser.get(f"{LIST}/{ids['DQ42']}").text
    assert 'action="../withdrawals"' in page and '<option value="duplicate_project" selected>' in page
    assert "本规则现已确认 1 条" in page
    asked = {"need_id": rows.need_id(2), "reason_code": "duplicate_project", "reason": REASON}
    browser.post("/green-finance/withdrawals", data=asked, headers=SAME_ORIGIN)
    assert "已申请撤回" in browser.get(f"{LIST}?tab=done").text
    assert 'action="../withdrawals"' not in browser.get(f"{LIST}/{ids['DQ42']}").text


def test_settled_ones_are_found_by_result(console: Console, ids: dict[str, int]) -> None:
    browser = console.log_in("li", "op")
    for rule_id, decision in (("G09a", "cleared"), ("G18", "confirmed")):
        form = {"decision": decision, "reason": f"{REASON}（{rule_id}）"}
        assert browser.post(f"{LIST}/{ids[rule_id]}", data=form, headers=SAME_ORIGIN).status_code == 303
    assert f"{REASON}（G09a）" in browser.get(f"{LIST}?tab=done&state=cleared").text
    assert f"{REASON}（G18）" not in browser.get(f"{LIST}?tab=done&state=cleared").text
    viewer = console.log_in("eve", "viewer").get(f"{LIST}?tab=done").text
    assert "G18" in viewer and REASON not in viewer and '<form method="post"' not in viewer


def test_a_second_person_finds_what_waits_for_him(console: Console, ids: dict[str, int], database: sa.Engine) -> None:
    with database.begin() as connection:
        number = _alert(connection, "G03a", 1, bank="ICBC", persons=2)
    form = {"decision": "confirmed", "reason": REASON}
    console.log_in("wang", "op").post(f"{LIST}/{number}", data=form, headers=SAME_ORIGIN)
    assert _listed(console.log_in("wang", "op"), "tab=mine") == set()
    li = console.log_in("li", "op")
    assert _listed(li, "tab=mine") == {"G03a"}
    page, sent = _preview(li, "decision=confirmed&everything=true&tab=mine")
    assert "1 条须两人" in page
    _send(li, sent)
    assert _states(database)["G03a"] == "confirmed"
    page, _ = _preview(console.log_in("wang", "op"), f"decision=confirmed&alert={number}")
    assert "1 条不在其内" in page


def test_two_persons_who_decide_on_many_at_once_do_not_deadlock_and_decide_each_once(
    ids: dict[str, int], database: sa.Engine
) -> None:
    from include.alerts.settling import SeenAlert, SettledAlerts, settle_alerts
    from include.base.act import Act

    with database.begin() as connection:
        rows.add_need(connection, 3)
        many = [_alert(connection, rule, 3, bank=bank) for rule in ("G03a", "G04") for bank in ("ICBC", "ABC", "CCB")]

    def decide(given: tuple[str, list[int]]) -> SettledAlerts:
        actor, order = given
        with database.begin() as connection:
            return settle_alerts(
                connection,
                [SeenAlert(one) for one in order],
                decision="cleared",
                act=Act(actor_id=actor, role="operator", reason=REASON, at=NEW),
            )

    for _ in range(2):
        with ThreadPoolExecutor(2) as both:
            results = list(both.map(decide, (("wang", many), ("li", many[::-1]))))
        settled = sorted(one for result in results for one in result.settled)
        assert settled in (many, [])
    assert len(audited(database)) == len(many)


def test_the_next_one_keeps_the_filter_and_pages_follow_by_key(
    console: Console, ids: dict[str, int], database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.alerts import view

    monkeypatch.setattr(view, "SHOWN", 1)
    browser = console.log_in("li", "op")
    query, seen = "department=110000", []
    while True:
        page = browser.get(f"{LIST}?{query}").text
        seen += re.findall(r"<h2>(\w+) ", page)
        follows = re.search(r'href="alerts\?([^"]*after=[0-9]+)">下一页', page)
        if follows is None:
            break
        query = follows[1].replace("&amp;", "&")
    assert seen == ["DQ42", "G09b"]
    one = browser.get(f"{LIST}/{ids['DQ42']}?department=110000").text
    assert f'href="{ids["G09b"]}?tab=open&amp;department=110000">下一条' in one

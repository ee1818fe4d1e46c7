"""The worklist of holds in the browser: choose, look at what would happen, decide together, go on to the next one."""

from __future__ import annotations

import html
import re

import pytest
import sqlalchemy as sa

from include.store.tables import deferred_need, quarantine
from tests.support import rows
from tests.support.clean_need import clean_need
from tests.support.console import REASON, SAME_ORIGIN, Console, audited, decision_form, hold_address
from tests.support.quarantine import AMOUNT, SAME_CODE, held, open_all

LATE = ("DQ52", "review.recommended_at")


@pytest.fixture
def four(database: sa.Engine) -> list[int]:
    """The ids of four holds: two about the amount, one about the amount and a shared code, one late."""
    with database.begin() as connection:
        for number, places in enumerate(((AMOUNT,), (AMOUNT,), (AMOUNT, SAME_CODE), (LATE,)), 1):
            held(connection, number, *places)
        open_all(connection)
        found = sa.select(quarantine.c.quarantine_id).order_by(quarantine.c.need_id)
        return list(connection.execute(found).scalars())


def seen_in(page: str) -> list[str]:
    return re.findall(r'name="hold" value="([0-9]+ [0-9a-f]+)"', page)


def test_all_of_a_filter_are_previewed_and_decided_with_one_reason(
    console: Console, database: sa.Engine, four: list[int]
) -> None:
    browser = console.log_in("li", "op")
    listed = browser.get("/green-finance/holds?rule=DQ37").text
    assert "全选本条件下 3 条" in listed and "待核实 3" in listed
    address = "/green-finance/holds/together?rule=DQ37&every=true&only=DQ37&decision=release"
    preview = browser.get(address)
    assert preview.status_code == 200 and audited(database) == []
    assert "提交后办结 <b>2</b> 条" in preview.text and "仍待核实" in preview.text
    form = {
        "decision": "release",
        "only": "DQ37",
        "hold": seen_in(preview.text),
        "picked": "已电话向企业核实，填报无误",
    }
    answer = browser.post("/green-finance/holds/together?rule=DQ37", data=form, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "../holds?rule=DQ37")
    assert "已办结 2 条，1 条已记录您的同意" in browser.get("/green-finance/holds?rule=DQ37").text
    reason = "已电话向企业核实，填报无误"
    assert audited(database) == [
        ("li", "operator", "release_hold", reason),
        ("li", "operator", "release_hold", reason),
        ("li", "operator", "approve_hold_release", reason),
    ]


def test_a_partial_result_names_what_was_not_decided_and_the_tabs_show_what_is_left(
    console: Console, database: sa.Engine, four: list[int]
) -> None:
    browser = console.log_in("li", "op")
    query = "&".join(f"hold={one}" for one in four[:3])
    seen = seen_in(browser.get(f"/green-finance/holds/together?decision=confirm&{query}").text)
    assert len(seen) == 3
    browser.post(hold_address(four[0], "release"), data=decision_form(AMOUNT), headers=SAME_ORIGIN)
    form = {"decision": "confirm", "hold": seen, "reason": REASON}
    answer = browser.post("/green-finance/holds/together", data=form, headers=SAME_ORIGIN)
    assert answer.status_code == 200
    assert "已办结 2 条，1 条未能办理" in answer.text and f"{rows.need_id(1)} 第1版" in answer.text
    assert "已有决定（核实通过）" in answer.text
    done = browser.get("/green-finance/holds?tab=decided").text
    assert "已办 3 条" in done and 'name="hold"' not in done
    assert "待核实 1" in done


def test_the_second_person_finds_what_waits_for_her_signature(
    console: Console, database: sa.Engine, four: list[int]
) -> None:
    form = decision_form(AMOUNT, SAME_CODE)
    console.log_in("li", "op").post(hold_address(four[2], "release"), data=form, headers=SAME_ORIGIN)
    second = "/green-finance/holds?tab=second"
    console.browser.cookies.clear()  # what the act left to be told once
    assert rows.need_id(3) not in console.log_in("li", "op").get(second).text
    waiting = console.log_in("wang", "op").get(second).text
    assert rows.need_id(3) in waiting and "待我复核 1 条" in waiting and "已同意：li" in waiting
    assert "tab=second" not in console.log_in("guan", "viewer").get("/green-finance/holds").text


def test_after_a_decision_the_next_one_of_the_filter_follows(
    console: Console, database: sa.Engine, four: list[int]
) -> None:
    browser = console.log_in("li", "op")
    page = browser.get(hold_address(four[0]) + "?rule=DQ37").text
    assert f'href="{four[1]}?rule=DQ37">跳过，看下一条' in page
    [action] = set(re.findall(r'formaction="([0-9]+/confirm[^"]*)"', page))
    address = "/green-finance/holds/" + html.unescape(action)
    answer = browser.post(address, data=decision_form(AMOUNT), headers=SAME_ORIGIN)
    assert answer.headers["location"] == f"../{four[1]}?rule=DQ37"


def test_only_a_single_finding_is_ticked_beforehand_and_the_reason_is_asked_once(
    console: Console, four: list[int]
) -> None:
    browser = console.log_in("li", "op")
    one, two = (browser.get(hold_address(hold)).text for hold in (four[0], four[2]))
    assert one.count(" checked>") == 1 and two.count(" checked>") == 0
    assert one.count('name="reason"') == two.count('name="reason"') == 1


def test_each_finding_stands_with_its_evidence_and_for_insiders_alone(
    console: Console, database: sa.Engine, four: list[int]
) -> None:
    told = console.log_in("li", "op").get(hold_address(four[0])).text
    total = clean_need()["finance"]["total_investment"]
    assert f"{int(float(total)):,}" in told and "5,000,000 万元（500.00 亿元）" in told
    assert "核实要点：请确认金额单位为万元。" in told
    assert "500.00 亿元" not in console.log_in("guan", "viewer").get(hold_address(four[0])).text


@pytest.mark.parametrize(
    "form", [{}, {"decision": "release"}, {"decision": "release", "hold": ["1 zz"], "reason": REASON}]
)
def test_without_a_choice_nothing_is_decided(console: Console, database: sa.Engine, form: dict[str, object]) -> None:
    browser = console.log_in("li", "op")
    answer = browser.post("/green-finance/holds/together", data=form, headers=SAME_ORIGIN)
    assert answer.status_code == 400 and audited(database) == []
    assert browser.get("/green-finance/holds/together?decision=release").status_code == 400


def test_a_late_need_is_moved_to_the_next_quarter_and_says_so(
    console: Console, database: sa.Engine, four: list[int]
) -> None:
    browser = console.log_in("li", "op")
    listed = browser.get("/green-finance/holds?rule=DQ52").text
    assert "预览：本季受理" in listed and "预览：转入下季" in listed
    assert "转入下季" not in browser.get("/green-finance/holds").text
    preview = browser.get("/green-finance/holds/together?rule=DQ52&every=true&decision=next_quarter").text
    assert "转入 <b>2026Q4</b>" in preview
    form = {"decision": "next_quarter", "hold": seen_in(preview), "reason": REASON}
    browser.post("/green-finance/holds/together?rule=DQ52", data=form, headers=SAME_ORIGIN)
    with database.connect() as connection:
        moved = connection.execute(sa.select(deferred_need.c.need_id, deferred_need.c.counted_quarter)).tuples().all()
    assert moved == [(rows.need_id(4), "2026Q4")]
    assert "已决定转入 2026Q4" in browser.get(hold_address(four[3])).text
    told = console.log_in("guan", "viewer").get(f"/green-finance/needs/{rows.need_id(4)}").text
    assert "逾期推荐，转入 2026Q4" in told and "决定转入2026年第四季度，随该季推送" in told
    assert REASON not in told

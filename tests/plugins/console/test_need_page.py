"""The life of one need on a page: everything in order of time, in words, and nothing personal."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include import obstructions
from include.base.act import Act
from include.matching import collect_feedback
from include.reference import institutions, policy, rules
from include.reference.day import Day
from include.store import tables
from tests.support.console import Console
from tests.support.escalation import run, staff, stalled_case
from tests.support.lived import CANARY
from tests.support.matching import CIPHER, NEED, NOW, Feed, prepare, report
from tests.support.rows import need_id


def page(console: Console, role: str = "op", address: str = f"needs/{NEED}") -> str:
    answer = console.log_in("wang", role).get(f"/green-finance/{address}")
    assert answer.status_code == 200
    return str(answer.text)


def in_order(text: str, *sentences: str) -> bool:
    places = [text.find(sentence) for sentence in sentences]
    assert -1 not in places, sentences[places.index(-1)]
    return places == sorted(places)


def test_the_page_tells_the_whole_life_the_newest_first(console: Console, lived: None) -> None:
    text = page(console)
    life = (
        "企业提交第 1 版",
        "主管部门推荐第 1 版",
        "接收第 1 版，修订 3 处",
        "第 1 版审核通过",
        "第 1 版核实通过",
        "推送需求（第 1 版），至信贷市场服务平台：已送达",
        "中国工商银行：已接收",
        "中国工商银行：已授信 800 万元",
        "中国农业银行：不予支持",
        "中国工商银行：已签约 800 万元",
        "中国工商银行：已放款 300 万元",
        "逾期督办：中国农业银行，10月15日提请人民银行协调人",
    )
    assert in_order(text.split("<h2>全程记录")[1], *reversed(life))
    assert "已变更（个人信息，不显示）" in text
    assert "1200.00 → 1000.00" in text
    assert "没有收到回答，可能已到达" in text and "查到，已在接收方" in text
    assert "（未计入）" in text and "暂存待匹配" in text
    assert rules()["G03c"].message in text


def test_nothing_personal_is_on_the_page(console: Console, lived: None) -> None:
    assert CANARY not in page(console)


def test_reasons_of_holds_alerts_and_audit_are_for_those_who_may_act(console: Console, lived: None) -> None:
    secrets = [rules()["G06b"].message, rules()["G09a"].message, "号审计记录", "liwei"]
    operators, viewers = page(console, "op"), page(console, "viewer")
    assert all(secret in operators for secret in secrets)
    assert not [secret for secret in secrets if secret in viewers]
    assert "仅审核人员可见" in viewers


def test_the_head_says_how_far_each_bank_has_come(console: Console, lived: None) -> None:
    text = page(console)
    assert in_order(
        text, "部分到位", "1,000 万元", "2,000 万元", "300 万元", "各机构办理情况", '"chip">融资梗阻', "全程记录"
    )


def test_no_other_institution_is_named_where_one_approved(console: Console, lived: None) -> None:
    assert "可以了解的其他机构" not in page(console)


def test_after_refusals_other_institutions_are_named_for_information_only(
    console: Console, database: sa.Engine
) -> None:
    prepare(database)
    refusals = [
        report(sequence, "declined", institution=code, reason_code="R04")
        for sequence, code in enumerate(("ICBC", "ABC", "CCB"), start=1)
    ]
    collect_feedback(database, Feed(refusals), cipher=CIPHER, day=Day.in_force(NOW))
    text = page(console)
    assert "3 家机构不予支持或结案，尚无机构授信" in text
    assert "供参考，是否对接由企业和机构自主决定" in text
    others = text.split("可以了解的其他机构")[1].split("全程记录")[0]
    named = [one.name for one in institutions().values() if one.name in others]
    assert len(named) == policy().integer("reoffer_max_suggestions")
    assert not [name for name in ("工商银行", "农业银行（", "建设银行") if name in others]


@pytest.mark.parametrize("words", [NEED, NEED.lower(), "91330100MA2TE5T013", "青禾", "电炉"])
def test_a_need_is_found_by_its_number_and_by_names(console: Console, lived: None, words: str) -> None:
    assert NEED in page(console, address=f"needs?q={words}")


def test_what_is_not_there_is_said_in_words(console: Console, lived: None) -> None:
    assert "没有符合条件的需求" in page(console, address="needs?q=%25")
    answer = console.log_in("wang", "op").get("/green-finance/needs/FN999999999999")
    assert answer.status_code == 404
    assert "没有编号为" in answer.text


def test_what_coordinators_did_about_an_obstruction_is_told_with_their_note(
    console: Console, database: sa.Engine, lived: None
) -> None:
    obstructions.advance(database, day=Day.in_force(NOW))
    with database.begin() as connection:
        (ticket_id,) = connection.execute(sa.select(tables.obstruction_ticket.c.ticket_id)).scalars()
        obstructions.work_on(
            connection,
            ticket_id,
            "acknowledged",
            act=Act(actor_id="zhou", role="operator", reason=f"正在补齐资料，联系 {CANARY}", at=NOW),
            day=Day.in_force(NOW),
        )
    text = page(console, "viewer")
    assert in_order(text.split("<h2>全程记录")[1], "zhou：正在补齐资料", "牵头")
    assert CANARY not in text


def test_the_head_says_where_it_stands_who_was_told_and_what_comes_next(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    run(database, "2026-10-20 08:30")
    head = page(console, address=f"needs/{need_id(1)}").split("已告知绿色平台的进度")[0]
    assert "逾期 8 个工作日" in head and "10月20日已提请中国人民银行浙江省分行" in head
    assert "起提请省级（工信部门和人民银行）" in head
    for act in (f"escalations?q={need_id(1)}", f"deadlines?need_id={need_id(1)}", "#withdraw", "#coordinate"):
        assert f'{act}"' in head
    assert "申请延期" not in page(console, "viewer", f"needs/{need_id(1)}").split("已告知绿色平台的进度")[0]


def test_a_round_of_the_ladder_is_one_line_with_the_offices_in_their_order(
    console: Console, database: sa.Engine
) -> None:
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
    for when in ("2026-10-13 08:30", "2026-10-19 08:30", "2026-10-27 08:30"):
        run(database, when)
    text = page(console, address=f"needs/{need_id(1)}?part=督办")
    assert text.count("逾期督办：") == 1
    assert in_order(
        text.split("<h2>全程记录")[1], "杭州市人民银行 →", "中国人民银行浙江省分行 →", "浙江省经济和信息化厅"
    )
    assert "接收第 1 版" not in text


def test_banks_lead_to_their_needs_and_nothing_drawn_is_zero(console: Console, lived: None) -> None:
    text = page(console)
    assert 'needs?institution=ICBC"' in text and ">0</td>" in text

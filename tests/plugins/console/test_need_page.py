"""The life of one need on a page: everything in order of time, in words, and nothing personal."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from include import audit, obstructions
from include.base.act import Act
from include.matching import collect_feedback
from include.reference import rules
from include.reference.day import Day
from include.store import tables
from tests.plugins.console.test_console import Console, console
from tests.support.matching import CIPHER, NEED, NOW, PUSHED, Feed, prepare, report
from tests.support.rows import add_hold, add_judgement, moment, rewrite

__all__ = ["console"]
CANARY = "13912345678"


@pytest.fixture
def lived(database: sa.Engine) -> None:
    """A need with two revisions, a hold, a push, reports of three banks, an alert, a breach of a limit and a mail."""
    prepare(database)
    with database.begin() as connection:
        version = sa.update(tables.need_version).where(tables.need_version.c.need_id == NEED)
        document = {
            "submitted_at": "2026-09-20T10:00:00+08:00",
            "review": {"recommended_at": "2026-09-28T16:30:00+08:00"},
            "project": {"catalogue_code": "1.1.2"},
        }
        rewrite(connection, version.values(document=json.dumps(document), project_name="电炉节能改造"))
        connection.execute(
            tables.amendment.insert(),
            [
                {
                    "need_id": NEED,
                    "revision": 1,
                    "field": field,
                    "previous_revision": 0,
                    "before": before,
                    "after": after,
                    "personal": personal,
                }
                for field, before, after, personal in (
                    ("finance.financing_need", '"1200.00"', '"1000.00"', False),
                    ("project.content", f'"联系 {CANARY}"', '"电炉改造"', False),
                    ("enterprise.contact.mobile", None, None, True),
                )
            ],
        )
        add_judgement(connection, 1, "held", ruleset_version="rules-0", judged_at=moment("2026-09-30 20:05"))
        judgement_id = connection.execute(sa.text("select max(judgement_id) from judgement")).scalar_one()
        connection.execute(
            tables.finding.insert().values(
                judgement_id=judgement_id,
                rule_id="G06b",
                field="benefit.carbon_reduction_tco2",
                need_id=NEED,
                revision=1,
                severity="hold",
            )
        )
        hold = add_hold(connection, 1, state="released", opened_at=moment("2026-09-30 20:05"))
        connection.execute(
            tables.quarantine_event.insert().values(
                quarantine_id=hold,
                kind="released",
                actor="liwei",
                role="operator",
                reason=f"已核实，电话 {CANARY}",
                at=moment("2026-10-08 08:30"),
            )
        )
        delivery_id = connection.execute(sa.text("select delivery_id from delivery where action = 'push'")).scalar_one()
        connection.execute(
            tables.delivery_attempt.insert(),
            [
                {"delivery_id": delivery_id, "kind": kind, "worker": "w", "attempted_at": PUSHED, "outcome": outcome}
                for kind, outcome in (("send", "lost"), ("look_up", "found"))
            ],
        )
        audit.record(
            connection,
            act=Act(actor_id="liwei", role="operator", reason="已核实", at=NOW),
            action="alert_cleared",
            object_=NEED,
        )
    events = [
        report(1, "received"),
        report(2, "contacted", remark=CANARY),
        report(3, "credit_approved", amount="800", rate=3.45, term_months=36, green_label=True),
        report(5, "contracted", amount="800"),
        report(6, "drawn", amount="300", use_of_funds=f"偿还借款，联系 {CANARY}"),
        report(1, "received", institution="ABC"),
        report(4, "declined", institution="ABC", reason_code="R01"),
        report(2, "received", institution="CMB", revision=7) | {"revision": 7},
        report(2, "obstructed", institution="CCB", reason_code="R05", obstruction_id="OB1"),
        report(3, "drawn", institution="CCB", amount="50", use_of_funds="购置电炉"),
    ]
    collect_feedback(database, Feed(events), NOW, cipher=CIPHER)
    with database.begin() as connection:
        connection.execute(
            tables.escalation_step.insert().values(
                need_id=NEED,
                institution_code="ABC",
                rule_id="S01",
                breach="limit@pushed-received@2026-10-08",
                step=2,
                state="mailed",
                due_on=moment("2026-10-13 09:00").date(),
                overdue_working_days=2,
                provisional=False,
                coordinator_id="C1",
                raised_at=moment("2026-10-15 08:30"),
            )
        )


def page(console: Console, role: str = "op", address: str = f"needs/{NEED}") -> str:
    answer = console.log_in("wang", role).get(f"/green-finance/{address}")
    assert answer.status_code == 200
    return str(answer.text)


def in_order(text: str, *sentences: str) -> bool:
    places = [text.find(sentence) for sentence in sentences]
    assert -1 not in places, sentences[places.index(-1)]
    return places == sorted(places)


def test_the_page_tells_the_whole_life_in_order_of_time(console: Console, lived: None) -> None:
    text = page(console)
    assert in_order(
        text,
        "企业提交第 1 版",
        "主管部门推荐第 1 版",
        "接收第 1 版，修订 3 处",
        "第 1 版审核通过",
        "第 1 版放行",
        "推送需求（第 1 版），至信贷市场服务平台：已送达",
        "中国工商银行：已接收",
        "中国工商银行：已授信 800.00 万元",
        "中国农业银行：不予支持",
        "中国工商银行：已签约 800.00 万元",
        "中国工商银行：已放款 300.00 万元",
        "停滞督办第 2 级",
    )
    assert "已变更（个人信息，不显示）" in text
    assert "1200.00 → 1000.00" in text
    assert "未得到答复，待查证" in text and "查证：对方已收到" in text
    assert "（未计入）" in text and "暂存待匹配" in text
    assert rules()["G03c"].message in text


def test_nothing_personal_is_on_the_page(console: Console, lived: None) -> None:
    assert CANARY not in page(console)


def test_reasons_of_holds_alerts_and_audit_are_for_those_who_may_act(console: Console, lived: None) -> None:
    secrets = [rules()["G06b"].message, rules()["G09a"].message, "号审计记录", "liwei"]
    operators, viewers = page(console, "op"), page(console, "viewer")
    assert all(secret in operators for secret in secrets)
    assert not [secret for secret in secrets if secret in viewers]
    assert "仅运维人员可见" in viewers


def test_the_head_says_how_far_each_bank_has_come(console: Console, lived: None) -> None:
    text = page(console)
    assert in_order(text, "部分到位", "1,000.00", "2,000.00", "300.00", "各机构办理情况", '"chip">融资梗阻', "全程记录")


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
    collect_feedback(database, Feed(refusals), NOW, cipher=CIPHER)
    text = page(console)
    assert "3 家机构不予支持或结案，尚无机构授信" in text
    assert "供参考，是否对接由企业和机构自主决定" in text
    others = text.split("可以了解的其他机构")[1].split("全程记录")[0]
    assert in_order(others, "国家开发银行", "中国进出口银行", "中国农业发展银行")
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
    assert in_order(text, "中国建设银行融资梗阻", "牵头", "zhou：正在补齐资料")
    assert CANARY not in text

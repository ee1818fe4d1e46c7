"""The notice to operators: what is overdue, what is new, what is quiet, each once a working day."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside
from include.gate.consequences import queue_pushes
from include.reference import Policy, departments, policy
from include.store import tables
from include.store.last_runs import note_run
from include.store.set_aside import keep
from tests.support.escalation import bodies, notify_operator, staff, stalled_case
from tests.support.rows import (
    add_delivery,
    add_hold,
    add_intake,
    add_judgement,
    add_manifest,
    add_need,
    add_stop,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)
from tests.support.withdrawals import ask

THURSDAY = "2026-10-15 08:30"
CONSOLE = "https://console.example.test"


def newest(database: sa.Engine) -> dict[str, str]:
    return bodies(database, "operator:")[-1]


def both(body: dict[str, str]) -> tuple[str, str]:
    return body["text"], body["html"]


def read_whole(connection: sa.Connection) -> None:
    """The quarter was read at its cut-off, every department in time."""
    read = add_intake(connection, run_id="cut-off", started_at=moment("2026-10-01 00:00"))
    for code in departments():
        connection.execute(
            tables.listing.insert().values(
                intake_id=read, department_code=code, stated_total=0, read_items=0, read_at=moment("2026-10-01 00:00")
            )
        )
        add_manifest(connection, code, reported_at=moment("2026-09-30 10:00"), intake_id=read)


def read_whole_later(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)


def test_what_is_overdue_comes_first_and_once_a_day(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)
        add_need(connection, 2)
        add_delivery(connection, 2, state="unknown")
        add_need(connection, 3, verdict="held", is_major=True, financing_need="12345.00")
        add_hold(connection, 3, opened_at=moment("2026-09-23 20:00"))
    assert notify_operator(database, THURSDAY)
    assert not notify_operator(database, THURSDAY)
    body = newest(database)
    assert body["subject"].startswith("【绿厂融通】运维提示：1项推送无结果逾期，1项待核实逾期")
    for form in both(body):
        for expected in (need_id(2), need_id(3), "［重大］", "1.23 亿元", "浙江"):
            assert expected in form
        for page in ("deliveries", "holds"):
            assert f"{CONSOLE}/{page}" in form
    assert "总投资" in body["text"], "the reason of the hold"


def test_only_what_came_since_the_last_notice_is_new(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1, opened_at=moment("2026-10-14 10:00"))
    assert notify_operator(database, THURSDAY)
    assert "首次提示" in newest(database)["text"]
    with database.begin() as connection:
        add_need(connection, 2, verdict="held")
        add_hold(connection, 2, opened_at=moment("2026-10-15 20:00"))
    assert notify_operator(database, "2026-10-16 08:30")
    body = newest(database)
    assert body["subject"] == "【绿厂融通】运维提示：新增1项"
    new = body["text"].split("二、新增")[1].split("三、全部待办")[0]
    assert need_id(2) in new and need_id(1) not in new
    assert "待核实 2 项，新增 1" in body["text"]


def test_the_operator_hears_of_what_waits_for_sign_off(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in (1, 2):
            add_need(connection, number, is_major=number == 2)
        two = Policy({**policy().values, "push_approval": "two"})
        assert queue_pushes(connection, [(need_id(1), 1), (need_id(2), 1)], moment("2026-10-01 09:00"), two) == 0
        read_whole(connection)
    assert notify_operator(database, THURSDAY)
    for form in both(newest(database)):
        assert "2026Q3：2 条，其中重大项目 1 条，合计 2,000 万元" in form
        assert f"{CONSOLE}/approvals" in form


def test_nothing_is_told_where_nothing_waits_or_on_a_day_off(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)
        add_need(connection, 2, verdict="held")
        add_hold(connection, 2, state="returned")
    assert not notify_operator(database, "2026-10-13 08:30")
    with database.begin() as connection:
        add_need(connection, 3, verdict="held")
        add_hold(connection, 3)
    assert not notify_operator(database, "2026-10-11 08:30")
    assert notify_operator(database, "2026-10-13 08:30")


def test_the_notice_hands_out_the_head_of_the_audit_chain_on_each_day_with_new_entries(database: sa.Engine) -> None:
    read_whole_later(database)
    heads = []
    for day in ("2026-10-13", "2026-10-15"):
        with database.begin() as connection:
            audit.record(
                connection,
                act=Act(actor_id="a", role="r", reason="why", at=moment(f"{day} 02:00")),
                action="x",
                object_="o",
            )
            heads.append(str(audit.head(connection)))
        assert notify_operator(database, f"{day} 08:30")
        assert not notify_operator(database, f"{day[:-1]}{int(day[-1]) + 1} 08:30")
    first, second = bodies(database, "operator:")
    assert first["subject"] == "【绿厂融通】运维提示：无待处理事项，请留存审计首部"
    for body, head in ((first, heads[0]), (second, heads[1])):
        assert head in body["text"] and head in body["html"]


def test_every_kind_has_its_line_its_age_and_its_page(database: sa.Engine) -> None:
    cipher = PersonalDataCipher(["key of the notice's tests"])
    since = moment("2026-10-08 10:00")
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection)
        connection.execute(tables.case_clock.update().values(provisional=True))
        read_whole(connection)
        add_stop(connection)
        pieces = [SetAside(b"1", "不是一个对象")]
        keep(connection, cipher, "needs/2026Q3/330000/recommended", pieces, now=since, whole=True)
        connection.execute(
            tables.alert.insert().values(
                rule_id="G01", need_id=need_id(1), severity="hold", state="open", opened_at=since
            )
        )
        connection.execute(
            tables.reconciliation_finding.insert().values(
                quarter="2026Q3",
                kind="not_judged",
                need_id=need_id(1),
                revision=1,
                explanation="尚未审核",
                suggestion="请重新审核",
                found_at=since,
            )
        )
    assert notify_operator(database, THURSDAY)
    text, html = both(newest(database))
    for name, page in (
        ("暂停推送的地区", "stops"),
        ("警示", "alerts"),
        ("对账差异", "differences"),
        ("未能读取", "unreadable"),
        ("暂定日期", "calendar"),
    ):
        line = next(line for line in text.splitlines() if line.startswith(f"- {name} "))
        assert "1 " in line
        assert f"{CONSOLE}/{page}" in text and f"{CONSOLE}/{page}" in html
    assert "2026Q3 已接收而未审核：1 条" in text
    assert "对账差异 1 项，最久 6 个工作日" in text


@pytest.mark.parametrize(("day", "told"), [("2026-10-19", True), ("2026-10-20", False)], ids=["monday", "tuesday"])
def test_vacant_posts_are_one_line_on_the_first_working_day_of_a_week(
    database: sa.Engine, day: str, told: bool
) -> None:
    with database.begin() as connection:
        staff(connection)
        read_whole(connection)
        add_need(connection, 3, verdict="held")
        add_hold(connection, 3)
    assert notify_operator(database, f"{day} 08:30")
    text = newest(database)["text"]
    assert ("岗位空缺" in text) is told
    if told:
        assert f"{CONSOLE}/roster" in text and "省级 71 个" in text


def test_a_support_tool_is_told_of_thirty_days_before_its_last_day(database: sa.Engine) -> None:
    read_whole_later(database)
    assert notify_operator(database, "2026-11-30 08:30")
    assert "财金〔2026〕2号" not in newest(database)["text"]
    assert notify_operator(database, "2026-12-01 08:30")
    text = newest(database)["text"]
    assert "设备更新贷款财政贴息：财金〔2026〕2号，最后一天 2026年12月31日" in text
    assert f"{CONSOLE}/support-tools" in text


def test_a_missed_quarter_and_silent_departments_are_named(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_intake(connection, kind="major", started_at=moment("2026-09-20 10:00"))
    assert notify_operator(database, "2026-10-09 08:30")
    body = newest(database)
    assert "1个漏办季度逾期" in body["subject"]
    assert "2026Q3 未征集：截止后没有读取过任何地区，逾期 2 个工作日" in body["text"]


def test_sources_that_have_gone_quiet_are_marked(database: sa.Engine) -> None:
    read_whole_later(database)
    note_run(database, "reconcile.compare", moment("2026-10-09 02:00"))
    note_run(database, "bank_feedback.collect_feedback", moment("2026-10-15 08:00"))
    assert notify_operator(database, THURSDAY)
    body = newest(database)
    assert "对账静默" in body["subject"]
    assert "- 对账：2026-10-09 02:00，5 个工作日前（超过 2 个工作日没有动静，请查看）" in body["text"]
    assert "- 读取反馈：2026-10-15 08:00\n" in body["text"]
    assert "- 银行反馈：尚无记录\n" in body["text"], "nothing was pushed yet"


def test_what_could_not_be_read_is_told_until_it_comes_whole(database: sa.Engine) -> None:
    cipher = PersonalDataCipher(["key of the notice's tests"])
    pieces = [SetAside(b"1", "不是一个对象"), SetAside(b"2", "不是一个对象")]
    read_whole_later(database)
    with database.begin() as connection:
        keep(connection, cipher, "needs/2026Q3/330000/recommended", pieces, now=moment("2026-10-10 10:00"), whole=True)
        keep(connection, cipher, "feedback", pieces[:1], now=moment("2026-10-10 10:00"), whole=False)
    assert notify_operator(database, "2026-10-13 08:30")
    for form in both(newest(database)):
        assert "绿色平台融资需求：2 条" in form and "信贷市场服务平台对接反馈：1 条" in form
    with database.begin() as connection:
        keep(connection, cipher, "needs/2026Q3/330000/recommended", [], now=moment("2026-10-13 10:00"), whole=True)
        keep(connection, cipher, "feedback", [], now=moment("2026-10-13 10:00"), whole=True)
    assert not notify_operator(database, "2026-10-14 08:30")


def test_a_hold_that_is_settled_or_was_overtaken_is_decided(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)
        for number, state in enumerate(("released", "returned", "expired"), start=1):
            add_need(connection, number, verdict="held")
            add_hold(connection, number, state=state)
        add_need(connection, 4, verdict="held")
        add_hold(connection, 4)
        add_need(connection, 4, revision=2, verdict=None)
        add_need(connection, 5, verdict="held")
        add_hold(connection, 5)
        add_withdrawal(connection, 5)
    assert not notify_operator(database, "2026-10-20 08:30")
    with database.begin() as connection:
        add_need(connection, 6, verdict="held")
        add_hold(connection, 6)
    assert notify_operator(database, "2026-10-20 08:30")


def test_a_hold_without_a_usable_number_is_named_by_its_own(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        hold = add_hold(connection, 1)
        connection.execute(tables.quarantine.update().values(need_id=None, revision=None))
    assert notify_operator(database, "2026-10-20 08:30")
    assert f"（记录{hold}）" in newest(database)["text"]


def test_rejudging_a_hold_does_not_start_its_limit_anew(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1)
        judged_again: datetime = moment("2026-10-20 08:00")
        add_judgement(connection, 1, "held", judged_at=judged_again, ruleset_version="rules-2")
    assert notify_operator(database, "2026-10-20 08:30")
    assert "1项待核实逾期" in newest(database)["subject"]


def test_a_sole_proprietor_is_not_named(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        rewrite(
            connection,
            tables.need_version.update().values(uscc="92330100MA2TE5T01X", enterprise_name="钱某某铸造经营部"),
        )
        add_hold(connection, 1)
    assert notify_operator(database, "2026-10-20 08:30")
    for form in both(newest(database)):
        assert "钱某某" not in form


def test_what_waits_for_a_second_person_is_said_with_its_page(database: sa.Engine) -> None:
    with database.begin() as connection:
        read_whole(connection)
        add_need(connection, 4)
        add_delivery(connection, 4)
        ask(connection, need_id(4), at=moment("2026-10-14 10:00"))
        connection.execute(
            tables.deadline_extension.insert().values(
                need_id=need_id(4),
                institution_code="ICBC",
                from_type="received",
                to_type="contacted",
                day0=moment("2026-10-09 10:00").date(),
                working_days=5,
                requested_by="wang",
                reason="企业停产检修",
                requested_at=moment("2026-10-13 10:00"),
            )
        )
    assert notify_operator(database, THURSDAY)
    for form in both(newest(database)):
        assert "待确认撤回" in form and f"{CONSOLE}/withdrawals" in form
        assert "待批延期" in form and need_id(4) in form and "申请延期 5 个工作日" in form

"""The weekly summary on a real database: when it comes, to whom, and what it says of needs, returns and obstructions."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from include import obstructions
from include.domain.states import Channel, DeliveryAction
from include.letters import weekly_summary
from include.letters.weekly_summary import SummaryRun
from include.reference import departments, policy, rules
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import tables
from include.store.outbox import NewDelivery, enqueue
from tests.support.departments import CIPHER, Platform, item, queued
from tests.support.reoffers import add_alert, pushed_need
from tests.support.rows import (
    add_case,
    add_delivery,
    add_event,
    add_hold,
    add_need,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)
from tests.support.withdrawals import withdraw_by_two

CALENDAR = china_calendar()
POLICY = policy()
CONSOLE = "https://airflow.example/green-finance"
ZHEJIANG = "330000"
MONDAY = "2026-10-19"
KEY = f"weekly:2026-W43:{ZHEJIANG}"


def summarise(database: sa.Engine, day: str = MONDAY, *, platform: Platform | None = None) -> SummaryRun:
    """Unless told otherwise one need of Zhejiang waits for its review, so that there is something to do."""
    return weekly_summary.summarise(
        database,
        platform or Platform(items={(ZHEJIANG, "submitted"): [item(99)]}),
        CIPHER,
        day=Day(moment(f"{day} 08:45"), CALENDAR, POLICY),
        console_url=CONSOLE,
    )


def summary(database: sa.Engine, key: str = KEY) -> dict[str, Any]:
    return queued(database)[key]


def weekly(database: sa.Engine) -> set[str]:
    return {key for key in queued(database) if key.startswith("weekly:")}


def returned_need(connection: sa.Connection, number: int, respond_by: str, reasons: Sequence[str] = ()) -> None:
    add_need(connection, number, verdict="returned")
    delivery_id = add_delivery(connection, number, action="return")
    connection.execute(
        sa.update(tables.delivery)
        .where(tables.delivery.c.delivery_id == delivery_id)
        .values(body=json.dumps({"respond_by": respond_by, "reasons": [{"rule_id": one} for one in reasons]}))
    )


# --- When, and to whom -----------------------------------------------------------------------------------------------


def test_a_department_gets_one_summary_a_week_on_the_first_working_day(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    for day in ("2026-10-17", "2026-10-18"):  # a weekend
        assert summarise(staffed, day) == SummaryRun(0, 0)
    assert summarise(staffed, MONDAY) == SummaryRun(1, 0)
    for day in (MONDAY, "2026-10-20", "2026-10-23"):
        assert summarise(staffed, day) == SummaryRun(0, 0)
    assert summarise(staffed, "2026-10-26").summaries == 1
    assert weekly(staffed) == {KEY, f"weekly:2026-W44:{ZHEJIANG}"}


def test_after_a_holiday_the_first_working_day_counts_and_a_make_up_saturday_belongs_to_its_week(
    staffed: sa.Engine,
) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    sent = {day: summarise(staffed, f"2026-10-{day:02d}").summaries for day in (5, 6, 7, 8, 9, 10, 11, 12)}
    assert {day for day, number in sent.items() if number} == {8, 12}


def test_a_missed_monday_is_caught_up(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    assert summarise(staffed, "2026-10-21").summaries == 1


def test_a_department_that_has_nothing_to_do_gets_none(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
    assert summarise(staffed, platform=Platform()) == SummaryRun(0, 0), "pushed, and nothing to do"
    waiting = Platform(items={("110000", "submitted"): [item(1)]})
    assert summarise(staffed, platform=waiting).summaries == 1
    assert weekly(staffed) == {"weekly:2026-W43:110000"}


def test_it_goes_to_the_province_and_says_whose_it_is(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    summarise(staffed)
    body = summary(staffed)
    assert body["to"] == [f"d{ZHEJIANG}@example.test"]
    assert body["list_id"] == "weekly.green-factory-financing"
    assert departments()[ZHEJIANG].name in body["text"] and "转由您处理" not in body["text"]


def test_a_vacant_post_passes_it_up_once_a_week(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
        region = tables.coordinator.c.region_code
        connection.execute(sa.update(tables.coordinator).where(region == ZHEJIANG).values(on_duty=False))
    assert summarise(staffed) == SummaryRun(1, 1)
    assert summarise(staffed, "2026-10-20") == SummaryRun(0, 0)
    body = summary(staffed)
    assert body["to"] == ["d000000@example.test"] and "转由您处理" in body["text"]


def test_the_summaries_of_a_quarter_are_one_thread(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    for day in ("2026-09-28", "2026-10-08", "2026-10-12", MONDAY):
        summarise(staffed, day)
    assert summary(staffed, f"weekly:2026-W41:{ZHEJIANG}")["references"] == []
    assert summary(staffed)["references"] == [f"weekly:2026-W41:{ZHEJIANG}", f"weekly:2026-W42:{ZHEJIANG}"]


# --- What it says ----------------------------------------------------------------------------------------------------


def lines(database: sa.Engine) -> dict[str, list[str]]:
    """The table of stages, as the plain text shows it: stage → running quarter, quarter before."""
    text = summary(database)["text"].split("环节 ")[1].split("\n各环节为")[0]
    rows = [[cell for cell in line.split("  ") if cell.strip()] for line in text.splitlines()[1:]]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_needs_are_counted_by_the_stages_they_reached(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number in range(1, 8):
            add_need(connection, number)
            add_delivery(connection, number)
        add_case(connection, 1, state="pushed")
        add_case(connection, 2, state="visited")
        add_case(connection, 3, state="credit_approved", approved="500")
        add_case(connection, 4, state="drawn", approved="12000", drawn="11000")
        add_case(connection, 4, "CCB", state="declined", furthest_state="contacted")
        add_case(connection, 5, state="declined")
        add_case(connection, 6, state="closed", furthest_state="visited")
        returned_need(connection, 8, "2026-10-26")
        add_need(connection, 9, verdict="held")
        add_hold(connection, 9)
        add_need(connection, 10)
        add_withdrawal(connection, 10)
        add_need(connection, 11, department_code="440300")
    summarise(staffed)
    assert lines(staffed) == {
        "待审核": ["1 项，1,250.5 万元", "—"],
        "已推荐": ["—", "9 项，8,000 万元"],
        "审核通过": ["—", "7 项，7,000 万元"],
        "退回待补正": ["—", "1 项，1,000 万元"],
        "核实中": ["—", "1 项"],
        "已推送": ["—", "7 项，7,000 万元"],
        "机构已联系": ["—", "4 项，4,000 万元"],
        "已授信": ["—", "2 项，1.25 亿元"],
        "已放款": ["—", "1 项，1.10 亿元"],
        "未对接成功": ["—", "2 项，2,000 万元"],
    }


def test_what_we_withdrew_is_named_with_its_reason(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
        withdraw_by_two(connection, need_id(1), "false_information", at=moment("2026-10-16 10:00"))
    summarise(staffed)
    body = summary(staffed)
    for form in (body["text"], body["html"]):
        assert "经核实已撤回" in form and need_id(1) in form and "信息虚假" in form


def test_of_a_held_need_only_the_number_is_told(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1, findings=[("G06b", "benefit.carbon_reduction_tco2")])
    summarise(staffed)
    body = summary(staffed)
    for form in (body["text"], body["html"]):
        assert "核实中" in form and need_id(1) not in form and "G06b" not in form
        assert rules()["G06b"].message not in form


def test_money_that_an_alert_holds_back_is_not_told(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        add_case(connection, 1, state="drawn", approved="500", drawn="400")
        add_event(connection, 1, "drawn", sequence=1, amount="400", occurred_at=moment("2026-10-15 10:00"))
        add_alert(connection, 1, "ICBC")
    summarise(staffed)
    assert "已放款" not in lines(staffed) and "新放款" not in summary(staffed)["text"]
    assert lines(staffed)["已推送"] == ["—", "1 项，1,000 万元"]


def test_the_running_quarter_shows_what_lies_on_the_platform(staffed: sa.Engine) -> None:
    filed = {
        (ZHEJIANG, "submitted"): [item(1, is_major=True), item(2)],
        (ZHEJIANG, "recommended"): [item(number) for number in (3, 4, 5)],
    }
    summarise(staffed, platform=Platform(items=filed))
    assert lines(staffed) == {"待审核": ["2 项，2,501 万元", "—"], "已推荐": ["3 项，3,751.5 万元", "—"]}
    assert "待审核 2 项（2,501 万元，其中重大 1 项）" in summary(staffed)["text"]


def test_an_amount_whose_unit_is_doubtful_is_counted_and_not_summed(staffed: sa.Engine) -> None:
    in_yuan = {"financing_need": "4080000.00", "total_investment": "6000000.00"}
    filed = {(ZHEJIANG, "submitted"): [item(1), item(2, finance=in_yuan)]}
    summarise(staffed, platform=Platform(items=filed))
    assert "待审核 2 项（1,250.5 万元，另有 1 项金额可能误用单位，未计入）" in summary(staffed)["text"]


def test_what_changed_counts_from_the_summary_before(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number in (1, 2):
            add_need(connection, number, judged_at=moment("2026-10-08 09:00"))
            add_delivery(connection, number, created_at=moment("2026-10-08 09:10"))
        add_case(connection, 1, state="drawn", approved="800", drawn="350")
        add_case(connection, 2, state="declined")
        days = ("2026-10-09", "2026-10-13", "2026-10-14", "2026-10-15", "2026-10-16")
        types = ("contacted", "credit_approved", "contracted", "drawn", "drawn")
        for sequence, (day, type_) in enumerate(zip(days, types, strict=True), start=1):
            amount = {"drawn": "150" if sequence == 4 else "200", "credit_approved": "800"}.get(type_)
            add_event(connection, 1, type_, sequence=sequence, amount=amount, occurred_at=moment(f"{day} 10:00"))
        add_event(connection, 2, "declined", sequence=1, reason_code="R04", occurred_at=moment("2026-10-16 11:00"))
    summarise(staffed, "2026-10-12")
    first = summary(staffed, f"weekly:2026-W42:{ZHEJIANG}")["text"]
    assert "2026年10月8日（周四）以来" in first
    assert "审核通过 2 项" in first and "推送 2 项" in first
    summarise(staffed, MONDAY)
    text = summary(staffed)["text"]
    changes = text.split("2026年10月12日（周一）以来\n")[1].split("\n\n")[0].splitlines()
    assert changes == ["- 机构不予支持涉及 1 项", "- 新获授信 1 项，800 万元", "- 新放款 1 项，350 万元"]


def test_after_a_week_without_a_summary_the_next_one_reaches_back_to_the_last(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    summarise(staffed, "2026-10-12")
    summarise(staffed, "2026-10-27")
    assert "2026年10月12日（周一）以来" in summary(staffed, f"weekly:2026-W44:{ZHEJIANG}")["text"]


def test_late_answers_come_before_everything_else(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        returned_need(connection, 1, "2026-10-26")
        returned_need(connection, 2, "2026-10-16")
        returned_need(connection, 3, "2026-10-15")
        add_need(connection, 3, revision=2)
    summarise(staffed)
    body = summary(staffed)
    assert body["subject"] == "【绿厂融通】浙江融资对接周报（第43周）：1项补正逾期、1项待补正、1项待审核"
    assert body["text"].index("退回补正已逾期 1 项") < body["text"].index(
        "退回待补正 1 项：最早一项请于 2026年10月26日"
    )
    assert "（2026-10-16 前答复，已逾期）" in body["text"] and need_id(2) in body["text"]
    assert need_id(3) not in body["text"], "answered by a newer revision"
    assert f'href="{CONSOLE}/needs/{need_id(1)}"' in body["html"]


def test_obstructions_of_one_cause_are_one_with_level_lead_and_age(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        for institution, number, reason in (("ICBC", "OB1", "R06"), ("CCB", "OB2", "R06"), ("ABC", "OB3", "R12")):
            add_event(
                connection,
                1,
                "obstructed",
                sequence=1,
                institution_code=institution,
                reason_code=reason,
                obstruction_id=number,
                occurred_at=moment("2026-10-13 10:00"),
            )
            standing = {"obstruction_id": number, "opened_on": "2026-10-13", "reason_code": reason}
            add_case(connection, 1, institution, state="contacted", open_obstructions=[standing])
    obstructions.advance(staffed, day=Day(moment("2026-10-13 11:00"), CALENDAR, POLICY))
    summarise(staffed)
    body = summary(staffed)
    assert "2件梗阻未办结" in body["subject"]
    assert "融资梗阻未办结 2 件（最长 4 个工作日）" in body["text"]
    assert "中国建设银行、中国工商银行；省级，工信部门牵头" in body["text"]
    assert "中国农业银行；省级，人民银行牵头" in body["text"]
    assert "新增融资梗阻 3 件" in body["text"]
    assert body["html"].count(f'href="{CONSOLE}/obstructions/') == 2


def test_obstructions_at_the_nation_come_first(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number in (1, 2):
            pushed_need(connection, number)
            name = f"OB{number}"
            add_event(connection, number, "obstructed", sequence=1, reason_code="R06", obstruction_id=name)
            standing = {"obstruction_id": name, "opened_on": "2026-10-13", "reason_code": "R06"}
            add_case(connection, number, state="contacted", open_obstructions=[standing])
    obstructions.advance(staffed, day=Day(moment("2026-10-13 11:00"), CALENDAR, POLICY))
    with staffed.begin() as connection:
        ticket = tables.obstruction_ticket
        connection.execute(sa.update(ticket).where(ticket.c.need_id == need_id(2)).values(level="nation"))
    summarise(staffed)
    body = summary(staffed)
    assert "1件国家级梗阻、1件梗阻未办结" in body["subject"]
    assert body["text"].index("已提请国家级 1 件") < body["text"].index("融资梗阻未办结 1 件")
    for form in (body["text"], body["html"]):
        assert form.index(need_id(2)) < form.index(need_id(1))


def refusals(connection: sa.Connection, number: int, reasons: Mapping[str, str]) -> None:
    """A pushed need that these institutions refused, each for its reason; its intended ones are ICBC and CCB."""
    pushed_need(connection, number)
    case = tables.matching_case
    for institution, reason in reasons.items():
        add_case(connection, number, institution, state="declined")
        this = (case.c.need_id == need_id(number)) & (case.c.institution_code == institution)
        connection.execute(sa.update(case).where(this).values(reason_code=reason))


def section(database: sa.Engine, title: str) -> str:
    text = summary(database)["text"]
    return text.split(f"\n{title}（")[1].split("\n\n")[0] if f"\n{title}（" in text else ""


TURNED_DOWN = "机构未予支持、尚无授信"


def test_a_need_turned_down_is_told_with_reasons_help_and_others_without_a_word_of_recommendation(
    staffed: sa.Engine,
) -> None:
    with staffed.begin() as connection:
        refusals(connection, 1, {"ICBC": "R04", "CCB": "R12"})
    summarise(staffed)
    assert "多家机构不予支持、尚无授信 1 项" in summary(staffed)["text"]
    told = section(staffed, TURNED_DOWN)
    assert "中国建设银行：利率、期限等条件未达成一致；中国工商银行：担保或抵质押不足" in told
    assert "对接政策性融资担保" in told and "民间投资专项担保计划（财金〔2026〕6号，至2027年12月31日）" in told
    assert "供参考，是否对接由企业和机构自主决定" in told and "1,000 万元" in told
    others = told.split("尚未对接过的机构：")[1].split("\n")[0]
    assert len(others.split("、")) == POLICY.integer("reoffer_max_suggestions")
    assert "工商银行" not in others and "建设银行" not in others
    assert not [word for word in ("推荐您", "优先", "最佳", "建议贷款", "应当", "必须") if word in told]


def test_one_refusal_is_not_called_several(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        refusals(connection, 1, {"ICBC": "R04"})
        version = tables.need_version
        rewrite(connection, sa.update(version).values(intended_institutions=["ICBC"]))
    summarise(staffed)
    text = summary(staffed)["text"]
    assert need_id(1) in section(staffed, TURNED_DOWN) and "多家" not in text


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ({"ICBC": "R14", "CCB": "R15"}, False),
        ({"ICBC": "R16", "CCB": "R16"}, False),
        ({"ICBC": "R14", "CCB": "R02"}, True),
    ],
    ids=["given up and met elsewhere", "twice the same project", "one real refusal"],
)
def test_where_nothing_is_left_to_do_nobody_is_asked(
    staffed: sa.Engine, reasons: Mapping[str, str], told: bool
) -> None:
    with staffed.begin() as connection:
        refusals(connection, 1, reasons)
    summarise(staffed)
    assert (need_id(1) in summary(staffed)["text"]) is told
    assert "尚未对接过" not in summary(staffed)["text"], "given up or met elsewhere: not offered around"


def test_a_letter_about_many_needs_does_not_name_the_same_banks_over_and_over(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number in range(1, 9):
            refusals(connection, number, {"ICBC": "R04", "CCB": "R04"})
    summarise(staffed)
    found = [
        line.split("尚未对接过的机构：")[1].split("、")
        for line in section(staffed, TURNED_DOWN).splitlines()
        if "尚未" in line
    ]
    assert len(found) == 8
    assert max(Counter(name for names in found for name in names).values()) <= 4


def test_a_refusal_that_can_be_mended_is_told_with_what_helps(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        refusals(connection, 1, {"ICBC": "R05"})
        refusals(connection, 2, {"ICBC": "R02"})
        refusals(connection, 3, {"ICBC": "R05"})
        add_case(connection, 3, "ABC", state="credit_approved", approved="10")
    summarise(staffed)
    told = section(staffed, "个别机构未予支持、原因可以补救")
    assert "中国工商银行：申请资料不全。参考处置：一次性告知缺件清单" in told
    assert need_id(1) in told and need_id(2) not in told and need_id(3) not in told


def test_contact_that_banks_lost_asks_the_department_to_renew_it(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        pushed_need(connection, 1)
        for sequence in range(1, 4):
            day = f"2026-10-{12 + sequence} 10:00"
            add_event(connection, 1, "received", sequence=sequence, reason_code="R17", occurred_at=moment(day))
    summarise(staffed)
    assert "机构多次联系不上企业 1 项：请核实联系方式" in summary(staffed)["text"]
    assert "自 2026-10-13" in section(staffed, "需核实更新企业联系方式")


def test_quiet_and_untouched_needs_are_counted_and_nobody_is_asked_about_them(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number in (1, 2, 3):
            pushed_need(connection, number)
        add_case(connection, 1, state="visited", last_event_at=moment("2026-09-01 10:00"))
        add_case(connection, 2, state="visited", last_event_at=moment("2026-10-16 10:00"))
        add_case(connection, 3, state="visited", last_event_at=moment("2026-09-01 10:00"))
        paused = tables.matching_case.c.need_id == need_id(3)
        connection.execute(sa.update(tables.matching_case).where(paused).values(paused=True))
    summarise(staffed)
    told = section(staffed, "仅供了解，不需办理") or summary(staffed)["text"].split("仅供了解，不需办理")[1]
    assert "对接较长时间没有新的反馈：1 项" in told
    assert need_id(1) not in summary(staffed)["text"]


def test_needs_that_came_late_are_told_as_waiting_for_a_decision(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1, findings=[("DQ52", "submitted_at")])
    summarise(staffed)
    assert "截止后报送 1 项：待审核人员决定列入本季度或下季度，暂不需要办理" in summary(staffed)["text"]


def test_a_return_is_told_with_its_reasons(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        returned_need(connection, 1, "2026-10-26", reasons=["DQ18", "DQ07"])
    summarise(staffed)
    for form in (summary(staffed)["text"], summary(staffed)["html"]):
        for rule_id in ("DQ18", "DQ07"):
            assert rules()[rule_id].message.rstrip("。") in html.unescape(form)


# --- One mail a day --------------------------------------------------------------------------------------------------


def digest_of(connection: sa.Connection, day: str, address: str = f"D{ZHEJIANG}@example.test") -> None:
    mail = NewDelivery(
        channel=Channel.MAIL,
        action=DeliveryAction.MAIL,
        idempotency_key=f"digest:{address}:{day}",
        body={"to": [address], "subject": "督办", "text": "督办", "list_id": "escalation"},
    )
    enqueue(connection, [mail], moment(f"{day} 08:30"))


def test_the_summary_waits_for_a_day_on_which_its_reader_has_no_digest(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        digest_of(connection, MONDAY)
        digest_of(connection, "2026-10-20", "somebody.else@example.test")
    assert summarise(staffed, MONDAY).summaries == 0
    assert summarise(staffed, "2026-10-20").summaries == 1
    assert summarise(staffed, "2026-10-21").summaries == 0


def test_on_the_last_working_day_of_the_week_it_comes_all_the_same(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for day in (MONDAY, "2026-10-20", "2026-10-21", "2026-10-22", "2026-10-23"):
            digest_of(connection, day)
    sent = [summarise(staffed, f"2026-10-{day}").summaries for day in (19, 20, 21, 22, 23)]
    assert sent == [0, 0, 0, 0, 1]


def test_the_next_dates_are_told_until_they_are_past(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
    summarise(staffed)
    text = summary(staffed)["text"]
    assert "2026年第四季度推荐报送截止：2026年12月31日（周四，暂定），还有 53 个工作日" in text
    assert "2026年第三季度信息通报：2026年10月20日（周二）前后发布" in text
    summarise(staffed, "2026-10-26")
    assert "信息通报" not in summary(staffed, f"weekly:2026-W44:{ZHEJIANG}")["text"]


def test_both_forms_tell_the_same_and_nothing_personal(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        returned_need(connection, 1, "2026-10-26")
        version = tables.need_version
        rewrite(connection, sa.update(version).values(enterprise_name="青禾铸造13912345678", uscc="91330100MA2TE5T013"))
    summarise(staffed, platform=Platform(items={(ZHEJIANG, "submitted"): [item(4)]}))
    body = summary(staffed)
    for form in (body["text"], body["html"]):
        for told in ("青禾铸造", need_id(1), "2026年10月26日（周一）前", "1,250.5 万元", "2026年第四季度", "接下来"):
            assert told in form
        assert "13912345678" not in form and "王某" not in form and "None" not in form
    assert "<style" not in body["html"] and "flex" not in body["html"] and "src=" not in body["html"]
    assert "\n\n\n" not in body["text"]


@pytest.mark.parametrize(
    ("day", "since"),
    [("2026-10-12", date(2026, 10, 8)), ("2026-10-08", date(2026, 9, 28)), ("2026-02-24", date(2026, 2, 9))],
    ids=["after a short week", "after a week off", "after the Spring Festival"],
)
def test_the_first_summary_tells_of_the_working_week_before(staffed: sa.Engine, day: str, since: date) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1, quarter="2026Q3" if day > "2026-03" else "2025Q4")
    summarise(staffed, day)
    (key,) = weekly(staffed)
    assert f"{since.month}月{since.day}日" in summary(staffed, key)["text"].split("以来")[0].splitlines()[-1]

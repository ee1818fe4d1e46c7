"""The weekly summary on a real database: when it comes, to whom, and what it says of needs, returns and obstructions."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from include import obstructions
from include.letters import weekly_summary
from include.letters.weekly_summary import SummaryRun
from include.reference import departments, policy, rules
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import tables
from tests.support.departments import CIPHER, Platform, item, queued
from tests.support.reoffers import add_alert, refused_need
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

CALENDAR = china_calendar()
POLICY = policy()
CONSOLE = "https://airflow.example/green-finance"
ZHEJIANG = "330000"
MONDAY = "2026-10-19"
KEY = f"weekly:2026-W43:{ZHEJIANG}"


def summarise(database: sa.Engine, day: str = MONDAY, *, platform: Platform | None = None) -> SummaryRun:
    return weekly_summary.summarise(
        database,
        platform or Platform(),
        CIPHER,
        operator="operator@example.test",
        day=Day(moment(f"{day} 08:45"), CALENDAR, POLICY),
        console_url=CONSOLE,
    )


def summary(database: sa.Engine, key: str = KEY) -> dict[str, Any]:
    return queued(database)[key]


def weekly(database: sa.Engine) -> set[str]:
    return {key for key in queued(database) if key.startswith("weekly:")}


def returned_need(connection: sa.Connection, number: int, respond_by: str) -> None:
    add_need(connection, number, verdict="returned")
    delivery_id = add_delivery(connection, number, action="return")
    connection.execute(
        sa.update(tables.delivery)
        .where(tables.delivery.c.delivery_id == delivery_id)
        .values(body=json.dumps({"respond_by": respond_by}))
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


def test_a_department_of_which_there_is_nothing_to_tell_gets_none(staffed: sa.Engine) -> None:
    assert summarise(staffed) == SummaryRun(0, 0)
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


def test_a_vacant_post_passes_it_up_and_the_operator_hears_of_it_once_a_week(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        add_need(connection, 1)
        region = tables.coordinator.c.region_code
        connection.execute(sa.update(tables.coordinator).where(region == ZHEJIANG).values(on_duty=False))
    assert summarise(staffed) == SummaryRun(1, 1)
    assert summarise(staffed, "2026-10-20") == SummaryRun(0, 0)
    body = summary(staffed)
    assert body["to"] == ["d000000@example.test"] and "转由您处理" in body["text"]
    told = queued(staffed)["operator-weekly:operator@example.test:2026-W43"]
    assert told["to"] == ["operator@example.test"] and "浙江 · 省级 · 工信部门" in told["text"]


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
        "已推荐": ["—", "9 项，9,000 万元"],
        "审核通过": ["—", "7 项，7,000 万元"],
        "退回待补正": ["—", "1 项，1,000 万元"],
        "核实中": ["—", "1 项"],
        "已推送": ["—", "7 项，7,000 万元"],
        "机构已联系": ["—", "4 项，4,000 万元"],
        "已授信": ["—", "2 项，1.25 亿元"],
        "已放款": ["—", "1 项，1.10 亿元"],
        "未对接成功": ["—", "2 项，2,000 万元"],
    }


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
    assert "新放款1" not in summary(staffed)["subject"] and "没有待办，新放款 1 项" in summary(staffed)["subject"]


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
    assert body["subject"] == "【绿厂融通】浙江融资对接周报（第43周）：1项补正逾期、1项待补正"
    assert body["text"].index("退回补正已逾期 1 项") < body["text"].index(
        "退回待补正 1 项：最早一项请于 2026年10月26日"
    )
    assert f"{need_id(2)}，2026年10月16日（周五）前答复（已逾期）" in body["text"]
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


def test_other_institutions_are_named_without_a_word_of_recommendation(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        refused_need(connection)
    summarise(staffed)
    text = summary(staffed)["text"]
    told = text.split("可以了解的其他机构（1 项需求）")[1].split("接下来")[0]
    assert "供参考，是否对接由企业和机构自主决定" in told
    assert "国家开发银行（开发性金融机构）" in told and "工商银行" not in told and "建设银行" not in told
    assert not [word for word in ("推荐您", "优先", "最佳", "建议贷款", "应当", "必须") if word in told]


def test_a_refusal_that_can_be_mended_is_told_with_what_helps(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number, reasons in ((1, {"ICBC": "R05", "CCB": "R05"}), (2, {"ICBC": "R02"}), (3, {"ICBC": "R05"})):
            add_need(connection, number)
            add_delivery(connection, number)
            for institution, reason in reasons.items():
                add_case(connection, number, institution, state="declined")
                case = tables.matching_case
                connection.execute(sa.update(case).where(case.c.need_id == need_id(number)).values(reason_code=reason))
        add_case(connection, 3, "ABC", state="credit_approved", approved="10")
    summarise(staffed)
    told = summary(staffed)["text"].split("原因可以补救的（1 项）")[1].split("可以了解的其他机构")[0]
    assert "中国建设银行、中国工商银行：申请资料不全。参考处置：一次性告知缺件清单" in told
    assert need_id(1) in told and need_id(2) not in told and need_id(3) not in told


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

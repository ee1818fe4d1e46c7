from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from include.base.settings import GreenPlatform
from include.domain.quarter import Quarter
from include.letters import reminders
from include.platforms.filed import filed
from include.platforms.green_platform import GreenPlatformClient
from include.reference import departments, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store import tables
from tests.support.departments import CIPHER, Platform, item, queued
from tests.support.rows import add_delivery, add_hold, add_need, moment, need_id

CALENDAR = china_calendar()
POLICY = policy()


def remind(
    database: sa.Engine, day: str, *, quarter: str = "2026Q3", platform: Platform | None = None, console_url: str = ""
) -> int:
    return reminders.remind(
        database,
        platform or Platform(),
        CIPHER,
        quarter,
        day=Day(moment(f"{day} 09:00"), CALENDAR, POLICY),
        console_url=console_url,
    )


@pytest.mark.parametrize(
    ("day", "left"), [("2026-09-16", 10), ("2026-09-22", 5), ("2026-09-29", 1)], ids=["T-10", "T-5", "T-1"]
)
def test_each_department_is_reminded_on_the_three_days(staffed: sa.Engine, day: str, left: int) -> None:
    assert remind(staffed, day) == 37
    mails = queued(staffed)
    assert set(mails) == {f"reminder:2026Q3:{code}:T-{left}" for code in departments()}
    assert f"还有{left}个工作日" in mails[f"reminder:2026Q3:330000:T-{left}"]["subject"]


def test_make_up_days_count_before_the_cut_off_too(staffed: sa.Engine) -> None:
    # 2023Q3 ended on Thursday 09-28; by Monday to Friday T-5 would be 09-22.
    assert remind(staffed, "2023-09-21", quarter="2023Q3", platform=Platform([])) == 37


def test_other_days_bring_nothing_and_read_nothing(staffed: sa.Engine) -> None:
    platform = Platform()
    for day in ("2026-09-15", "2026-09-17", "2026-09-19", "2026-09-30", "2026-10-08"):
        assert remind(staffed, day, platform=platform) == 0
    assert queued(staffed) == {}
    assert platform.read == 0


def test_a_second_run_reminds_nobody_again(staffed: sa.Engine) -> None:
    assert remind(staffed, "2026-09-22") == 37
    assert remind(staffed, "2026-09-22", platform=Platform([])) == 0


def test_a_department_sees_what_it_has_filed(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22")
    body = queued(staffed)["reminder:2026Q3:330000:T-5"]
    assert body["to"] == ["d330000@example.test"]
    assert body["subject"] == "【绿厂融通】浙江：还有5个工作日截止，已报送、没有待办（2026Q3融资需求报送）"
    for form in (body["text"], body["html"]):
        for expected in (
            "浙江省经济和信息化厅",
            "2026年第三季度",
            "2026年9月30日（周三）24:00",
            "已报送",
            "12 项",
            "3.46 亿元",
            "2026年9月15日（周二）16:20",
            "重大融资需求可随时报送",
            "工信厅联函〔2025〕490号",
        ):
            assert expected in form
        assert "暂定" not in form


def test_a_department_sees_what_it_has_not_reviewed(staffed: sa.Engine) -> None:
    waiting = [item(3), item(7, is_major=True), item(12)]
    remind(staffed, "2026-09-22", platform=Platform(items={("330000", "submitted"): waiting}))
    body = queued(staffed)["reminder:2026Q3:330000:T-5"]
    assert "3项待审核" in body["subject"]
    for form in (body["text"], body["html"]):
        for expected in ("3 项，3,751.5 万元，其中重大需求 1 项", "2026年9月4日（周五）", "在截止前完成审核"):
            assert expected in form
        assert "不需再办理" not in form and "王某" not in form and "139" not in form
    assert "待审核" not in queued(staffed)["reminder:2026Q3:440300:T-5"]["text"].split("目前没有")[0]


def test_a_need_that_changed_while_it_was_read_counts_once_and_a_broken_one_is_not_lost(staffed: sa.Engine) -> None:
    waiting = [
        item(1),
        item(1, revision=2, finance={"financing_need": "2000.00"}),
        item(2, submitted_at="下周", finance=None, is_major="yes"),
        "系统导出失败",
    ]
    found = filed(Platform(items={("330000", "submitted"): waiting}), "2026Q3", "330000", "submitted", POLICY)
    assert (found.number, found.amount, found.majors, found.oldest) == (3, Decimal("2000.00"), 0, date(2026, 9, 2))


def test_a_returned_need_is_named_with_its_day_until_it_comes_again(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number, respond_by in ((5, "2026-09-30"), (6, "2026-09-18"), (8, "2026-09-25")):
            add_need(connection, number, verdict="returned")
            delivery_id = add_delivery(connection, number, action="return")
            connection.execute(
                sa.update(tables.delivery)
                .where(tables.delivery.c.delivery_id == delivery_id)
                .values(body=json.dumps({"respond_by": respond_by}))
            )
    # 8 has come again; 9 was sent back by the department itself.
    returned = [item(number) for number in (5, 6, 9)]
    remind(
        staffed,
        "2026-09-22",
        platform=Platform(items={("330000", "returned"): returned}),
        console_url="https://airflow.example/green-finance",
    )
    body = queued(staffed)["reminder:2026Q3:330000:T-5"]
    assert "3项待补正" in body["subject"]
    text = body["text"]
    assert text.index(f"{need_id(6)} 青禾精密铸造有限公司，2026年9月18日（周五）前答复（已逾期）") < text.index(
        f"{need_id(5)} 青禾精密铸造有限公司，2026年9月30日（周三）前答复"
    )
    assert f"{need_id(9)}，由你单位退回" in text
    assert need_id(8) not in text and "重新推荐" in text
    assert f'href="https://airflow.example/green-finance/needs/{need_id(5)}"' in body["html"]


def test_a_department_with_nothing_left_to_do_is_told_so_in_one_line(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22")
    for code in ("330000", "440300"):
        text = queued(staffed)[f"reminder:2026Q3:{code}:T-5"]["text"]
        assert text.count("不需再办理") == 1 and "请您" not in text


def test_a_department_that_filed_nothing_is_asked_for_a_zero_return_at_least(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22")
    body = queued(staffed)["reminder:2026Q3:110000:T-5"]
    assert "尚未报送" in body["subject"]
    assert "零报送" in body["text"]
    assert "万元" not in body["text"]


def test_a_zero_return_with_needs_still_waiting_is_to_be_checked(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22", platform=Platform(items={("440300", "submitted"): [item(1)]}))
    body = queued(staffed)["reminder:2026Q3:440300:T-5"]
    assert "，1项待审核（" in body["subject"] and "已零报送" in body["text"]
    assert "核对零报送是否属实" in body["text"]


def test_later_reminders_join_the_thread_of_the_earlier_ones(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-29")
    assert queued(staffed)["reminder:2026Q3:330000:T-1"]["references"] == [
        "reminder:2026Q3:330000:T-10",
        "reminder:2026Q3:330000:T-5",
    ]


def test_a_fourth_quarter_s_cut_off_is_provisional_until_the_next_calendar_is_known(staffed: sa.Engine) -> None:
    remind(staffed, "2026-12-24", quarter="2026Q4", platform=Platform([]))
    text = queued(staffed)["reminder:2026Q4:330000:T-5"]["text"]
    assert "2026年12月31日（周四，暂定）24:00" in text
    assert "公布后可能调整" in text


def test_a_department_without_anybody_on_duty_is_reminded_through_the_nation(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        connection.execute(
            tables.coordinator.update().where(tables.coordinator.c.region_code == "620000").values(on_duty=False)
        )
    assert remind(staffed, "2026-09-22") == 37
    assert queued(staffed)["reminder:2026Q3:620000:T-5"]["to"] == ["d000000@example.test"]


def test_a_reminder_says_what_was_returned_and_held_so_far_and_why(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        for number in (1, 2):
            add_need(connection, number, verdict="held")
            add_hold(connection, number, findings=(("DQ37", "finance.total_investment"),))
        add_need(connection, 3, verdict="returned")
        answer = {"respond_by": "2026-10-09", "reasons": [{"rule_id": "DQ17"}]}
        sent = add_delivery(connection, 3, action="return")
        connection.execute(
            sa.update(tables.delivery).where(tables.delivery.c.delivery_id == sent).values(body=json.dumps(answer))
        )
    remind(staffed, "2026-09-22")
    mails = queued(staffed)
    body = mails["reminder:2026Q3:330000:T-5"]
    for form in (body["text"], body["html"]):
        assert "预审至今：退回 1 项，待核实 2 项" in form
        assert "（待核实 2 项）" in form and "（退回 1 项）" in form
    assert "预审至今" not in mails["reminder:2026Q3:110000:T-5"]["text"]


def test_what_waits_for_review_is_read_from_the_platform_itself(tmp_path: Path) -> None:
    """Over HTTP: before the cut-off, needs that were filed and not recommended yet are listed as submitted."""
    scenario = make_scenario(seed=3, quarter="2026Q3", needs=60, factories=300)
    now = moment("2026-09-22 09:00")
    with Sandbox(scenario, now=now, mail_dir=tmp_path) as sandbox:
        access = GreenPlatform(
            base_url=sandbox.green_url, client_id=sandbox.green_client_id, client_secret=sandbox.green_client_secret
        )
        with GreenPlatformClient(access) as client:
            found = {code: filed(client, "2026Q3", code, "submitted", POLICY) for code in departments()}
    expected = [one for one in scenario.filed if one.need_id and one.submitted_at <= now < one.updated_at]
    expected += [one for one in scenario.filed if one.status == "submitted" and one.updated_at <= now]
    assert sum(one.number for one in found.values()) == len(expected) > 5
    assert sum(one.amount for one in found.values()) > 0


@settings(max_examples=100)
@given(st.integers(min_value=2018, max_value=2026), st.integers(min_value=1, max_value=4))
def test_every_quarter_has_exactly_three_reminder_days_all_of_them_working_days(year: int, number: int) -> None:
    days = [CALENDAR.before_cutoff(Quarter(year, number), int(n)).day for n in POLICY.listed("reminder_working_days")]
    assert days == sorted(set(days)) and len(days) == 3
    assert all(CALENDAR.is_working_day(day) for day in days)

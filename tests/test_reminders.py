from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from include import reminders
from include.domain.quarter import Quarter
from include.platforms.green_platform import Manifest, ManifestRow
from include.reference import departments, policy
from include.reference.calendar import china_calendar
from include.store import tables
from tests.rows import moment

CALENDAR = china_calendar()
POLICY = policy()


FILED = Manifest(
    quarter="2026Q3",
    departments=[
        ManifestRow(
            department_code="330000",
            recommended=12,
            financing_need=Decimal("34567.80"),
            zero_return=False,
            reported_at=moment("2026-09-15 16:20"),
        ),
        ManifestRow(
            department_code="440300",
            recommended=0,
            financing_need=Decimal("0.00"),
            zero_return=True,
            reported_at=moment("2026-09-14 09:05"),
        ),
    ],
)


def nothing_filed(quarter: str) -> Manifest:
    return Manifest(quarter=quarter, departments=[])


@pytest.fixture
def staffed(database: sa.Engine) -> sa.Engine:
    """A province coordinator of MIIT for each department, and one for the nation."""
    with database.begin() as connection:
        rows = [("province", code) for code in departments()] + [("nation", "000000")]
        for position, (level, region) in enumerate(rows):
            connection.execute(
                tables.coordinator.insert().values(
                    coordinator_id=f"MIIT-{region}",
                    position=position,
                    authority="MIIT",
                    level=level,
                    region_code=region,
                    role="综合岗",
                    email=f"d{region}@example.test",
                    on_duty=True,
                )
            )
    return database


def remind(database: sa.Engine, day: str, *, quarter: str = "2026Q3", manifest: Manifest = FILED) -> int:
    return reminders.remind(
        database, quarter, manifest=manifest, now=moment(f"{day} 09:00"), calendar=CALENDAR, policy=POLICY
    )


def queued(database: sa.Engine) -> dict[str, dict[str, Any]]:
    with database.connect() as connection:
        rows = connection.execute(sa.select(tables.delivery.c.idempotency_key, tables.delivery.c.body))
        return {row.idempotency_key: json.loads(row.body) for row in rows}


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
    assert remind(staffed, "2023-09-21", quarter="2023Q3", manifest=nothing_filed("2023Q3")) == 37


def test_other_days_bring_nothing(staffed: sa.Engine) -> None:
    for day in ("2026-09-15", "2026-09-17", "2026-09-19", "2026-09-30", "2026-10-08"):
        assert remind(staffed, day) == 0
    assert queued(staffed) == {}


def test_a_second_run_reminds_nobody_again(staffed: sa.Engine) -> None:
    assert remind(staffed, "2026-09-22") == 37
    assert remind(staffed, "2026-09-22", manifest=nothing_filed("2026Q3")) == 0


def test_a_department_sees_what_it_has_filed(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22")
    body = queued(staffed)["reminder:2026Q3:330000:T-5"]
    assert body["to"] == ["d330000@example.test"]
    assert body["subject"] == "【绿厂融通】浙江：2026Q3融资需求报送还有5个工作日（已报送）"
    for form in (body["text"], body["html"]):
        for expected in (
            "浙江省经济和信息化厅",
            "2026年第三季度",
            "9月30日（周三）24:00",
            "已报送",
            "12 项",
            "34,567.80 万元",
            "9月15日（周二）16:20",
            "重大融资需求可随时报送",
            "工信厅联函〔2025〕490号",
        ):
            assert expected in form
        assert "暂定" not in form


def test_a_department_that_filed_nothing_is_asked_for_a_zero_return_at_least(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22")
    body = queued(staffed)["reminder:2026Q3:110000:T-5"]
    assert "尚未报送" in body["subject"]
    assert "零报送" in body["text"]
    assert "万元" not in body["text"]


def test_a_zero_return_is_shown_as_one(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-22")
    body = queued(staffed)["reminder:2026Q3:440300:T-5"]
    assert "已零报送" in body["subject"]
    assert "0 项" in body["text"]


def test_later_reminders_join_the_thread_of_the_earlier_ones(staffed: sa.Engine) -> None:
    remind(staffed, "2026-09-29")
    assert queued(staffed)["reminder:2026Q3:330000:T-1"]["references"] == [
        "reminder:2026Q3:330000:T-10",
        "reminder:2026Q3:330000:T-5",
    ]


def test_a_fourth_quarter_s_cut_off_is_provisional_until_the_next_calendar_is_known(staffed: sa.Engine) -> None:
    remind(staffed, "2026-12-24", quarter="2026Q4", manifest=nothing_filed("2026Q4"))
    text = queued(staffed)["reminder:2026Q4:330000:T-5"]["text"]
    assert "12月31日（周四，暂定）24:00" in text
    assert "公布后可能调整" in text


def test_a_department_without_anybody_on_duty_is_reminded_through_the_nation(staffed: sa.Engine) -> None:
    with staffed.begin() as connection:
        connection.execute(
            tables.coordinator.update().where(tables.coordinator.c.region_code == "620000").values(on_duty=False)
        )
    assert remind(staffed, "2026-09-22") == 37
    assert queued(staffed)["reminder:2026Q3:620000:T-5"]["to"] == ["d000000@example.test"]


@settings(max_examples=100)
@given(st.integers(min_value=2018, max_value=2026), st.integers(min_value=1, max_value=4))
def test_every_quarter_has_exactly_three_reminder_days_all_of_them_working_days(year: int, number: int) -> None:
    days = [CALENDAR.before_cutoff(Quarter(year, number), int(n)).day for n in POLICY.listed("reminder_working_days")]
    assert days == sorted(set(days)) and len(days) == 3
    assert all(CALENDAR.is_working_day(day) for day in days)

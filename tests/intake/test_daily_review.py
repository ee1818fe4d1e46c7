"""The rolling review and the intake of major needs, day by day, on a platform over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn

import pendulum
import pytest
import sqlalchemy as sa
from airflow.timetables.base import TimeRestriction

from green_finance.timetables import WorkingHoursTimetable
from include.base.business_time import SHANGHAI
from include.domain.states import IntakeKind
from include.intake import ReviewRequest, cursor, open_reviews
from include.intake.unfinished import unfinished_quarters
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.sandbox.platforms.filing import FiledNeed
from include.words.department_failures import DepartmentsFailed
from tests.support.platform import Lived, lived, recommended, reported, scenario
from tests.support.rows import add_case, add_need, moment, need_id

MONDAY = moment("2026-09-14 07:30")
TUESDAY = moment("2026-09-15 07:30")
WEDNESDAY = moment("2026-09-16 07:30")
CUT_OFF = moment("2026-10-01 00:00")
SPOILT = {"finance__term_months": 3}
MAJOR = {"finance__total_investment": "50000.00", "finance__own_capital": "47500.00"}


def test_what_is_recommended_is_judged_the_next_morning_and_what_passes_waits_for_the_cut_off(
    database: sa.Engine, tmp_path: Path
) -> None:
    needs = [
        recommended(1, MONDAY - timedelta(hours=12)),
        recommended(2, MONDAY - timedelta(hours=12), **SPOILT),
        recommended(3, MONDAY + timedelta(hours=3)),
    ]
    with lived(database, scenario(needs, [reported(WEDNESDAY)]), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        world.run("deliver", MONDAY)
        assert world.rows("select need_id, verdict from judgement order by 1") == [
            (need_id(1), "passed"),
            (need_id(2), "returned"),
        ]
        assert world.sandbox.state()["green"]["returns"] == 1
        assert world.pushed() == []
        assert world.rows("select fate from passed_needs('2026Q3')") == ["until_close"]

        world.run("daily_review", TUESDAY)
        judged = world.rows("select need_id, judged_at from judgement order by 1")
        assert [one for one, _ in judged] == [need_id(1), need_id(2), need_id(3)]
        world.run("deliver", TUESDAY)
        assert world.pushed() == []

        world.run("quarterly_intake", CUT_OFF)
        world.run("deliver", CUT_OFF)
        assert world.pushed() == [(need_id(1), 1), (need_id(3), 1)]
        assert world.rows("select need_id, judged_at from judgement order by 1") == judged, "judged twice"
        assert world.rows("select sum(missed) from listing") == [0]
        world.run("quarterly_intake", CUT_OFF + timedelta(hours=1))
        assert world.rows("select count(*) from delivery where action = 'push'") == [2]


def test_a_day_without_news_reads_one_short_listing_of_each_kind(
    database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _listings_asked_for(monkeypatch)
    with lived(database, scenario([recommended(1, MONDAY - timedelta(days=3))]), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        intakes = world.rows("select count(*) from intake")
        asked.clear()
        world.run("daily_review", TUESDAY)
    assert [(one["status"], one["updated_since"]) for one in asked] == [
        ("recommended", MONDAY - cursor.OVERLAP),
        ("withdrawn", MONDAY - cursor.OVERLAP),
    ]
    assert world.rows("select count(*) from intake") == intakes
    assert _read_until(database) == TUESDAY


def _listings_asked_for(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []
    read = GreenPlatformClient.need_listing

    def noted(client: GreenPlatformClient, **filters: Any) -> Iterator[NeedPage]:
        asked.append({"updated_since": None, **filters})
        return read(client, **filters)

    monkeypatch.setattr(GreenPlatformClient, "need_listing", noted)
    return asked


def _read_until(database: sa.Engine, kind: IntakeKind = IntakeKind.REVIEW) -> datetime | None:
    with database.connect() as connection:
        return cursor.read_until(connection, "2026Q3", kind)


def test_only_the_departments_with_news_are_read(
    database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = [recommended(1, MONDAY - timedelta(hours=9)), recommended(2, MONDAY + timedelta(hours=2))]
    with lived(database, scenario(needs), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        asked = _listings_asked_for(monkeypatch)
        world.run("daily_review", TUESDAY)
    assert [one.get("department") for one in asked] == [None, None, "330000"]
    assert world.rows("select need_id from judgement order by 1") == [need_id(1), need_id(2)]


def test_what_the_platform_shows_late_within_the_overlap_is_not_lost(database: sa.Engine, tmp_path: Path) -> None:
    """It is dated an hour before a reading that did not show it."""
    with lived(database, scenario([recommended(1, MONDAY - timedelta(days=9))]), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        _file(world, recommended(2, MONDAY - timedelta(hours=1)))
        world.run("daily_review", TUESDAY)
    assert world.rows("select need_id from judgement order by 1") == [need_id(1), need_id(2)]


def test_what_the_reviews_missed_is_found_at_the_cut_off_and_counted(database: sa.Engine, tmp_path: Path) -> None:
    missed = recommended(2, MONDAY - timedelta(days=5))
    platform = scenario([recommended(1, MONDAY - timedelta(days=9))], later=[missed])
    with lived(database, platform, MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        _file(world, missed)
        world.run("daily_review", WEDNESDAY)
        assert world.rows("select count(*) from judgement") == [1]
        world.run("quarterly_intake", CUT_OFF)
        assert world.rows("select missed from listing where missed > 0") == [1]
        world.run("deliver", CUT_OFF)
        assert world.pushed() == [(need_id(1), 1), (need_id(2), 1)]


def _file(world: Lived, need: FiledNeed) -> None:
    """Put a need on the platform behind its own listing's back."""
    world.sandbox._in_loop(lambda: world.sandbox._green._put(need))


def test_a_reading_that_does_not_account_for_all_keeps_the_cursor(
    database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = [recommended(1, MONDAY - timedelta(days=9)), recommended(2, MONDAY + timedelta(hours=1))]
    with lived(database, scenario(needs), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        with monkeypatch.context() as broken:
            broken.setattr("include.gate.stage.judge", _cannot_judge)
            with pytest.raises(DepartmentsFailed):
                world.run("daily_review", TUESDAY)
        assert _read_until(database) == MONDAY
        world.run("daily_review", TUESDAY + timedelta(days=4))
    assert world.rows("select need_id from judgement order by 1") == [need_id(1), need_id(2)]


def _cannot_judge(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("a defect")


def test_with_ordinary_push_at_once_what_passes_early_is_pushed_early(
    database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = Policy({**policy().values, "ordinary_push": "at_once"})
    monkeypatch.setattr("include.reference.day.policy", lambda: at_once)
    with lived(database, scenario([recommended(1, MONDAY - timedelta(days=1))]), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        world.run("deliver", MONDAY)
        assert world.pushed() == [(need_id(1), 1)]
        world.run("quarterly_intake", CUT_OFF)
        world.run("deliver", CUT_OFF)
        assert world.pushed() == [(need_id(1), 1)]


def test_early_returns_stop_no_department_before_the_cut_off_but_count_at_it(
    database: sa.Engine, tmp_path: Path
) -> None:
    needs = [
        recommended(number, MONDAY - timedelta(days=1), **(SPOILT if number < 4 else {})) for number in range(1, 7)
    ]
    with lived(database, scenario(needs, [reported(WEDNESDAY)]), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        world.run("deliver", MONDAY)
        assert world.rows("select count(*) from department_stop") == [0]
        world.run("quarterly_intake", CUT_OFF)
        world.run("deliver", CUT_OFF)
        assert world.rows("select judged, returned, state from department_stop") == [(6, 3, "open")]
        assert world.rows("select rule_id from batch_finding where department_code = '330000'") == ["B08"]
        assert world.pushed() == []
        assert set(world.rows("select fate from passed_needs('2026Q3')")) == {"stopped"}


def test_a_need_withdrawn_before_the_cut_off_is_never_pushed(database: sa.Engine, tmp_path: Path) -> None:
    need = recommended(1, MONDAY - timedelta(days=1))
    with lived(database, scenario([need], [reported(WEDNESDAY)]), MONDAY, tmp_path) as world:
        world.run("daily_review", MONDAY)
        _withdraw(world, need, MONDAY + timedelta(hours=5))
        world.run("daily_review", TUESDAY)
        assert world.rows("select need_id from withdrawal_notice") == [need.need_id]
        world.run("quarterly_intake", CUT_OFF)
        world.run("deliver", CUT_OFF)
        assert world.pushed() == []


def test_a_need_of_an_earlier_quarter_that_is_withdrawn_is_taken_back(database: sa.Engine, tmp_path: Path) -> None:
    need = recommended(1, MONDAY - timedelta(days=1))
    spring = moment("2027-03-10 07:30")
    with lived(database, scenario([need], [reported(WEDNESDAY)]), MONDAY, tmp_path) as world:
        world.run("quarterly_intake", CUT_OFF)
        world.run("deliver", CUT_OFF)
        assert world.pushed() == [(need.need_id, 1)]
        _withdraw(world, need, spring - timedelta(hours=9))
        world.run("daily_review", spring)
        world.run("deliver", spring)
        assert [one["state"] for one in world.sandbox.ledger()] == ["withdrawn"]


def _withdraw(world: Lived, need: FiledNeed, at: datetime) -> None:
    item = need.item | {"status": "withdrawn", "updated_at": at.isoformat(timespec="seconds")}
    world.sandbox.set_clock(at)
    _file(world, replace(need, status="withdrawn", updated_at=at, item=item))


# --- After the cut-off --------------------------------------------------------------------------------------------------


def test_a_late_need_is_read_and_held_and_a_late_report_is_read_whole(database: sa.Engine, tmp_path: Path) -> None:
    third_day = moment("2026-10-12 15:00")
    needs = [recommended(1, MONDAY - timedelta(days=1)), recommended(2, moment("2026-10-09 11:00"))]
    with lived(database, scenario(needs, [reported(third_day)]), MONDAY, tmp_path) as world:
        world.run("quarterly_intake", CUT_OFF)
        world.run("daily_review", moment("2026-10-10 07:30"))
        assert world.rows("select verdict from judgement order by need_id") == ["passed", "held"]
        assert world.rows("select rule_id from quarantine_finding") == ["DQ52"]
        world.run("daily_review", moment("2026-10-13 07:30"))
        assert world.rows("select kind, departments from intake order by intake_id desc limit 1") == [
            ("late", ["330000"])
        ]
        assert world.rows("select recommended from manifest_entry") == [2]
        assert world.rows("select rule_id from newest_batch_finding where department_code = '330000'") == ["B07"]
        world.run("daily_review", moment("2026-10-14 07:30"))
        assert world.rows("select count(*) from intake where kind = 'late'") == [1]


def test_a_new_need_that_comes_after_the_last_day_for_late_ones_is_not_read(
    database: sa.Engine, tmp_path: Path
) -> None:
    days = china_calendar().add_working_days(date(2026, 9, 30), 20).day
    after = datetime.combine(days + timedelta(days=1), time(9), SHANGHAI)
    needs = [recommended(1, MONDAY), recommended(2, after)]
    with lived(database, scenario(needs, [reported(WEDNESDAY)]), MONDAY, tmp_path) as world:
        world.run("quarterly_intake", CUT_OFF)
        world.run("daily_review", after - timedelta(days=2))
        world.run("daily_review", after + timedelta(days=4))
    assert world.rows("select need_id from judgement") == [need_id(1)]


def test_quarters_are_read_until_no_need_of_theirs_is_open(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, quarter="2024Q1")
        add_need(connection, 2, quarter="2024Q2")
        add_need(connection, 3, quarter="2024Q3")
        add_case(connection, 1, state="contracted")
        add_case(connection, 2, state="declined")
    with database.connect() as connection:
        found = unfinished_quarters(connection, Day.in_force(moment("2026-10-15 08:00")))
        assert [str(one) for one in found] == ["2024Q1", "2026Q3", "2026Q4"]
        found = unfinished_quarters(connection, Day.in_force(moment("2025-09-29 08:00")))
        assert [str(one) for one in found] == ["2024Q1", "2024Q3", "2025Q3"]


def test_a_run_that_is_tried_again_finds_its_intakes(database: sa.Engine, tmp_path: Path) -> None:
    late = [reported(moment("2026-10-09 09:00"))]
    with lived(database, scenario([recommended(1, MONDAY)], late), MONDAY, tmp_path) as world:
        world.run("quarterly_intake", CUT_OFF)
        now = moment("2026-10-10 07:30")
        world.sandbox.set_clock(now)
        request = ReviewRequest(run_id="run", kind=IntakeKind.REVIEW)
        stages = world.stages
        first = open_reviews(stages.engine, stages.green, stages.cipher, request, Day.in_force(now))
        again = open_reviews(
            stages.engine, stages.green, stages.cipher, request, Day.in_force(now + timedelta(minutes=3))
        )
    assert [one.intake_id for one in first] == [one.intake_id for one in again] and len(first) > 1


# --- Major needs --------------------------------------------------------------------------------------------------------


def test_a_major_need_recommended_at_five_past_ten_is_at_the_market_by_five_past_eleven(
    database: sa.Engine, tmp_path: Path
) -> None:
    at = moment("2026-09-15 10:05")
    major = recommended(1, at, is_major=True, **MAJOR)
    ordinary = recommended(2, at)
    with lived(database, scenario([ordinary, major]), MONDAY, tmp_path) as world:
        timetable = WorkingHoursTimetable("major_interval_minutes")
        read = timetable.next_dagrun_info(
            last_automated_data_interval=None,
            restriction=TimeRestriction(pendulum.instance(at), None, catchup=True),
        )
        assert read is not None and read.run_after <= at + timedelta(minutes=30)
        world.run("major_intake", moment("2026-09-15 10:00"))
        assert world.rows("select count(*) from judgement") == [0]
        world.run("major_intake", read.run_after)
        # deliver runs when needs were judged, and every five minutes besides
        world.run("deliver", read.run_after + timedelta(minutes=5))
        assert world.pushed() == [(need_id(1), 1)]
        assert all(
            datetime.fromisoformat(one["received_at"]) <= at + timedelta(hours=1) for one in world.sandbox.ledger()
        )
        assert world.rows("select need_id from judgement") == [need_id(1)]
        intakes = world.rows("select count(*) from intake")
        world.run("major_intake", read.run_after + timedelta(minutes=30))
        assert world.rows("select count(*) from intake") == intakes
        world.run("daily_review", WEDNESDAY)
        assert world.rows("select count(*) from judgement") == [2]


# --- Corrections --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returned_by", "read_at", "pushed_by"),
    [
        pytest.param("daily_review", "2026-09-14 07:30", "2026-10-01 00:00", id="corrected within its quarter"),
        pytest.param("quarterly_intake", "2026-10-01 00:00", "2026-10-21 07:30", id="corrected after its quarter"),
    ],
)
def test_a_correction_in_time_passes_and_is_pushed_without_a_hand(
    database: sa.Engine, tmp_path: Path, returned_by: str, read_at: str, pushed_by: str
) -> None:
    spoilt = recommended(1, MONDAY - timedelta(days=1), **SPOILT)
    sound = recommended(1, MONDAY - timedelta(days=1)).item
    platform = scenario([spoilt], [reported(moment("2026-09-28 10:00"))], corrected={spoilt.need_id: sound})
    now, until = moment(read_at), moment(pushed_by)
    with lived(database, platform, now, tmp_path, resubmit_share=1.0) as world:
        world.run(returned_by, now)
        world.run("deliver", now)
        assert world.rows("select verdict from judgement") == ["returned"]
        for step in _days(now, until):
            world.run(*step)
        assert world.rows("select verdict from judgement order by revision") == ["returned", "passed"]
        assert world.rows("select count(*) from quarantine") == [0], "a correction in time is no late filing (DQ52)"
        assert world.pushed() == [(spoilt.need_id, 2)]
        assert world.rows("select count(*) from audit_entry where role = 'operator'") == [0]


def _days(after: datetime, until: datetime) -> Iterator[tuple[str, datetime]]:
    """What runs by itself: the review of each working day, the intake at the cut-off, and delivery after both."""
    moments = [
        ("daily_review", datetime.combine(day, time(7, 30), SHANGHAI))
        for day in (after.date() + timedelta(days=number) for number in range(60))
        if china_calendar().is_working_day(day)
    ]
    for dag_id, moment_ in sorted([*moments, ("quarterly_intake", CUT_OFF)], key=itemgetter(1)):
        if after < moment_ <= until:
            yield dag_id, moment_
            yield "deliver", moment_

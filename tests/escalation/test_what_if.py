"""What if (试算): the ladder replayed over a past quarter from what is stored, beside what really happened."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from include import escalation, intake, obstructions
from include.base.act import Act
from include.base.business_time import SHANGHAI
from include.base.errors import InvalidRequest
from include.domain.quarter import Quarter
from include.escalation.what_if import OPERATOR, Told, WhatIf, changed, differences, groups, in_force, what_if
from include.escalation.what_if.__main__ import main
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference.day import Day
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store import tables
from include.store.confinement import confined, for_people
from include.store.locks import Lock, hold
from tests.support.escalation import CALENDAR, POLICY, pushed_need, run, staff
from tests.support.rows import add_delivery, add_event, add_hold, add_need, add_withdrawal, moment, need_id, rewrite
from tests.support.sandbox_settings import sandbox_settings

QUARTER = Quarter.parse("2026Q3")
NOW = moment("2026-11-20 18:00")


def try_out(database: sa.Engine, now: datetime = NOW, quarter: Quarter = QUARTER, **values: int | str) -> WhatIf:
    assumed = changed(in_force(), {key: str(value) for key, value in values.items()})
    return what_if(database, quarter, assumed, present=in_force(), now=now, calendar=CALENDAR)


def days(told: list[Told] | tuple[Told, ...], rule_id: str, **where: object) -> list[tuple[str, int, str]]:
    """(day, step, who) of a rule, in order."""
    chosen = [one for one in told if one.rule_id == rule_id and all(getattr(one, k) == v for k, v in where.items())]
    return [(str(one.day), one.step, one.coordinator_id) for one in chosen]


def silent_need(connection: sa.Connection, number: int = 1, **changes: object) -> None:
    """Pushed on 2026-09-30 to one bank that never says a word."""
    pushed_need(connection, number, intended_institutions=["ICBC"], **changes)


@pytest.fixture
def silent(database: sa.Engine) -> sa.Engine:
    with database.begin() as connection:
        staff(connection)
        silent_need(connection)
    return database


def test_another_ladder_tells_others_on_other_days(silent: sa.Engine) -> None:
    outcome = try_out(silent, ladder_step2_working_days=4, ladder_step3_working_days=6)
    assert days(outcome.present, "S01") == [
        ("2026-10-10", 1, "PBOC-city"),
        ("2026-10-14", 2, "PBOC-province"),
        ("2026-10-21", 3, "MIIT-province"),
        ("2026-10-21", 3, "PBOC-province"),
    ]
    assert days(outcome.assumed, "S01", step=2) == [("2026-10-13", 2, "PBOC-province")]
    assert {day for day, *_ in days(outcome.assumed, "S01", step=3)} == {"2026-10-15"}
    assert outcome.actual == []


def test_a_major_need_is_told_to_the_nation_as_early_as_the_policy_says(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        silent_need(connection, is_major=True)
    outcome = try_out(database, ladder_step4_working_days=12)
    assert {day for day, *_ in days(outcome.present, "S01", level="nation")} == {"2026-10-21"}
    assert {day for day, *_ in days(outcome.assumed, "S01", level="nation")} == {"2026-10-23"}


@pytest.mark.parametrize(
    ("values", "rule_id", "first"),
    [
        ({"unclaimed_working_days": 2}, "S06", "2026-10-10"),
        ({"pushed-received": 3}, "S01", "2026-10-13"),
    ],
)
def test_other_limits_move_the_day_on_which_a_breach_begins(
    silent: sa.Engine, values: dict[str, int], rule_id: str, first: str
) -> None:
    with silent.begin() as connection:
        pushed_need(connection, 2)
    outcome = try_out(silent, **values)  # type: ignore[arg-type]
    assert days(outcome.assumed, rule_id)[0][0] == first != days(outcome.present, rule_id)[0][0]


def test_room_in_a_digest_is_tried_out_too(silent: sa.Engine) -> None:
    with silent.begin() as connection:
        for number in (2, 3):
            silent_need(connection, number)
    outcome = try_out(silent, digest_lines=2)
    assert [day for day, *_ in days(outcome.present, "S01", step=1)] == ["2026-10-10"] * 3
    assert [day for day, *_ in days(outcome.assumed, "S01", step=1)] == ["2026-10-10"] * 2 + ["2026-10-12"]


def test_it_knows_only_what_was_known_on_the_day(silent: sa.Engine) -> None:
    with silent.begin() as connection:
        add_event(connection, 1, "received", sequence=1, occurred_at=moment("2026-10-08 10:00"))
        rewrite(connection, tables.feedback_event.update().values(received_at=moment("2026-10-15 10:00")))
    told = {day for day, *_ in days(try_out(silent).present, "S01")}
    assert told >= {"2026-10-10", "2026-10-14"}
    assert "2026-10-21" not in told, "the first limit was met, as was known by then"


def test_an_acknowledgement_holds_the_ladder_as_long_as_the_other_policy_says(silent: sa.Engine) -> None:
    with silent.begin() as connection:
        connection.execute(
            tables.escalation_acknowledgement.insert().values(
                need_id=need_id(1),
                rule_id="S01",
                round=1,
                step=1,
                actor="op",
                note="已联系",
                at=moment("2026-10-12 10:00"),
            )
        )
    outcome = try_out(silent, acknowledged_idle_working_days=5)
    assert days(outcome.present, "S01", step=2) == [("2026-10-15", 2, "PBOC-province")]
    assert days(outcome.assumed, "S01", step=2) == [("2026-10-19", 2, "PBOC-province")]


def test_nothing_is_told_of_a_need_after_its_withdrawal(silent: sa.Engine) -> None:
    with silent.begin() as connection:
        add_withdrawal(connection, 1, noticed_at=moment("2026-10-14 12:00"))
    told = [one.day for one in try_out(silent).present]
    assert max(told) == date(2026, 10, 14)


def test_an_obstruction_climbs_by_the_clocks_of_the_policy_tried_out(silent: sa.Engine) -> None:
    with silent.begin() as connection:
        add_event(
            connection,
            1,
            "obstructed",
            sequence=1,
            occurred_at=moment("2026-10-08 10:00"),
            reason_code="R04",
            obstruction_id="OB1",
        )
    outcome = try_out(silent, obstruction_ack_working_days=4, major_start_level="nation")
    in_province = {day for day, *_ in days(outcome.present, "OBSTRUCTION", level="province")}
    assert in_province == {"2026-10-12"}
    assert {day for day, *_ in days(outcome.assumed, "OBSTRUCTION", level="province")} == {"2026-10-14"}


def test_returns_pushes_and_holds_follow_their_limits_too(database: sa.Engine) -> None:
    with database.begin() as connection:
        staff(connection)
        add_need(connection, 1, verdict="returned")
        add_delivery(connection, 1, action="return")
        add_need(connection, 2)
        add_delivery(connection, 2, state="pending")
        add_need(connection, 3, verdict="held")
        add_hold(connection, 3, settled_at=moment("2026-10-20 12:00"), state="released")
    outcome = try_out(
        database, return_respond_working_days=3, push_unanswered_working_days=2, hold_decision_working_days=7
    )
    assert days(outcome.present, "S07") == [("2026-10-21", 1, "MIIT-province")]
    assert days(outcome.assumed, "S07") == [("2026-10-12", 1, "MIIT-province")]
    assert days(outcome.present, "S04")[0] == ("2026-10-09", 1, OPERATOR)
    assert days(outcome.assumed, "S04")[0] == ("2026-10-10", 1, OPERATOR)
    assert [day for day, *_ in days(outcome.present, "S08")][:1] == ["2026-10-14"]
    assert [day for day, *_ in days(outcome.assumed, "S08")] == ["2026-10-16", "2026-10-19", "2026-10-20"]


def test_only_the_needs_of_the_quarter_are_looked_at(silent: sa.Engine) -> None:
    outcome = try_out(silent, quarter=Quarter.parse("2026Q2"))
    assert (outcome.needs, outcome.present, outcome.first) == (0, [], None)


def test_it_cannot_write_and_leaves_every_table_as_it_was(silent: sa.Engine) -> None:
    def everything() -> list[int]:
        with silent.connect() as connection:
            return [
                connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in tables.metadata.sorted_tables
            ]

    before = everything()
    try_out(silent, ladder_step1_working_days=2)
    assert everything() == before


def test_it_waits_for_no_stage_and_no_stage_waits_for_it(silent: sa.Engine) -> None:
    with silent.begin() as stage:
        for lock in (Lock.ESCALATION, Lock.OBSTRUCTIONS, Lock.MATCHING):
            hold(stage, lock)
        stage.execute(sa.text("lock table delivery, matching_case, escalation_step in row exclusive mode"))
        assert try_out(silent).present


def test_a_confined_user_tries_out_the_needs_of_his_departments(silent: sa.Engine) -> None:
    whole = try_out(silent)
    own, other = (confined(for_people(silent), [code], "li") for code in ("330000", "440000"))
    assert try_out(own).present == whole.present
    assert try_out(other).needs == 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"audit_retention_days": "1"}, "不能试算"),
        ({"unclaimed_working_days": "0"}, "1 到 250"),
        ({"unclaimed_working_days": "-3"}, "1 到 250"),
        ({"unclaimed_working_days": "ten"}, "1 到 250"),
        ({"major_start_level": "moon"}, "city、province、nation"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_words(values: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        changed(in_force(), values)


def test_what_was_changed_is_named_and_nothing_else() -> None:
    news = changed(
        in_force(), {"ladder_step2_working_days": "3", "pushed-received": "2", "unclaimed_working_days": "5"}
    )
    assert {(one.key, one.value, value) for one, value in differences(in_force(), news)} == {
        ("ladder_step2_working_days", "5", "3"),
        ("pushed-received", "1", "2"),
    }
    assert len({one.key for group in groups(news) for one in group.parameters}) == 25


# --- Beside what really happened -------------------------------------------------------------------------------------


@pytest.fixture
def lived(database: sa.Engine) -> Iterator[tuple[sa.Engine, datetime]]:
    """Three weeks of a quarter through the stages that the DAGs call, with coordinators who act; and when they ended."""
    cut_off = CALENDAR.deadline(QUARTER)
    mail = Path(tempfile.mkdtemp(prefix="what-if-mail-"))
    scenario = make_scenario(seed=490, quarter=str(QUARTER), needs=44, factories=300)
    with Sandbox(scenario, now=cut_off, mail_dir=mail, resubmit_share=0.5) as sandbox:
        settings = sandbox_settings(sandbox)
        with (
            GreenPlatformClient(settings.green_platform) as green,
            CreditMarketClient(settings.credit_market) as market,
        ):
            stages = Stages(database, settings, green, market)
            intake.pull_coordinators(database, green, stages.cipher, now=cut_off)
            stages.run("quarterly_intake", str(QUARTER), cut_off)
            stages.run("deliver", str(QUARTER), cut_off + timedelta(minutes=10))
            yield database, _live_on(stages, sandbox, cut_off)
    shutil.rmtree(mail)


def _live_on(stages: Stages, sandbox: Sandbox, cut_off: datetime) -> datetime:
    day = date(2026, 10, 8)
    while day <= date(2026, 10, 23):
        at = datetime.combine(day, time(8), SHANGHAI)
        sandbox.set_clock(at)
        stages.run("bank_feedback", str(QUARTER), at)
        if CALENDAR.is_working_day(day):
            run(stages.engine, f"{day} 08:30")
        if day in (date(2026, 10, 14), date(2026, 10, 20)):
            _coordinators_act(stages.engine, at + timedelta(hours=2))
        day += timedelta(days=1)
    return at + timedelta(hours=12)


def _coordinators_act(engine: sa.Engine, now: datetime) -> None:
    day = Day(now, CALENDAR, POLICY)
    with engine.begin() as connection:
        for number, one in enumerate(escalation.stalled_needs(connection, day=day, rows=1_000).rows):
            if one.told and number % 3 == 0:
                act = Act(actor_id="op", role="operator", reason="已约机构上门", at=now)
                escalation.acknowledge(connection, one.need_id, act=act)
        for ticket in obstructions.tickets(connection):
            if ticket.state == "open":
                obstructions.work_on(
                    connection,
                    ticket.ticket_id,
                    "resolved",
                    act=Act(actor_id="op", role="operator", reason="已落实担保", at=now),
                    day=day,
                )


def test_replayed_under_the_policy_in_force_it_is_what_really_happened(lived: tuple[sa.Engine, datetime]) -> None:
    database, now = lived
    outcome = try_out(database, now)
    present = {one for one in outcome.present if one.level != OPERATOR}
    assert present == set(outcome.actual)
    assert {one.rule_id for one in present} >= {"S01", "OBSTRUCTION"}
    assert outcome.assumed is outcome.present
    assert outcome.mails(urgent=False).actual == outcome.mails(urgent=False).present


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_shows_totals_and_what_changes(
    silent: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = silent.url
    monkeypatch.setenv(
        "AIRFLOW_CONN_BUSINESS_DB", f"postgres://{url.username}:{url.password}@{url.host}:{url.port}/{url.database}"
    )
    monkeypatch.setenv("GFF_NOW", NOW.isoformat())
    monkeypatch.setenv("GFF_SANDBOX", "1")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "what-if-tests-key")
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["--quarter", "2026Q3", "--set", "ladder_step1_working_days=3"]) == 0
    told = capsys.readouterr().out
    assert "2 → 3 个工作日" in told and "对接环节超过约定时限（S01）" in told and "杭州市" in told
    assert "青禾" not in told and need_id(1) not in told and "example.test" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quarter", "2026年三季度"], "2026Q3 的形式"),
        ([], "--quarter"),
        (["--quarter", "2026Q3", "--set", "idle_working_days"], "参数=值"),
        (["--quarter", "2026Q3", "--set", "nonsense=1"], "不能试算"),
    ],
)
def test_a_command_that_makes_no_sense_is_answered_in_words(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_the_command_names_the_figures_that_can_be_tried_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--parameters"]) == 0
    assert "ladder_step2_working_days" in capsys.readouterr().out

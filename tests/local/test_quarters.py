"""Quarters on a simulated clock: what is played is what the DAGs do, and its promises are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.local import figures
from include.local.plan import FEW_DAYS, quarter_plan
from include.local.postgres import PostgresServer
from include.local.promises import (
    Promise,
    each_life_shown,
    each_need_once,
    ledgers_explained,
    no_mail_twice,
    nothing_lost,
    over_quarters,
)
from include.local.quarters import MOST, QuartersUnknown, before, check, quarter_rows
from include.local.sandbox_client import LedgerEntry
from include.local.stage_player import StagePlayer
from include.local.stages import PLAYED, Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference.calendar import china_calendar
from include.sandbox.scenario.stage import Scenario, Wishes, make_scenario
from include.sandbox.scenario.years import make_years
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from include.store.grants import DatabaseRole
from tests.support.sandbox_settings import sandbox_settings

NOT_PLAYED = {"rerun_deliveries", "rejudge", "decide_stopped_department", "missed_quarters"}
"""By hand, or when something went wrong."""


def test_every_scheduled_dag_is_played(repository: Path) -> None:
    assert {path.stem for path in (repository / "dags").glob("*.py")} - NOT_PLAYED == set(PLAYED)


@pytest.mark.parametrize("number", [0, MOST + 1])
def test_a_number_of_quarters_that_cannot_be_played_is_refused(number: int) -> None:
    with pytest.raises(QuartersUnknown, match="1 到 8"):
        check(number)


def test_the_quarters_before_one_are_those_just_before_it() -> None:
    assert [str(one) for one in before(Quarter.parse("2026Q2"), 3)] == ["2025Q3", "2025Q4", "2026Q1"]


@contextmanager
def _played(postgres: PostgresServer, scenario: Scenario, quarters: list[str], mail: Path) -> Iterator[sa.Engine]:
    """A database in which these quarters were played over one sandbox, with nobody at the console."""
    name = f"quarters_{time.monotonic_ns()}"
    postgres.create_database(name)
    owner = connect(postgres.url(name))
    migrate(owner)
    owner.dispose()
    engine = connect(postgres.url(name), role=DatabaseRole.PIPELINE, audit_keys=[f"the audit of {name}"])
    plans = {one: quarter_plan(Quarter.parse(one), china_calendar(), FEW_DAYS) for one in quarters}
    with Sandbox(scenario, now=plans[quarters[0]][0].moment, mail_dir=mail, resubmit_share=0.8) as sandbox:
        settings = sandbox_settings(sandbox)
        with (
            GreenPlatformClient(settings.green_platform) as green,
            CreditMarketClient(settings.credit_market) as market,
        ):
            player = StagePlayer(Stages(engine, settings, green, market), sandbox.set_clock)
            for quarter, steps in plans.items():
                player.play(quarter, steps)
        _promises_are_kept(engine, sandbox, quarters, plans[quarters[-1]][-1].moment)
    yield engine
    engine.dispose()


def _promises_are_kept(engine: sa.Engine, sandbox: Sandbox, quarters: list[str], now: datetime) -> None:
    ledger = [
        LedgerEntry(one["need_id"], one["revision"], one["state"], one["effects"], one["quarter"])
        for one in sandbox.ledger()
    ]
    with engine.connect() as connection:
        promises = [
            over_quarters([nothing_lost(connection, one) for one in quarters]),
            *(
                each_need_once(figures.passed_needs(connection, one), [e for e in ledger if e.quarter == one])
                for one in quarters
            ),
            no_mail_twice([mail["message_id"] for mail in sandbox.mails()]),
            over_quarters([ledgers_explained(connection, one) for one in quarters]),
            each_life_shown(connection, now.date()),
            _no_mail_on_days_off(connection),
        ]
    assert [promise for promise in promises if not promise.kept] == []


def _no_mail_on_days_off(connection: sa.Connection) -> Promise:
    """Digests and reminders are written on China's working days only."""
    written: list[datetime] = list(
        connection.execute(sa.text("select distinct created_at from delivery where channel = 'mail'")).scalars()
    )
    days = {moment.astimezone(SHANGHAI).date() for moment in written}
    off = sorted(day for day in days if not china_calendar().is_working_day(day))
    return Promise("休息日", bool(days) and not off, f"{off}")


def test_a_quarter_that_ends_on_a_working_saturday_keeps_its_promises(postgres: PostgresServer, tmp_path: Path) -> None:
    scenario = make_scenario(seed=490, quarter="2018Q4", needs=60, factories=300)
    assert str(scenario.cut_off.date()) == "2018-12-30"
    with _played(postgres, scenario, ["2018Q4"], tmp_path) as engine, engine.connect() as connection:
        (row,) = quarter_rows(connection, [Quarter.parse("2018Q4")])
    assert row.pushed > 0 and row.corrected > 0


def test_quarters_in_one_database_show_what_one_alone_cannot(postgres: PostgresServer, tmp_path: Path) -> None:
    quarters = ["2025Q4", "2026Q1"]
    scenario = make_years(Wishes(quarter=quarters[-1], needs=50, lived=True), quarters[:-1], 50)
    with _played(postgres, scenario, quarters, tmp_path) as engine, engine.connect() as connection:
        rows = quarter_rows(connection, [Quarter.parse(one) for one in quarters])
        provisional = connection.execute(sa.text("select count(*) from case_clock where provisional")).scalar_one()
        again = connection.execute(_ACROSS_QUARTERS).scalar_one()
    assert [row.quarter for row in rows] == quarters
    assert all(row.pushed > 0 and row.corrected > 0 for row in rows)
    assert again > 0, "a project filed again in the next quarter is noticed"
    assert rows[0].removed > 0, "the spring wave takes needs of the quarter before it"
    assert provisional == 0


_ACROSS_QUARTERS = sa.text(
    """
    select count(distinct later.need_id) from need_version later
    join need_version earlier on earlier.uscc = later.uscc and earlier.quarter < later.quarter
    join judgement on judgement.need_id = later.need_id
    join finding using (judgement_id)
    where finding.rule_id = 'DQ42'
    """
)

"""`make demo QUARTERS=8`: quarters of several years, each end to end on a simulated clock, without Airflow's overhead.

They include quarters whose last working day a Monday-to-Friday calendar gets wrong (2018Q4 ended on Saturday 12-29,
2023Q3 on 09-28) and one that runs into a year without published holidays. Each has a database and platforms of its own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from include.base.business_time import SHANGHAI
from include.base.errors import UserFacingError
from include.base.settings import ConnectionFields, Settings
from include.domain.quarter import Quarter
from include.local import figures
from include.local.plan import Step, quarter_plan
from include.local.postgres import PostgresServer
from include.local.promises import (
    Promise,
    each_life_shown,
    each_need_once,
    ledgers_explained,
    no_mail_twice,
    nothing_lost,
)
from include.local.sandbox_client import LedgerEntry
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference.calendar import china_calendar
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from include.store.grants import DatabaseRole

TELLING = ("2026Q4", "2023Q3", "2018Q4", "2026Q3", "2018Q3", "2023Q2", "2026Q2", "2026Q1")
"""Which quarters are played, the most instructive first."""
CUT_OFFS = {"2018Q3": "2018-09-30", "2018Q4": "2018-12-29", "2023Q3": "2023-09-28"}
"""Last working days that are easy to get wrong."""
NEEDS, FACTORIES = 250, 800


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedQuarter:
    """Result of a quarter. `provisional`: due days that depend on an unpublished calendar."""

    quarter: str
    cut_off: str
    listed: int
    passed: int
    pushed: int
    events: int
    stalled: int
    mails: int
    provisional: int
    seconds: float
    promises: tuple[Promise, ...]


def play_quarters(number: int, home: Path) -> int:
    """Play so many quarters, oldest first, and show the results; returns the exit code. Raises UserFacingError."""
    if not 1 <= number <= len(TELLING):
        raise QuartersUnknown(
            f"QUARTERS={number} 不在 1 到 {len(TELLING)} 之间。", f"请填写 1 到 {len(TELLING)}，例如 QUARTERS=8。"
        )
    console = Console(highlight=False)
    console.print(f"演示 {number} 个季度（模拟时钟，不经 Airflow）……")
    began = time.monotonic()
    played = []
    with PostgresServer(home) as server:
        for quarter in sorted(TELLING[:number]):
            played.append(play_quarter(server, quarter))
            _show(console, played[-1])
    console.print(_table(played))
    kept = all(promise.kept for one in played for promise in one.promises)
    verdict = "所有承诺均已兑现" if kept else "有承诺未兑现，见上"
    console.print(
        f"{len(played)} 个季度，{time.monotonic() - began:.0f} 秒，{verdict}。", style="green" if kept else "red"
    )
    return 0 if kept else 1


class QuartersUnknown(UserFacingError):
    """So many quarters cannot be played."""


def play_quarter(
    server: PostgresServer, quarter: str, *, needs: int = NEEDS, factories: int = FACTORIES
) -> PlayedQuarter:
    """One quarter from its first reminder to its circular, every step on the simulated clock."""
    began = time.monotonic()
    name = f"quarter_{quarter.lower()}_{time.monotonic_ns()}"
    server.create_database(name)
    owner = connect(server.url(name))
    migrate(owner)
    owner.dispose()
    engine = connect(server.url(name), role=DatabaseRole.PIPELINE, audit_keys=[f"the audit of {name}"])
    steps = _with_reviews(quarter_plan(Quarter.parse(quarter), china_calendar()))
    mail = Path(tempfile.mkdtemp(prefix="quarter-mail-"))
    scenario = make_scenario(seed=490, quarter=quarter, needs=needs, factories=factories)
    try:
        with Sandbox(scenario, now=steps[0].moment, mail_dir=mail, resubmit_share=0.5) as sandbox:
            settings = sandbox_settings(sandbox)
            with (
                GreenPlatformClient(settings.green_platform) as green,
                CreditMarketClient(settings.credit_market) as market,
            ):
                _play(Stages(engine, settings, green, market), sandbox, quarter, steps)
            return _ended(engine, sandbox, quarter, steps[-1].moment, time.monotonic() - began)
    finally:
        engine.dispose()
        shutil.rmtree(mail, ignore_errors=True)


def _with_reviews(plan: Sequence[Step]) -> list[Step]:
    """The plan with the daily intakes, here before each reading of feedback."""
    steps: list[Step] = []
    for step in plan:
        if step.dag_id == "bank_feedback":
            steps.append(replace(step, title="预审", dag_id="daily_review"))
            steps.append(replace(step, title="接收重大需求", dag_id="major_intake"))
        steps.append(step)
    return steps


def _play(stages: Stages, sandbox: Sandbox, quarter: str, steps: Sequence[Step]) -> None:
    for step in steps:
        sandbox.set_clock(step.moment)
        stages.run(step.dag_id, quarter, step.moment)


def _ended(engine: sa.Engine, sandbox: Sandbox, quarter: str, now: datetime, seconds: float) -> PlayedQuarter:
    ledger = [LedgerEntry(one["need_id"], one["revision"], one["state"], one["effects"]) for one in sandbox.ledger()]
    counted = figures.counters(engine)
    with engine.connect() as connection:
        provisional = connection.execute(sa.text("select count(*) from case_clock where provisional")).scalar_one()
        promises = (
            nothing_lost(connection, quarter),
            each_need_once(figures.passed_needs(connection, quarter), ledger),
            no_mail_twice([mail["message_id"] for mail in sandbox.mails()]),
            ledgers_explained(connection, quarter),
            each_life_shown(connection, now.date()),
            _no_mail_on_days_off(connection),
            _cut_off(quarter),
        )
    return PlayedQuarter(
        quarter=quarter,
        cut_off=str(china_calendar().last_working_day(Quarter.parse(quarter)).day),
        listed=counted.listed,
        passed=counted.passed,
        pushed=counted.pushed,
        events=counted.events,
        stalled=counted.stalled,
        mails=counted.mails,
        provisional=provisional,
        seconds=seconds,
        promises=promises,
    )


def _no_mail_on_days_off(connection: sa.Connection) -> Promise:
    """Digests and reminders are written on China's working days only."""
    written: list[datetime] = list(
        connection.execute(sa.text("select distinct created_at from delivery where channel = 'mail'")).scalars()
    )
    days = {moment.astimezone(SHANGHAI).date() for moment in written}
    off = sorted(day for day in days if not china_calendar().is_working_day(day))
    return Promise("休息日", not off, f"{len(days)} 个发信日" + (f"，其中 {off} 不是工作日" if off else "，都是工作日"))


def _cut_off(quarter: str) -> Promise:
    found = str(china_calendar().last_working_day(Quarter.parse(quarter)).day)
    wanted = CUT_OFFS.get(quarter, found)
    return Promise("截止日", found == wanted, found if found == wanted else f"算得 {found}，应为 {wanted}")


def sandbox_settings(sandbox: Sandbox) -> Settings:
    """The connections to a sandbox in this process."""
    return Settings(
        connections={
            "green_platform": ConnectionFields(
                host=sandbox.green_url, login=sandbox.green_client_id, password=sandbox.green_client_secret
            ),
            "credit_market": ConnectionFields(
                host=sandbox.market_url,
                login=sandbox.market_app_id,
                password=sandbox.market_secret,
                extra={"key_id": sandbox.market_key_id, "algorithm": sandbox.market_algorithm},
            ),
            "smtp_default": ConnectionFields(
                host="127.0.0.1",
                port=sandbox.smtp_port,
                extra={
                    "disable_ssl": True,
                    "disable_tls": True,
                    "from_email": "pipeline@green-finance.example",
                    "operator_email": "operator@green-finance.example",
                },
            ),
        },
        fernet_key=json.dumps({"quarters": sandbox.scenario.quarter}),
        sandbox=True,
    )


def _show(console: Console, played: PlayedQuarter) -> None:
    broken = [promise for promise in played.promises if not promise.kept]
    mark = "[red]✗[/]" if broken else "[green]✓[/]"
    console.print(
        f"{mark} {played.quarter}（截止 {played.cut_off}）：列报 {played.listed}，推送 {played.pushed}，"
        f"反馈 {played.events}，邮件 {played.mails}，{played.seconds:.0f} 秒"
    )
    for promise in broken:
        console.print(f"    {promise.name}：{promise.detail}", style="red", markup=False)


def _table(played: Sequence[PlayedQuarter]) -> Table:
    table = Table(title="各季度", title_style="bold")
    columns: dict[str, Any] = {
        "季度": "quarter",
        "截止日": "cut_off",
        "列报": "listed",
        "通过": "passed",
        "推送": "pushed",
        "反馈": "events",
        "停滞": "stalled",
        "邮件": "mails",
        "暂定时限": "provisional",
    }
    for heading in columns:
        table.add_column(heading, justify="left" if heading in ("季度", "截止日") else "right")
    for one in played:
        table.add_row(*(str(getattr(one, name)) for name in columns.values()))
    return table

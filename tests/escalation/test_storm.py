"""The storm: no bank ever answers. Whoever is told is still told in letters that a person can read, one a day."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.local.postgres import PostgresServer
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference import Policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.sandbox.banks.plan import STORM
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from include.store.grants import DatabaseRole
from tests.support.sandbox_settings import sandbox_settings

QUARTER = Quarter.parse("2026Q3")
LINES = 3
"""So few that the storm has more for nearly everybody."""
WORKING_DAYS = 13
_NEED = re.compile(r"FN[0-9]{12}")


@dataclass(frozen=True)
class FewLines(Stages):
    """The stages under a policy of few lines a digest."""

    def day(self, now: datetime) -> Day:
        """The day under that policy."""
        found = super().day(now)
        return replace(found, policy=Policy({**found.policy.values, "digest_lines": str(LINES)}))


def _told_each_day(stages: Stages, sandbox: Sandbox) -> None:
    for number in range(1, WORKING_DAYS + 1):
        day = china_calendar().add_working_days(china_calendar().last_working_day(QUARTER).day, number).day
        now = datetime(day.year, day.month, day.day, 8, 30, tzinfo=SHANGHAI)
        sandbox.set_clock(now)
        for dag_id in ("escalate_stalled", "deliver"):
            stages.run(dag_id, str(QUARTER), now)


def _digests(mails: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(recipient, day, text) of each mail to a coordinator about what is overdue."""
    return [
        (to, parsedate_to_datetime(mail["date"]).astimezone(SHANGHAI).date().isoformat(), mail["text"])
        for mail in mails
        for to in mail["to"]
        if "coordination.example" in to
        and ("新增" in mail["subject"] or "累计" in mail["subject"] or "重大" in mail["subject"])
    ]


def test_no_letter_of_the_storm_is_longer_or_more_frequent_than_people_read(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    scenario = make_scenario(seed=490, needs=110, factories=600)
    name = f"storm_{time.monotonic_ns()}"
    postgres.create_database(name)
    owner = connect(postgres.url(name))
    migrate(owner)
    owner.dispose()
    engine = connect(postgres.url(name), role=DatabaseRole.PIPELINE, audit_keys=["the audit of the storm"])
    with Sandbox(scenario, now=scenario.cut_off, mail_dir=tmp_path, manners=STORM) as sandbox:
        settings = sandbox_settings(sandbox)
        with (
            GreenPlatformClient(settings.green_platform) as green,
            CreditMarketClient(settings.credit_market) as market,
        ):
            stages = FewLines(engine, settings, green, market)
            stages.run("quarterly_intake", str(QUARTER), scenario.cut_off)
            stages.run("deliver", str(QUARTER), scenario.cut_off + timedelta(minutes=10))
            _told_each_day(stages, sandbox)
        digests = _digests(sandbox.mails())
    engine.dispose()

    major = {need["need_id"] for need in scenario.needs if need["is_major"] is True}
    named = [(to, day, set(_NEED.findall(text)) - major) for to, day, text in digests]
    assert max(len(needs) for _, _, needs in named) == LINES, "the storm has more to tell than a letter holds"
    assert max(Counter((to, day) for to, day, _ in named).values()) == 1, "one letter a day and address"
    told: dict[str, list[str]] = {}
    for to, _, needs in named:
        told.setdefault(to, []).extend(needs)
    assert max(map(len, told.values())) > LINES, "what found no room came in a later letter"
    held = {need_id for need_id, severity in scenario.severities.items() if severity == "hold"}
    nation = {need_id for to, _, needs in named if "000000" in to for need_id in needs}
    assert nation <= held, "beside holds that nobody decides, the nation hears by name of major needs alone"

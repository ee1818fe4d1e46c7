"""`make demo QUARTERS=8`: the quarters before the demonstration's own, in the same database and over the same sandbox.

They show what one quarter cannot: duplicates across quarters, corrections in the next one, trends, and a spring wave of
removals. They are played by the stages' own verbs; only the last quarter has a DAG run for each step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.base.settings import Settings
from include.domain.quarter import Quarter
from include.local import figures
from include.local.plan import FEW_DAYS, quarter_plan
from include.local.stage_player import StagePlayer, Workers
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference.calendar import china_calendar
from include.store.database import open_database

MOST = 8


class QuartersUnknown(UserFacingError):
    """So many quarters cannot be played."""


def check(number: int) -> None:
    """Raise QuartersUnknown for a number of quarters that the calendar of the sandbox does not have."""
    if not 1 <= number <= MOST:
        raise QuartersUnknown(f"QUARTERS={number} 不在 1 到 {MOST} 之间。", f"请填写 1 到 {MOST}，例如 QUARTERS=8。")


def before(quarter: Quarter, number: int) -> list[Quarter]:
    """The `number` quarters before one, oldest first."""
    found: list[Quarter] = []
    for _ in range(number):
        quarter = quarter.previous()
        found.insert(0, quarter)
    return found


def play_earlier(
    settings: Settings,
    quarters: list[Quarter],
    set_clock: Callable[[datetime], None],
    people: Workers,
    report: Callable[[str], None],
) -> None:
    """Play these quarters, oldest first, on a running stack; `report` is told of each phase."""
    # What a stage warns of is in the pages and the letters; between the lines of the play it would only disturb.
    logging.getLogger("include").addHandler(logging.NullHandler())
    engine = open_database(settings)
    try:
        with (
            GreenPlatformClient(settings.green_platform) as green,
            CreditMarketClient(settings.credit_market) as market,
        ):
            player = StagePlayer(Stages(engine, settings, green, market), set_clock, people)
            for quarter in quarters:
                steps = quarter_plan(quarter, china_calendar(), FEW_DAYS)

                def told(phase: str, of: Quarter = quarter) -> None:
                    report(f"{of} {phase}")

                player.play(str(quarter), steps, told)
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterRow:
    """One quarter of several. `approved` in 万元."""

    quarter: str
    listed: int
    passed: int
    returned: int
    pushed: int
    corrected: int
    duplicates: int
    removed: int
    funded: int
    approved: Decimal


def quarter_rows(connection: sa.Connection, quarters: list[Quarter]) -> list[QuarterRow]:
    """The quarters side by side."""
    rows = []
    for quarter in map(str, quarters):
        accounts = figures.quarterly_accounts(connection, quarter)
        sums = {name: sum(getattr(one, name) for one in accounts) for name in ("listed", "passed", "returned")}
        found = connection.execute(_ROW, {"quarter": quarter}).mappings().one()
        rows.append(QuarterRow(quarter=quarter, **sums, **found))
    return rows


_ROW = sa.text(
    """
    select (select count(distinct need_id) from delivered_push where quarter = :quarter) as pushed,
           (select count(distinct push.need_id) from delivered_push push where push.quarter = :quarter and exists (
               select from judgement before
               where before.need_id = push.need_id and before.revision < push.revision and before.verdict = 'returned'
           )) as corrected,
           (select count(distinct judgement.need_id) from judgement join finding using (judgement_id)
            where judgement.quarter = :quarter and finding.rule_id = 'DQ42') as duplicates,
           (select count(distinct need_id) from withdrawal_notice join need_version using (need_id)
            where need_version.quarter = :quarter and reason_code = 'factory_removed') as removed,
           (select count(distinct need_id) from matching_case join need_state using (need_id)
            where need_state.quarter = :quarter and drawn > 0) as funded,
           (select coalesce(sum(approved), 0) from matching_case join need_state using (need_id)
            where need_state.quarter = :quarter) as approved
    """
)

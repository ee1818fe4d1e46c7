"""The tasks that empty the outbox, one for each channel; `deliver` and `rerun_deliveries` are wired from them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow.sdk import TriggerRule, task

from green_finance.run import stage_run

if TYPE_CHECKING:
    from include.store.outbox import Channel


@task(trigger_rule=TriggerRule.ALL_DONE)
def deliver_channel(channel: Channel) -> dict[str, int]:
    """Send what is due on a channel; returns how many ended how."""
    from include.delivery.engine import deliver

    with stage_run() as run:
        return asdict(deliver(run.engine, channel, settings=run.settings, clock=run.clock))


@task(trigger_rule=TriggerRule.ALL_DONE)
def open_cases() -> int:
    """Open a case for each institution that a pushed need names; returns how many are new."""
    from include import matching

    with stage_run() as run, run.engine.begin() as connection:
        return matching.open_cases(connection, run.now)


def wire_delivery() -> list[object]:
    """Empty the three channels side by side, then open the cases. Returns the first tasks."""
    market = deliver_channel.override(task_id="deliver_market")("market")
    green_platform = deliver_channel.override(task_id="deliver_green_platform")("green_platform")
    mail = deliver_channel.override(task_id="deliver_mail")("mail")
    market >> open_cases()
    return [market, green_platform, mail]

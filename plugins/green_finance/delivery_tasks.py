"""The tasks that empty the outbox, one for each channel; `deliver` and `rerun_deliveries` are wired from them.

An unreachable receiver makes its task red with one clear sentence. Nothing is lost: later runs try again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk import task
from airflow.sdk.observability import stats

from green_finance.run import StageRun, stage_run
from include.domain.states import Channel

if TYPE_CHECKING:
    from include.delivery.stage import DeliverySummary

log = logging.getLogger(__name__)


@task(task_display_name="发送到信贷市场服务平台")
def deliver_market() -> dict[str, int]:
    """Send pushes and withdrawals, and open a case for each institution that a pushed need names; returns counts."""
    from include import matching

    with stage_run() as run:
        summary = _deliver(run, Channel.MARKET)
        with run.engine.begin() as connection:
            opened = matching.open_cases(connection, day=run.day)
        return {**_unless_unreachable(summary), "cases_opened": opened}


@task(task_display_name="发送到绿色制造平台")
def deliver_green_platform() -> dict[str, int]:
    """Send returns and progress reports; returns counts."""
    with stage_run() as run:
        return _unless_unreachable(_deliver(run, Channel.GREEN_PLATFORM))


@task(task_display_name="发送邮件")
def deliver_mail() -> dict[str, int]:
    """Hand over mails; returns counts."""
    with stage_run() as run:
        return _unless_unreachable(_deliver(run, Channel.MAIL))


def wire_delivery() -> list[object]:
    """Empty the three channels side by side; returns their tasks."""
    return [deliver_market(), deliver_green_platform(), deliver_mail()]


def _deliver(run: StageRun, channel: Channel) -> DeliverySummary:
    from include.delivery.stage import deliver

    try:
        return deliver(run.engine, channel, settings=run.settings, policy=run.policy, clock=run.clock)
    finally:
        _report_figures(run, channel)


def _report_figures(run: StageRun, channel: Channel) -> None:
    """Log what waits on the channel, and set gauges `green_finance.delivery.<channel>.<figure>` of Airflow's metrics.

    Every class is set, also to 0: a gauge keeps its last value until it gets another.
    """
    from include.delivery.view import channel_figures
    from include.domain.states import ErrorClass

    with run.engine.connect() as connection:
        figures = next(one for one in channel_figures(connection, run.now) if one.channel == channel)
    waits_s = (run.now - figures.oldest).total_seconds() if figures.oldest else 0.0
    gauges = {
        "pending": figures.pending,
        "unknown": figures.unknown,
        "held": figures.held,
        "oldest_s": max(0.0, waits_s),
        "breaker_open": int(figures.breaker != "closed"),
        **{f"class.{name}": 0 for name in ErrorClass},
        **{f"class.{name}": number for name, number in figures.by_class.items()},
    }
    for name, value in gauges.items():
        stats.gauge(f"green_finance.delivery.{channel}.{name}", value)
    log.info("%s: %s", channel, {name: value for name, value in gauges.items() if value})


def _unless_unreachable(summary: DeliverySummary) -> dict[str, int]:
    if summary.unreachable is not None:
        raise summary.unreachable
    return summary.counts()

"""The tasks that empty the outbox, one for each channel; `deliver` and `rerun_deliveries` are wired from them.

A receiver that is away makes its task red with one clear sentence. Nothing is lost by it: later runs try again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import task

from green_finance.run import StageRun, stage_run

if TYPE_CHECKING:
    from include.delivery.engine import DeliverySummary
    from include.store.outbox import Channel


@task
def deliver_market() -> dict[str, int]:
    """Send pushes and withdrawals, and open a case for each institution that a pushed need names; returns counts."""
    from include import matching

    with stage_run() as run:
        summary = _deliver(run, "market")
        with run.engine.begin() as connection:
            opened = matching.open_cases(connection, run.now)
        return {**_unless_away(summary), "cases_opened": opened}


@task
def deliver_green_platform() -> dict[str, int]:
    """Send returns and progress reports; returns counts."""
    with stage_run() as run:
        return _unless_away(_deliver(run, "green_platform"))


@task
def deliver_mail() -> dict[str, int]:
    """Hand over mails; returns counts."""
    with stage_run() as run:
        return _unless_away(_deliver(run, "mail"))


def wire_delivery() -> list[object]:
    """Empty the three channels side by side; returns their tasks."""
    return [deliver_market(), deliver_green_platform(), deliver_mail()]


def _deliver(run: StageRun, channel: Channel) -> DeliverySummary:
    from include.delivery.engine import deliver

    return deliver(run.engine, channel, settings=run.settings, clock=run.clock)


def _unless_away(summary: DeliverySummary) -> dict[str, int]:
    if summary.away is not None:
        raise summary.away
    return summary.counts()

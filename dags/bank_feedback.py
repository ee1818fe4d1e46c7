"""
### 对接反馈 bank_feedback

Reads what institutions report, stores each event once, folds it into the case of its need and institution, and queues the
progress that factories and departments are to see.

**When**: every fifteen minutes. **By hand**: trigger with `{}`.

**Triage**: events of an unknown need or institution wait and are tried again; an unreadable event is kept and counted in the
result of `collect_feedback`. Late, repeated or contradictory feedback needs no action; each run reads the last page of the run
before again, so some is always repeated.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import CronTriggerTimetable, dag, task

from green_finance.defaults import TIMEZONE, dag_defaults
from green_finance.run import stage_run


@task(task_display_name="读取机构反馈")
def collect_feedback() -> dict[str, int]:
    """Read the feed from where it was left; returns counts."""
    from include import matching

    with stage_run() as run, run.credit_market() as client:
        return asdict(matching.collect_feedback(run.engine, client, cipher=run.cipher, day=run.day))


@task(task_display_name="更新融资梗阻")
def follow_obstructions() -> dict[str, int]:
    """Open, reopen and end the tickets of obstructions that institutions report; returns counts."""
    from include import obstructions

    with stage_run() as run:
        return asdict(obstructions.advance(run.engine, day=run.day))


@dag(
    schedule=CronTriggerTimetable("*/15 * * * *", timezone=TIMEZONE),
    dag_display_name="对接反馈 bank_feedback",
    description="读取机构的对接反馈，更新对接案件和融资梗阻",
    doc_md=__doc__,
    **dag_defaults("对接"),
)
def bank_feedback():
    collect_feedback() >> follow_obstructions()


bank_feedback()

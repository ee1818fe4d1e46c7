"""
### 加急督办 urgent_mails

Mails at once what does not wait for the next morning's digest: an obstruction (融资梗阻) that has arrived at the nation's level, and
major needs (重大需求) that stall. Moves tickets first, so that what banks reported since the morning is known.

**When**: every urgent_interval_minutes in the working hours of China's working days; nothing before the digests of the day are out.

**By hand**: trigger with `{}`; a second run adds nothing, and outside the working hours nothing leaves.

**Triage**: a run without a mail is right on most days. Red: look at the task's log; the next run catches up, and so does
`escalate_stalled` in the morning.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import dag, task

from green_finance.defaults import dag_defaults
from green_finance.run import stage_run
from green_finance.timetables import WorkingHoursTimetable


@task(task_display_name="梗阻逾期升级")
def advance_obstructions() -> dict[str, int]:
    """Update tickets from what institutions report, and move overdue ones up; returns counts."""
    from include import obstructions

    with stage_run() as run:
        return asdict(obstructions.advance(run.engine, day=run.day))


@task(task_display_name="发送加急督办")
def tell_urgent() -> dict[str, int]:
    """Queue the urgent mails; returns counts."""
    from include import escalation
    from include.action_links.maker import LinkMaker

    with stage_run() as run:
        links = LinkMaker.of(run.settings)
        return asdict(escalation.tell_urgent(run.engine, day=run.day, links=links))


@dag(
    schedule=WorkingHoursTimetable("urgent_interval_minutes"),
    dag_display_name="加急督办 urgent_mails",
    description="工作时间内发送不能等到次日的督办",
    doc_md=__doc__,
    **dag_defaults("协调"),
)
def urgent_mails():
    advance_obstructions() >> tell_urgent()


urgent_mails()

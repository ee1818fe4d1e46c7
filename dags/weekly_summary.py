"""
### 周报 weekly_summary

Tells the head of each department once a week what is left to do with its needs of the running and the previous quarter, the most
urgent first: obstructions (those at the nation first), returns with their reasons, enterprises that banks cannot reach, refusals
with what may help. Then how far the needs came and what changed.

**When**: on each of China's working days at 08:45, after the digests. A letter leaves on the first working day of the week on
which its reader has no digest, at the latest on the last one. **By hand**: trigger with `{}`; a second run adds nothing.

**Triage**: none to a department with nothing left to do is right. Each summary is queued once for ever; it leaves with `deliver`.
A region without a coordinator on duty counts as vacant (console, 协调人名册); its summary goes one level up.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import dag, task

from green_finance.defaults import dag_defaults
from green_finance.run import stage_run
from green_finance.timetables import WorkingDaysTimetable


@task(task_display_name="撰写周报")
def summarise() -> dict[str, int]:
    """Queue this week's summaries if they are due; returns how many, and how many posts are vacant."""
    from include import intake
    from include.letters import weekly_summary

    with stage_run() as run, run.green_platform() as client:
        intake.pull_coordinators(run.engine, client, run.cipher, now=run.now)
        summary = weekly_summary.summarise(
            run.engine,
            client,
            run.cipher,
            day=run.day,
            console_url=run.settings.console_url,
        )
        return asdict(summary)


@dag(
    dag_id="weekly_summary",
    schedule=WorkingDaysTimetable(8, 45),
    dag_display_name="周报 weekly_summary",
    description="各地区融资对接周报",
    doc_md=__doc__,
    **dag_defaults("协调"),
)
def weekly_summary():
    summarise()


weekly_summary()

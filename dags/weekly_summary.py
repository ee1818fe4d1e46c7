"""
### 周报 weekly_summary

Tells the head of each department once a week where its needs of the running and the previous quarter stand, what changed, which
returns and obstructions are open, and which institutions may be thought of after a refusal or silence.

**When**: on each of China's working days at 08:45; it acts on the first one of a week on which it runs. **By hand**: trigger with
`{}`; a second run in the same week adds nothing.

**Triage**: no mail on another day is right, and so is none to a department without news. Each summary is queued once
for ever; it leaves with `deliver`. A region without a coordinator on duty is named in a notice to the operators, and
its summary goes one level up.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import dag, task

from green_finance.defaults import dag_defaults
from green_finance.run import stage_run
from green_finance.timetables import WorkingDaysTimetable


@task
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
            operator=run.settings.mail_server.operator_email,
            day=run.day,
            console_url=run.settings.console_url,
        )
        return asdict(summary)


@dag(
    dag_id="weekly_summary",
    schedule=WorkingDaysTimetable(8, 45),
    dag_display_name="周报 weekly_summary",
    doc_md=__doc__,
    **dag_defaults("协调"),
)
def weekly_summary():
    summarise()


weekly_summary()

"""
### 报送提醒 remind_departments

Reminds each department ten, five and one working days before the quarter's cut-off, with the state of its filing: what it has
recommended, what waits for its review, and what was sent back and has not come again.

**When**: on each of China's working days at 09:00; it acts on those three days only. **By hand**: trigger with `{"quarter": "2026Q3"}`.

**Triage**: no mail on another day is right. Each reminder is queued once for ever; it leaves with `deliver`.
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from green_finance.defaults import dag_defaults, quarter_param
from green_finance.run import stage_run
from green_finance.timetables import WorkingDaysTimetable


@task
def remind() -> int:
    """Queue the reminders of today; returns how many are new."""
    from include import intake
    from include.letters import reminders

    asked = get_current_context()["params"]["quarter"]
    with stage_run() as run, run.green_platform() as client:
        quarter = run.quarter(asked)
        intake.pull_coordinators(run.engine, client, run.cipher, now=run.now)
        return reminders.remind(
            run.engine, client, run.cipher, quarter, day=run.day, console_url=run.settings.console_url
        )


@dag(
    schedule=WorkingDaysTimetable(9),
    dag_display_name="报送提醒 remind_departments",
    doc_md=__doc__,
    params={"quarter": quarter_param()},
    **dag_defaults("征集"),
)
def remind_departments():
    remind()


remind_departments()

"""
### 报送提醒 remind_departments

Reminds each department ten, five and one working days before the quarter's cut-off, with the state of its filing: what it has
recommended, what waits for its review, and what was sent back and has not come again. One, three and five working days after the
cut-off it tells again those that have reported nothing.

**When**: on each of China's working days at 09:00; it acts on those days only, and says so on others. **By hand**: trigger
with `{"quarter": "2026Q3"}`.

**Triage**: skipped on another day is right. Each reminder is queued once for ever; it leaves with `deliver`.
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from green_finance.defaults import dag_defaults, quarter_param
from green_finance.run import said, stage_run
from green_finance.timetables import WorkingDaysTimetable


@task(task_display_name="催报未报地区")
def remind_late() -> int:
    """Queue today's reminders to departments that have reported nothing after the cut-off; returns how many are new."""
    from include.letters import late_reminders

    with stage_run() as run:
        new = late_reminders.remind_late(run.engine, day=run.day, console_url=run.settings.console_url)
    return said(new, "今天没有新的逾期提醒：不在截止后提醒的日子，或没有未报送的部门，或已提醒过。")


@task(task_display_name="报送提醒")
def remind() -> int:
    """Queue the reminders of today; returns how many are new."""
    from include import intake
    from include.letters import reminders

    asked = get_current_context()["params"]["quarter"]
    with stage_run() as run, run.green_platform() as client:
        quarter = run.quarter(asked)
        intake.pull_coordinators(run.engine, client, run.cipher, now=run.now)
        new = reminders.remind(
            run.engine, client, run.cipher, quarter, day=run.day, console_url=run.settings.console_url
        )
    return said(new, f"{quarter} 今天没有新的截止前提醒：不在提醒的日子，或已提醒过。")


@dag(
    schedule=WorkingDaysTimetable(9),
    dag_display_name="报送提醒 remind_departments",
    description="截止前后的报送提醒",
    doc_md=__doc__,
    params={"quarter": quarter_param()},
    **dag_defaults("征集"),
)
def remind_departments():
    remind()
    remind_late()


remind_departments()

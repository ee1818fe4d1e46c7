"""
### 补办季度 missed_quarters

Makes up for quarters whose cut-off has passed and that no run has read whole since: Airflow was down, the run failed because a
connection was missing or a platform did not answer. Starts `quarterly_intake` for each of them, the oldest first, and only for the
departments that are missing.

**When**: every day at 07:30. Nothing is started while `quarterly_intake` has a run that waits or works; such a run, or the next
day's, comes first. A quarter from before the first one that was read at its time is not made up for. **By hand**: trigger with `{}`.

**Triage**: skipped is right: nothing was missed. Red and naming quarters: `quarterly_intake` is paused; enable it. A quarter that is
named day after day fails each time: look at its run `missed__2026Q3` of `quarterly_intake`.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, task

from green_finance.defaults import TIMEZONE, dag_defaults
from green_finance.missed_runs import runs_that_make_up

INTAKE = "quarterly_intake"


@task(task_display_name="查找漏办季度")
def missed() -> list[dict[str, object]]:
    """The runs that make up for what was missed, the oldest quarter first; skipped if there are none."""
    return runs_that_make_up(INTAKE)


@dag(
    schedule=CronTriggerTimetable("30 7 * * *", timezone=TIMEZONE),
    dag_display_name="补办季度 missed_quarters",
    description="补办截止后没有读取过的季度",
    doc_md=__doc__,
    **dag_defaults("征集"),
)
def missed_quarters():
    # A run that failed before is started anew, under the same name.
    TriggerDagRunOperator.partial(
        task_id="make_up", task_display_name="补办季度", trigger_dag_id=INTAKE, logical_date=None, reset_dag_run=True
    ).expand_kwargs(missed())


missed_quarters()

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

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task, timezone
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from green_finance.defaults import TIMEZONE, dag_defaults
from green_finance.run import stage_run

INTAKE = "quarterly_intake"


@task
def missed() -> list[dict[str, Any]]:
    """The runs that make up for what was missed, the oldest quarter first; skipped if there are none."""
    from include.store.missed_quarters import missed_quarters

    context = get_current_context()
    given = {name: value for name, value in (context["dag_run"].conf or {}).items() if name == "now"}
    with stage_run() as run, run.engine.connect() as connection:
        found = missed_quarters(connection, run.day)
    if not found:
        raise AirflowSkipException("没有漏办的季度，无需补办。")
    names = "、".join(one.quarter for one in found)
    if context["ti"].get_dag(INTAKE).is_paused:
        raise AirflowFailException(f"{names} 漏办，而 {INTAKE} 处于暂停状态。请在 Airflow 中启用 {INTAKE}。")
    if context["ti"].get_dr_count(INTAKE, states=["queued", "running"]):
        raise AirflowSkipException(f"{names} 尚未办理；{INTAKE} 有运行正在等待或进行，结束后再核对。")
    now = timezone.utcnow()
    return [
        {
            "trigger_run_id": f"missed__{one.quarter}",
            "conf": {
                "quarter": one.quarter,
                **({"departments": list(one.unread)} if one.is_partial else {}),
                **given,
            },
            # Runs that wait start in the order of this moment.
            "run_after": (now + timedelta(milliseconds=position)).isoformat(),
        }
        for position, one in enumerate(found)
    ]


@dag(
    schedule=CronTriggerTimetable("30 7 * * *", timezone=TIMEZONE),
    dag_display_name="补办季度 missed_quarters",
    doc_md=__doc__,
    **dag_defaults("征集"),
)
def missed_quarters():
    # A run that failed before is started anew, under the same name.
    TriggerDagRunOperator.partial(
        task_id="make_up", trigger_dag_id=INTAKE, logical_date=None, reset_dag_run=True
    ).expand_kwargs(missed())


missed_quarters()

"""
### 对账 reconcile

Compares the platform's listing, what was taken in, the verdicts, the outbox and the market's ledger; explains each difference or
opens a finding with a suggested command. Tells the circular when a quarter is settled and its circular is due.

**When**: every day at 02:00, about the newest quarter whose cut-off has passed. **By hand**: trigger with `{"quarter": "2026Q3"}`.

**Triage**: `compare` returns how many findings are open; each says what to run. A finding closes by itself once the ledgers agree.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from green_finance.assets import quarter_settled
from green_finance.defaults import TIMEZONE, dag_defaults, quarter_param
from green_finance.run import stage_run


@task(task_display_name="确定季度")
def closed_quarter() -> str:
    """The requested quarter, else the newest one whose cut-off has passed."""
    asked = get_current_context()["params"]["quarter"]
    with stage_run() as run:
        return run.quarter(asked or str(run.calendar.newest_closed_quarter(run.now)))


@task(task_display_name="核对台账")
def compare(quarter: str) -> dict[str, int]:
    """Compare the ledgers of a quarter; returns counts."""
    from include import reconciliation

    with stage_run() as run, run.green_platform() as green_platform, run.credit_market() as credit_market:
        summary = reconciliation.reconcile(run.engine, green_platform, credit_market, run.cipher, quarter, run.day)
        return {**summary.compared, "opened": summary.opened, "closed": summary.closed, "open": summary.still_open}


@task(task_display_name="通知可发通报", outlets=[quarter_settled])
def signal_settled(quarter: str) -> None:
    """Signal the circular that the quarter may be published; skipped while it may not."""
    from include import circular, reconciliation

    context = get_current_context()
    with stage_run() as run, run.engine.connect() as connection:
        settled = reconciliation.quarter_is_settled(connection, quarter)
        due = circular.is_due(connection, quarter, day=run.day)
    if not (settled and due):
        raise AirflowSkipException(f"{quarter} 尚未结清或通报未到期，暂不发布。")
    context["outlet_events"][quarter_settled].add_partitions(quarter)


@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone=TIMEZONE),
    dag_display_name="对账 reconcile",
    description="核对各方台账，解释或列出差异",
    doc_md=__doc__,
    params={"quarter": quarter_param()},
    **dag_defaults("对账"),
)
def reconcile():
    quarter = closed_quarter()
    compare(quarter) >> signal_settled(quarter)


reconcile()

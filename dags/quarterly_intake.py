"""
### 季度征集 quarterly_intake

Reads what the departments recommended for a quarter whole, judges what `daily_review` has not judged yet, checks each department's
quarter as a whole, and closes it: the passed needs of the quarter, those that passed early included, are queued for the
credit-market platform, unless the department is stopped (B08) or approvers have to sign. Returned ones go back with every reason;
held ones wait.

**When**: at the cut-off, the midnight that ends the quarter's last working day (China's calendar). Each run carries its
quarter as partition, e.g. `2026Q3`. Re-run it as often as needed: what is known already is not judged or sent again.

**By hand**: trigger with `{"quarter": "2026Q3"}`; `departments` limits it, `dry_run` judges and reports but stores no verdict
and sends nothing.

Before the cut-off it judges as `daily_review` does, and closes nothing.

**Triage**: `close_intake` is red when a record is not accounted for, or a department's listing is not what its manifest says;
its message names each department. Clear the `pull_departments` of that department's set with downstream tasks. A
platform that was unreachable needs nothing but a re-run.
"""

from __future__ import annotations

from airflow.sdk import Param, dag

from green_finance.defaults import dag_defaults, departments_param, quarter_param
from green_finance.intake_tasks import wire_intake
from green_finance.timetables import LastWorkingDayTimetable


@dag(
    schedule=LastWorkingDayTimetable(),
    dag_display_name="季度征集 quarterly_intake",
    description="季度征集：读取、审核、关闭，并推送通过的需求",
    doc_md=__doc__,
    params={
        "quarter": quarter_param(),
        "departments": departments_param(),
        "dry_run": Param(False, type="boolean", title="试运行", description="只审核并汇报，不保存结论，不向外发送。"),
    },
    **dag_defaults("征集"),
)
def quarterly_intake():
    wire_intake()


quarterly_intake()

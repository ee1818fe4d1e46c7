"""
### 季度通报 quarterly_circular

Publishes the quarter's circular (信息通报): the funnel from filing to disbursement, by department and by institution.

**When**: once `reconcile` finds the quarter settled, ten working days after its end at the earliest; the run carries the quarter as
partition. **By hand**: trigger with `{"quarter": "2026Q3"}`; publishing unchanged figures again changes nothing.

**Triage**: the page is served by the console (menu 绿厂融通). Its figures come from the business database alone: if they look
wrong, run `reconcile` first.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context, task

from green_finance.assets import quarter_settled
from green_finance.defaults import dag_defaults, quarter_param
from green_finance.run import stage_run


@task(task_display_name="发布通报")
def publish() -> int:
    """Publish the circular; returns the report's id."""
    from include import circular

    asked = get_current_context()["params"]["quarter"]
    with stage_run() as run:
        published = circular.publish(run.engine, run.quarter(asked), run.settings.reports_dir, day=run.day)
        return published.report_id


@dag(
    schedule=PartitionedAssetTimetable(assets=quarter_settled),
    dag_display_name="季度通报 quarterly_circular",
    description="发布季度信息通报",
    doc_md=__doc__,
    params={"quarter": quarter_param()},
    **dag_defaults("通报"),
)
def quarterly_circular():
    publish()


quarterly_circular()

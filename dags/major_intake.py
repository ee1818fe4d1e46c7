"""
### 随时征集 major_intake

Takes in needs that do not wait for a cut-off: major ones (重大项目融资需求), which departments may recommend at any time, and
corrected ones of the newest closed quarter. Judges them and queues them at once.

**When**: every `major_interval_minutes` in the working hours of China's working days (`working_hours_start` to `working_hours_end`).

**By hand**: trigger with `{}`; `departments` limits the major needs.

**Triage**: as for `quarterly_intake`; there is no manifest for these, so only the listing's own total is checked. A corrected need
that was recommended after the cut-off is held (DQ52) until a person decides in which quarter it counts.
"""

from __future__ import annotations

from airflow.sdk import Param, TaskGroup, dag

from green_finance.defaults import dag_defaults, departments_param, quarter_param
from green_finance.intake_tasks import pull_reference, wire_intake
from green_finance.timetables import WorkingHoursTimetable


@dag(
    schedule=WorkingHoursTimetable("major_interval_minutes"),
    dag_display_name="随时征集 major_intake",
    doc_md=__doc__,
    params={
        "quarter": quarter_param(),
        "departments": departments_param(),
        "dry_run": Param(False, type="boolean", title="试运行", description="只审核并汇报，不保存结论，不向外发送。"),
    },
    **dag_defaults("征集"),
)
def major_intake():
    reference = pull_reference()
    with TaskGroup("major"):
        wire_intake("major", reference)
    with TaskGroup("corrections"):
        wire_intake("corrections", reference)


major_intake()

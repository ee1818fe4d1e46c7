"""
### 重大需求随时征集 major_intake

Takes in major needs (重大项目融资需求), which departments may recommend at any time, judges them, and queues them at once.

**When**: on each of China's working days at 10:00 and by hand.

**By hand**: trigger with `{}`, or with `{"departments": ["330000"]}`.

**Triage**: as for `quarterly_intake`; there is no manifest for major needs, so only the listing's own total is checked.
"""

from __future__ import annotations

from airflow.sdk import Param, dag

from green_finance.defaults import dag_defaults, departments_param, quarter_param
from green_finance.intake_tasks import wire_intake
from green_finance.timetables import WorkingDaysTimetable


@dag(
    schedule=WorkingDaysTimetable(10),
    dag_display_name="重大需求征集 major_intake",
    doc_md=__doc__,
    params={
        "quarter": quarter_param(),
        "departments": departments_param(),
        "dry_run": Param(False, type="boolean", title="试运行", description="只审核并汇报，不保存结论，不向外发送。"),
    },
    **dag_defaults("征集"),
)
def major_intake():
    wire_intake("major")


major_intake()

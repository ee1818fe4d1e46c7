"""
### 随时征集 major_intake

Takes in major needs (重大项目融资需求), which departments may recommend at any time: judges what is new and queues it at once, so that
it is at the credit-market platform within the hour.

**When**: every `major_interval_minutes` in the working hours of China's working days (`working_hours_start` to `working_hours_end`). A
run without news reads one short listing for each quarter and ends; its other tasks are skipped.

**By hand**: trigger with `{}`; `whole` reads the listings from their start.

**Triage**: as for `quarterly_intake`; there is no manifest for these, so only the listing's own total is checked. What a red run did
not take in, the next one reads again.
"""

from __future__ import annotations

from airflow.sdk import dag

from green_finance.defaults import dag_defaults, whole_param
from green_finance.intake_tasks import wire_review
from green_finance.timetables import WorkingHoursTimetable


@dag(
    schedule=WorkingHoursTimetable("major_interval_minutes"),
    dag_display_name="随时征集 major_intake",
    description="工作时间内随时征集重大项目需求",
    doc_md=__doc__,
    params={"whole": whole_param()},
    **dag_defaults("征集"),
)
def major_intake():
    wire_review("major")


major_intake()

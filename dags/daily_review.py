"""
### 预审 daily_review

Reads what is new of every quarter that is not finished, and judges it at once, so that an error found before the cut-off can be
corrected before it. Returned needs and holds take effect at once. What passes waits for `quarterly_intake` at the cut-off
(`ordinary_push`); of a quarter that is closed it is pushed at once. So are read:

- the running quarter: every need that was recommended;
- a closed quarter: corrections, and until `late_report_working_days` after the cut-off late recommendations (held, DQ52) and late
  manifests, with the listing of their departments whole;
- every quarter with an open need: corrections and withdrawals.

**When**: on each of China's working days at 07:30. A run asks for what changed since the last complete one, less a day; what it
misses, `quarterly_intake` finds in the whole listing, and counts it (`missed`).

**By hand**: trigger with `{}`; `whole` reads the listings from their start.

**Triage**: as for `quarterly_intake`. What a red run did not take in, the next one reads again: the cursor moves only when every
record is accounted for.
"""

from __future__ import annotations

from airflow.sdk import dag

from green_finance.defaults import dag_defaults, whole_param
from green_finance.intake_tasks import wire_review
from green_finance.timetables import WorkingDaysTimetable


@dag(
    schedule=WorkingDaysTimetable(7, 30),
    dag_display_name="预审 daily_review",
    description="每个工作日预审各未结季度的新增内容：该退即退，该核即核",
    doc_md=__doc__,
    params={"whole": whole_param()},
    **dag_defaults("征集"),
)
def daily_review():
    wire_review("review")


daily_review()

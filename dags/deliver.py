"""
### 发送 deliver

Empties the outbox: pushes and withdrawals to the credit-market platform, returns and progress to the green platform, mails.
A case is opened for each institution that a pushed need names.

**When**: every five minutes, and as soon as an intake has been judged.

**By hand**: trigger with `{}`. Two runs at once do no harm: each delivery is leased by one of them.

**Triage**: a red task says in one sentence what is wrong: a receiver is unreachable (later runs retry for 76 hours; only make sure
that it comes back), credentials are refused, or a connection is missing. What a receiver refused stays `held` until a person acts:
see `rerun_deliveries`.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag

from green_finance.assets import needs_judged
from green_finance.defaults import TIMEZONE, dag_defaults
from green_finance.delivery_tasks import wire_delivery


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/5 * * * *", timezone=TIMEZONE), assets=[needs_judged]
    ),
    dag_display_name="发送 deliver",
    description="发送发件箱里的推送、退回、进展和邮件",
    doc_md=__doc__,
    **dag_defaults("发送"),
)
def deliver():
    wire_delivery()


deliver()

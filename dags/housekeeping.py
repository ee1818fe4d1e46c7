"""
### 日常维护 housekeeping

Purges contacts whose retention has ended, drops register snapshots that nobody needs any more, and verifies the audit chain.

**When**: every day at 03:00. **By hand**: trigger with `{}`.

**Triage**: red means that the audit chain does not hold: its message says from which entry on. Keep the database as it is and tell the
auditors. Deliveries and audit entries are never deleted.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import CronTriggerTimetable, dag, task

from green_finance.defaults import TIMEZONE, dag_defaults
from green_finance.run import stage_run


@task
def housekeep() -> dict[str, int]:
    """Purge, drop, verify; returns counts."""
    from include import housekeeping as stage

    with stage_run() as run:
        return asdict(stage.housekeep(run.engine, run.now, run.policy))


@dag(
    schedule=CronTriggerTimetable("0 3 * * *", timezone=TIMEZONE),
    dag_display_name="日常维护 housekeeping",
    doc_md=__doc__,
    **dag_defaults("维护"),
)
def housekeeping():
    housekeep()


housekeeping()

"""
### 日常维护 housekeeping

Purges the personal data of needs whose retention has ended, drops register snapshots that nobody needs any more, and verifies
the audit chain. Reads the register of the day and looks for factories that were removed or renamed since their need was pushed
(G08c, DQ41): a removed factory's need that no institution has approved is withdrawn; if money was approved, an alert (警示) waits
for a person in the console. An alert is also raised if a bank did not report for a full quarter how the money it paid out is used
(G16).

**When**: every day at 03:00. **By hand**: trigger with `{}`.

**Triage**: `housekeep` red means that the audit chain is broken: its message names the first broken entry. Keep the database as it is
and tell the auditors. Deliveries and audit entries are never deleted. `pull_register` or `watch_register` red: the platform was
unreachable, or no register in use is recent enough; nothing was withdrawn, run again once there is one.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import CronTriggerTimetable, dag, task

from green_finance.defaults import TIMEZONE, dag_defaults
from green_finance.run import stage_run


@task(task_display_name="清理与审计核验")
def housekeep() -> dict[str, int]:
    """Record changes of policy, rules and keys; purge, drop, verify; returns counts."""
    from include.housekeeping import stage as stage

    with stage_run() as run:
        run.note_configuration()
        return asdict(stage.housekeep(run.engine, run.cipher, day=run.day, reports_dir=run.settings.reports_dir))


@task(task_display_name="读取绿色工厂名单")
def pull_register() -> dict[str, object]:
    """Read the register of green factories as of today; returns its rows and whether it was taken into use."""
    from include import intake

    with stage_run() as run, run.green_platform() as client:
        return asdict(intake.pull_register(run.engine, client, run.cipher, run.now.date(), run.now, run.policy))


@task(task_display_name="核对名单变动")
def watch_register() -> dict[str, int]:
    """Withdraw needs of removed factories, raise alerts and close those no longer true; returns counts."""
    from include.register import watch as register_watch

    with stage_run() as run:
        return asdict(register_watch.watch(run.engine, day=run.day))


@task(task_display_name="核对贷后反馈")
def watch_post_loan() -> int:
    """Raise alerts where a bank did not report on the use of funds for a full quarter; returns how many needs have one."""
    from include import matching

    with stage_run() as run:
        return matching.watch_post_loan(run.engine, day=run.day)


@dag(
    schedule=CronTriggerTimetable("0 3 * * *", timezone=TIMEZONE),
    dag_display_name="日常维护 housekeeping",
    description="清除到期个人信息，核对名单，核验审计链",
    doc_md=__doc__,
    **dag_defaults("维护"),
)
def housekeeping():
    housekeep()
    pull_register() >> watch_register()
    watch_post_loan()


housekeeping()

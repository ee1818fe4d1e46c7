"""
### 逾期督办 escalate_stalled

Moves overdue tickets for obstructions (融资梗阻) one level up. Finds stalled needs, raises each one rung of the ladder at a time,
counted from its oldest overdue limit, and queues one digest for each e-mail address and working day. Operators get a notice of
pushes without a result, holds without a decision, and vacant posts.

**When**: on each of China's working days at 08:30. On days off nothing is mailed; the next working day catches up once. What is
urgent later in the day goes out with `urgent_mails`.

**By hand**: trigger with `{}`; a second run on the same day adds only what is urgent.

**Triage**: the mails themselves leave with `deliver`. A level without a coordinator on duty goes to the next one up (to the nation
only for major needs and obstructions) and is named in the operators' notice. A digest names at most digest_lines needs beside
obstructions and major needs; what had no room is not recorded as told and leads the next digest. Red at `audit_steps`: the message
names the needs of which nobody was told, what is recorded as told and not named in a mail, the tickets that did not climb, and the
mails that are missing or were not handed over within a day. For untold needs and tickets, trigger again (it catches up); for mails,
look at the mail server and the outbox, and re-send or close them there; tell the developers if it stays red. A need that
coordinators took on (by a link in the mail, or console, `/green-finance/escalations`) waits until the case has been quiet for
acknowledged_idle_working_days. Who would have been told under other figures: `/green-finance/escalations/what-if`, or
`python -m include.escalation.what_if --quarter 2026Q3 --set KEY=VALUE`.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import dag, task

from green_finance.defaults import dag_defaults
from green_finance.run import stage_run
from green_finance.timetables import WorkingDaysTimetable


@task(task_display_name="读取协调人名册")
def pull_coordinators() -> int:
    """Read the current coordinators."""
    from include import intake

    with stage_run() as run, run.green_platform() as client:
        return intake.pull_coordinators(run.engine, client, run.cipher, now=run.now)


@task(task_display_name="梗阻逾期升级")
def advance_obstructions() -> dict[str, int]:
    """Update tickets from what institutions report, and move overdue ones up; returns counts."""
    from include import obstructions

    with stage_run() as run:
        return asdict(obstructions.advance(run.engine, day=run.day))


@task(task_display_name="逐级督办")
def escalate() -> dict[str, int]:
    """Raise what is due and queue the digests; returns counts."""
    from include import escalation
    from include.action_links.maker import LinkMaker

    with stage_run() as run:
        return asdict(escalation.escalate(run.engine, day=run.day, links=LinkMaker.of(run.settings)))


@task(task_display_name="运维提示")
def notify_operator() -> bool:
    """Queue the day's notice to operators; returns whether there was anything new."""
    from include import escalation

    with stage_run() as run:
        return escalation.operator_notice(
            run.engine,
            recipient=run.settings.mail_server.operator_email,
            day=run.day,
            console_url=run.settings.console_url,
        )


@task(task_display_name="督办自查")
def audit_steps() -> dict[str, int]:
    """Check independently that everything due was told and is named in its mails; red if not."""
    from include import escalation

    with stage_run() as run:
        return asdict(escalation.audit_steps(run.engine, day=run.day))


@dag(
    schedule=WorkingDaysTimetable(8, 30),
    dag_display_name="逾期督办 escalate_stalled",
    description="逾期督办：每个邮箱每个工作日一封",
    doc_md=__doc__,
    **dag_defaults("协调"),
)
def escalate_stalled():
    pull_coordinators() >> advance_obstructions() >> escalate() >> notify_operator() >> audit_steps()


escalate_stalled()

"""Each DAG as a plain call of the stage verbs that its tasks call, for demos on a simulated clock without Airflow.

The tasks add retries, logs and mapping; the effect is the same. A test compares this with the files in dags/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import sqlalchemy as sa

from include import circular, escalation, intake, matching, obstructions, reconciliation
from include.action_links.maker import LinkMaker
from include.base.privacy import PersonalDataCipher
from include.base.settings import Settings
from include.delivery.stage import deliver
from include.domain.calendar import WorkingCalendar
from include.domain.states import Channel, IntakeKind
from include.gate import stage as gate
from include.housekeeping import stage as housekeeping
from include.letters import late_reminders, reminders, weekly_summary
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference import Policy, departments, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.register import watch as register_watch
from include.store.cipher import open_cipher


@dataclass
class SimulatedClock:
    """A clock that only moves when somebody waits: it jumps over the wait."""

    moment: datetime

    def now(self) -> datetime:
        """The current simulated moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Skip a wait."""
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Stages:
    """What the verbs need: the same as `stage_run` gives to a task."""

    engine: sa.Engine
    settings: Settings
    green: GreenPlatformClient
    market: CreditMarketClient

    @cached_property
    def cipher(self) -> PersonalDataCipher:
        """For personal data."""
        return open_cipher(self.engine, self.settings)

    @property
    def calendar(self) -> WorkingCalendar:
        """China's working days."""
        return china_calendar()

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return policy()

    def day(self, now: datetime) -> Day:
        """The business day at a moment."""
        return Day.in_force(now)

    def run(self, dag_id: str, quarter: str, now: datetime) -> None:
        """Run a DAG's verbs at a moment; `quarter` only for DAGs with that parameter."""
        PLAYED[dag_id](self, quarter, now)

    def remind_departments(self, quarter: str, now: datetime) -> None:
        """Sends reminders to the departments."""
        intake.pull_coordinators(self.engine, self.green, self.cipher, now=now)
        reminders.remind(
            self.engine, self.green, self.cipher, quarter, day=self.day(now), console_url=self.settings.console_url
        )
        late_reminders.remind_late(self.engine, day=self.day(now), console_url=self.settings.console_url)

    def quarterly_intake(self, quarter: str, now: datetime) -> None:
        """Reads a quarter whole, judges and closes it."""
        self._pull_reference(now)
        request = intake.IntakeRequest(
            run_id=f"quarterly/{quarter}/{now.isoformat()}",
            kind=IntakeKind.QUARTERLY,
            quarter=quarter,
            departments=tuple(departments()),
            dry_run=False,
        )
        intake_id = intake.begin(self.engine, request, now)
        intake.pull_manifest(self.engine, self.green, self.cipher, intake_id, quarter, self.day(now))
        intake.pull_withdrawals(self.engine, self.green, self.cipher, quarter, now, intake_id)
        sets = intake.department_sets(self.engine, intake_id, self.policy)
        self._take_in([intake.DepartmentSet(intake_id, codes) for codes in sets], now)

    def daily_review(self, quarter: str, now: datetime) -> None:
        """Reads and judges what is new of every unfinished quarter."""
        self._review(IntakeKind.REVIEW, now)

    def major_intake(self, quarter: str, now: datetime) -> None:
        """Reads and judges new major needs."""
        self._review(IntakeKind.MAJOR, now)

    def deliver(self, quarter: str, now: datetime) -> None:
        """Empties the outbox and opens the cases of new pushes."""
        for channel in Channel:
            deliver(self.engine, channel, settings=self.settings, policy=self.policy, clock=SimulatedClock(now))
            if channel == "market":
                with self.engine.begin() as connection:
                    matching.open_cases(connection, day=self.day(now))

    def bank_feedback(self, quarter: str, now: datetime) -> None:
        """Reads what institutions report."""
        matching.collect_feedback(self.engine, self.market, cipher=self.cipher, day=self.day(now))
        obstructions.advance(self.engine, day=self.day(now))

    def escalate_stalled(self, quarter: str, now: datetime) -> None:
        """Escalates what stalls."""
        intake.pull_coordinators(self.engine, self.green, self.cipher, now=now)
        obstructions.advance(self.engine, day=self.day(now))
        escalation.escalate(self.engine, day=self.day(now), links=LinkMaker.of(self.settings))
        escalation.operator_notice(
            self.engine,
            recipient=self.settings.mail_server.operator_email,
            day=self.day(now),
            console_url=self.settings.console_url,
        )
        escalation.audit_steps(self.engine, day=self.day(now))

    def urgent_mails(self, quarter: str, now: datetime) -> None:
        """Tells what does not wait for the next morning."""
        obstructions.advance(self.engine, day=self.day(now))
        links = LinkMaker.of(self.settings)
        escalation.tell_urgent(self.engine, day=self.day(now), links=links)

    def weekly_summary(self, quarter: str, now: datetime) -> None:
        """Sends summaries to the heads of departments."""
        intake.pull_coordinators(self.engine, self.green, self.cipher, now=now)
        weekly_summary.summarise(
            self.engine,
            self.green,
            self.cipher,
            day=self.day(now),
            console_url=self.settings.console_url,
        )

    def reconcile(self, quarter: str, now: datetime) -> None:
        """Compares the ledgers."""
        reconciliation.reconcile(self.engine, self.green, self.market, self.cipher, quarter, self.day(now))

    def quarterly_circular(self, quarter: str, now: datetime) -> None:
        """Publishes the circular."""
        circular.publish(self.engine, quarter, self.settings.reports_dir, day=self.day(now))

    def housekeeping(self, quarter: str, now: datetime) -> None:
        """Purges, verifies the audit chain, watches the register and the use of paid-out money."""
        housekeeping.housekeep(self.engine, self.cipher, day=self.day(now), reports_dir=self.settings.reports_dir)
        intake.pull_register(self.engine, self.green, self.cipher, now.date(), now, self.policy)
        register_watch.watch(self.engine, day=self.day(now))
        matching.watch_post_loan(self.engine, day=self.day(now))

    def _pull_reference(self, now: datetime) -> None:
        intake.pull_register(self.engine, self.green, self.cipher, now.date(), now, self.policy)
        intake.pull_coordinators(self.engine, self.green, self.cipher, now=now)

    def _review(self, kind: IntakeKind, now: datetime) -> None:
        request = intake.ReviewRequest(run_id=f"{kind}/{now.isoformat()}", kind=kind)
        sets = intake.open_reviews(self.engine, self.green, self.cipher, request, self.day(now))
        if sets:
            self._pull_reference(now)
            self._take_in(sets, now)

    def _take_in(self, sets: Sequence[intake.DepartmentSet], now: datetime) -> None:
        for one in sets:
            intake.pull_departments(
                self.engine,
                lambda: GreenPlatformClient(self.settings.green_platform),
                self.cipher,
                intake_id=one.intake_id,
                department_codes=one.department_codes,
                day=self.day(now),
            )
        for one in sets:
            gate.judge_departments(
                self.engine,
                self.cipher,
                intake_id=one.intake_id,
                department_codes=one.department_codes,
                day=self.day(now),
            )
        for intake_id in dict.fromkeys(one.intake_id for one in sets):
            intake.close(self.engine, intake_id, self.day(now))


PLAYED: Mapping[str, Callable[[Stages, str, datetime], None]] = {
    "remind_departments": Stages.remind_departments,
    "daily_review": Stages.daily_review,
    "quarterly_intake": Stages.quarterly_intake,
    "major_intake": Stages.major_intake,
    "deliver": Stages.deliver,
    "bank_feedback": Stages.bank_feedback,
    "escalate_stalled": Stages.escalate_stalled,
    "urgent_mails": Stages.urgent_mails,
    "weekly_summary": Stages.weekly_summary,
    "reconcile": Stages.reconcile,
    "quarterly_circular": Stages.quarterly_circular,
    "housekeeping": Stages.housekeeping,
}
"""By dag_id: every DAG with a schedule. DAGs run only by hand are not played."""

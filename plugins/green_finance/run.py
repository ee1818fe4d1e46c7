"""What a task needs to call a stage (settings, database, clock, calendar, policy), and how a stage's failure is reported."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from green_finance.connections import settings
from include.base.act import Act
from include.base.business_time import SHANGHAI, BusinessClock
from include.base.errors import InvalidRequest, PlatformUnavailable, UserFacingError
from include.base.settings import Settings, business_moment
from include.domain.calendar import WorkingCalendar
from include.domain.quarter import Quarter
from include.reference import Policy, departments, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.rule_book.preload import refuse_stale

if TYPE_CHECKING:
    from airflow.sdk import Context
    from sqlalchemy import Engine

    from include.base.privacy import PersonalDataCipher
    from include.platforms.credit_market import CreditMarketClient
    from include.platforms.green_platform import GreenPlatformClient

log = logging.getLogger(__name__)


class StageFailed(AirflowException):
    """A stage could not do its work for now; a retry may help."""


@dataclass(frozen=True)
class StageRun:
    """One task's environment. Database and clients are opened on first use."""

    settings: Settings
    run_id: str
    partition_key: str | None
    logical_date: datetime | None
    given_start: datetime | None

    @cached_property
    def clock(self) -> BusinessClock:
        """Business time, from the moment that the run was given, if any."""
        from include.store.simulated_time import business_start

        return BusinessClock.starting_at(self.given_start or business_start(self.engine, self.settings))

    @property
    def run_date(self) -> datetime:
        """The run's date in Asia/Shanghai."""
        return (self.logical_date or self.now).astimezone(SHANGHAI)

    @property
    def now(self) -> datetime:
        """Business time."""
        return self.clock.now()

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return policy()

    @property
    def calendar(self) -> WorkingCalendar:
        """China's working days."""
        return china_calendar()

    @property
    def day(self) -> Day:
        """The business day: now, under China's calendar and the policy in force."""
        return Day.in_force(self.now)

    def act(self, reason: str = "") -> Act:
        """What this run does by itself, now."""
        return Act.by_stage(self.run_id, self.now, reason)

    @cached_property
    def engine(self) -> Engine:
        """The business database, at the newest schema."""
        from include.store.database import open_database

        return open_database(self.settings)

    @cached_property
    def cipher(self) -> PersonalDataCipher:
        """For personal data."""
        from include.store.cipher import open_cipher

        return open_cipher(self.engine, self.settings)

    def note_configuration(self) -> None:
        """Add an audit entry if policy, rule set or keys differ from those last recorded."""
        from include import audit
        from include.rule_book.suites import ruleset_version

        audit.note_configuration(
            self.engine,
            self.settings,
            self.policy,
            ruleset_version(self.policy),
            act=self.act(),
        )

    def green_platform(self) -> GreenPlatformClient:
        """A client of the green platform."""
        from include.platforms.green_platform import GreenPlatformClient

        return GreenPlatformClient(self.settings.green_platform)

    def credit_market(self) -> CreditMarketClient:
        """A client of the credit-market platform."""
        from include.platforms.credit_market import CreditMarketClient

        return CreditMarketClient(self.settings.credit_market)

    def quarter(self, asked: str | None) -> str:
        """The requested quarter, else the run's partition, else the quarter of the run's date."""
        given = asked or self.partition_key
        if not given:
            return str(Quarter.of(self.run_date.date()))
        try:
            return str(Quarter.parse(given))
        except ValueError:
            raise InvalidRequest(f"季度“{given}”无法识别。", "请写成 2026Q3 的形式后重新触发。") from None


def chosen_departments(asked: list[str] | None) -> tuple[str, ...]:
    """The requested departments, or all of them."""
    unknown = sorted(set(asked or ()) - set(departments()))
    if unknown:
        raise InvalidRequest(
            f"主管部门代码 {'、'.join(unknown)} 不在名单内。", "请使用 37 个受理主管部门的六位代码，例如 330000。"
        )
    return tuple(dict.fromkeys(asked)) if asked else tuple(departments())


@contextmanager
def stage_run() -> Iterator[StageRun]:
    """Open a task's environment; a failure that a person has to act on becomes one clear sentence.

    An unreachable platform may come back: that failure is retried. What a person has to fix first is not.
    """
    context = get_current_context()
    dag_run = context["dag_run"]
    run: StageRun | None = None
    try:
        refuse_stale()
        found = settings()
        run = StageRun(
            settings=found,
            run_id=f"{dag_run.dag_id}/{dag_run.run_id}",
            partition_key=dag_run.partition_key,
            logical_date=dag_run.logical_date,
            given_start=given_start(found, dag_run.conf or {}),
        )
        if run.given_start is not None:
            from include.store.simulated_time import move_to

            move_to(run.engine, run.given_start)
        yield run
        _note_done(run, context)
    except PlatformUnavailable as error:
        log.error("%s", error)
        raise StageFailed(str(error)) from None
    except UserFacingError as error:
        log.error("%s", error)
        raise AirflowFailException(str(error)) from None
    finally:
        if run is not None and "engine" in run.__dict__:
            run.engine.dispose()


def said(done: int, nothing: str) -> int:
    """How much a task did; a task that did nothing is skipped and says why."""
    if not done:
        raise AirflowSkipException(nothing)
    return done


def _note_done(run: StageRun, context: Context) -> None:
    """Say that the task did its work, for the console's page of health."""
    from include.store.last_runs import note_run

    note_run(run.engine, f"{context['dag_run'].dag_id}.{context['ti'].task_id}", run.now)


def given_start(found: Settings, conf: Mapping[str, object]) -> datetime | None:
    """The business moment that a run was given (sandbox only), None without one. Raises InvalidRequest."""
    given = conf.get("now")
    if given is None:
        return None
    if not found.may_move_time:
        raise InvalidRequest("只有沙箱环境可以在运行参数中指定业务时间 now。", "请去掉参数 now 后重新触发。")
    return business_moment(str(given))

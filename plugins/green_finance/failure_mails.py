"""The mail about a failed run (运行失败) to operators.

It bypasses the outbox: what failed may be the database or the delivery. One mail for a run, however many of its tasks
failed, and one a day for a scheduled DAG that goes on failing. A sent mail is recorded in the outbox; one that could
not be sent waits there, and the next one names it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf

from green_finance.connections import settings
from green_finance.run import given_start
from include.base.business_time import SHANGHAI
from include.base.errors import ConfigurationError, UserFacingError
from include.base.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context
    from sqlalchemy import Connection

log = logging.getLogger(__name__)
T = TypeVar("T")
_SCHEDULED = "scheduled"


class RunFailureNotifier(BaseNotifier):
    """Mails the operators of `smtp_default` (extra.operator_email, else its from_email) which run failed, and what to do."""

    def render_template_fields(self, context: Context, jinja_env: object = None) -> None:
        """Render nothing by Airflow's templates: names of runs are data, and `dag.test()` has no DAG to render with."""

    def notify(self, context: Context) -> None:
        """Send the mail, unless one about this DAG was sent today.

        If it cannot be sent it waits in the outbox. Raises as `hand_over`.
        """
        from include.delivery.mail_connection import hand_over
        from include.delivery.mail_message import mail_message
        from include.letters import failure_mails
        from include.letters.composing import compose

        found = settings()
        dag, run_id, day = context["dag"], str(context["run_id"]), _day(context)
        if _is_scheduled(context) and _ask_database(
            found, lambda connection: failure_mails.notified_on(connection, dag.dag_id, day), False
        ):
            return
        server = found.mail_server
        title = dag.dag_display_name
        waiting: list[str] = _ask_database(found, failure_mails.waiting_runs, [])
        body = compose(
            "run_failed",
            to=[server.operator_email],
            subject=f"运行失败：{title}",
            list_id="operator",
            today=day,
            title=title,
            run_id=run_id,
            task=getattr(context.get("ti"), "task_id", ""),
            link=f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{dag.dag_id}/runs/{quote(run_id, safe='')}",
            waiting=waiting,
        )
        message_at, run_at = _now(found, context), _moment(context)
        key = failure_mails.key_of(dag.dag_id, run_id)
        left = False
        try:
            hand_over(server, mail_message(key, json.dumps(body), sender=server.from_email, at=message_at))
            left = True
        finally:
            _ask_database(
                found, lambda connection: failure_mails.note(connection, key, body, left=left, now=run_at), None
            )


def _is_scheduled(context: Mapping[str, Any]) -> bool:
    return getattr(context.get("dag_run"), "run_type", None) == _SCHEDULED


def _ask_database(found: Settings, ask: Callable[[Connection], T], otherwise: T) -> T:
    """The answer of the business database; `otherwise` if it cannot be asked: it may be what failed."""
    from sqlalchemy.exc import SQLAlchemyError

    from include.store.database import connect

    try:
        engine = connect(found.business_db_url)
        try:
            with engine.begin() as connection:
                return ask(connection)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ConfigurationError) as error:
        log.warning("the business database could not read or record failure mails: %s", type(error).__name__)
        return otherwise


def _day(context: Mapping[str, Any]) -> date:
    """The run's day in Asia/Shanghai."""
    return _moment(context).astimezone(SHANGHAI).date()


def _moment(context: Mapping[str, Any]) -> datetime:
    """The run's moment in business time."""
    dag_run = context.get("dag_run")
    moment: datetime | None = getattr(dag_run, "logical_date", None) or getattr(dag_run, "run_after", None)
    return moment if moment is not None else _now(settings(), context)


def _now(found: Settings, context: Mapping[str, Any]) -> datetime:
    """The business clock; a simulated run was given its own moment, unless that is why it failed."""
    from include.base.business_time import BusinessClock

    try:
        given = given_start(found, getattr(context.get("dag_run"), "conf", None) or {})
    except UserFacingError:
        given = None
    return BusinessClock.starting_at(given or found.business_start).now()

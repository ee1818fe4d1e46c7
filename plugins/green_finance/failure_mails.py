"""The mail that tells operators of a failed run (运行失败), by Airflow's SmtpNotifier.

It does not go through the outbox: what has failed may be the database or the delivery itself. One mail for a run, however
many of its tasks failed, and one a day for a scheduled DAG that goes on failing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk.configuration import conf

from green_finance.connections import settings
from include.domain.calendar import SHANGHAI

if TYPE_CHECKING:
    from airflow.sdk import Context

_SCHEDULED = "scheduled"


class RunFailureNotifier(SmtpNotifier):
    """Mails the operators of `smtp_default` (extra.operator_email, else its from_email) which run failed, and what to do."""

    def __init__(self) -> None:
        super().__init__(to="")

    def render_template_fields(self, context: Context, jinja_env: object = None) -> None:
        """Leave nothing to Airflow's templates: names of runs are data, and `dag.test()` has no DAG to render with."""

    def notify(self, context: Context) -> None:
        """Send the mail, unless the operators have been told of this DAG today. Raises what the SMTP hook raises."""
        if _told_today(context):
            return
        from include.mail import compose

        server = settings().mail_server
        dag, run_id = context["dag"], str(context["run_id"])
        title = dag.dag_display_name
        body = compose(
            "run_failed",
            to=[server.operator_email],
            subject=f"运行失败：{title}",
            list_id="operator",
            today=_day(context),
            title=title,
            run_id=run_id,
            task=getattr(context.get("ti"), "task_id", ""),
            link=f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{dag.dag_id}/runs/{quote(run_id, safe='')}",
        )
        self.to, self.from_email = body["to"], server.from_email
        self.subject, self.html_content = body["subject"], body["html"]
        self.custom_headers = {"List-Id": f"<{body['list_id']}>"}
        super().notify(context)


def _told_today(context: Mapping[str, Any]) -> bool:
    """Whether the run before was on the same day and failed too: operators were told then."""
    dag_run, ti = context.get("dag_run"), context.get("ti")
    if ti is None or dag_run is None or dag_run.run_type != _SCHEDULED:
        return False
    before = ti.get_previous_dagrun()
    return (
        before is not None
        and before.state == "failed"
        and before.logical_date is not None
        and before.logical_date.astimezone(SHANGHAI).date() == _day(context)
    )


def _day(context: Mapping[str, Any]) -> Any:
    """The run's day in Asia/Shanghai."""
    dag_run = context.get("dag_run")
    moment = getattr(dag_run, "logical_date", None) or getattr(dag_run, "run_after", None)
    if moment is None:
        from include.business_time import BusinessClock

        moment = BusinessClock.starting_at(settings().business_start).now()
    return moment.astimezone(SHANGHAI).date()

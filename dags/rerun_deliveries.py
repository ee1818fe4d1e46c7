"""
### 重新发送 rerun_deliveries

Puts deliveries that were given up on, or that wait too long, back into the queue under their original key, and sends them.

**By hand only.** First a preview (`dry_run`, the default): the log of `preview` says what would be sent, what not, and why. Then
trigger again with `dry_run` off. A reason is required; it goes into the audit trail. For example:

    {"quarter": "2026Q3", "departments": ["330000"], "error_class": "rejected", "reason": "平台已修复校验规则", "dry_run": false}

The console's pages 发件箱 and 重新发送 do the same, show how far a re-run is, and can cancel it.

**Triage**: a `conflict` (the receiver holds another body under the same key) is never sent again; look at the need with the
platform's operators.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, get_current_context, task

from green_finance.defaults import dag_defaults, departments_param, error_class_param, quarter_param
from green_finance.delivery_tasks import wire_delivery
from green_finance.run import stage_run


def _selection():
    from include.delivery.rerun import Selection, since

    params = get_current_context()["params"]
    return Selection(
        quarter=params["quarter"],
        departments=tuple(params["departments"] or ()),
        error_class=params["error_class"],
        delivery_ids=tuple(params["delivery_ids"] or ()),
        failed_since=since(params["failed_since"]),
    )


@task(task_display_name="预览")
def preview() -> dict[str, int]:
    """Say what a re-run would send, what not, and why."""
    from include.delivery import rerun

    with stage_run() as run, run.engine.connect() as connection:
        found = rerun.preview(connection, _selection())
        print(found.text())
        return found.counts()


@task.short_circuit(task_display_name="是否正式重发")
def wanted() -> bool:
    """Go on only when this is not a dry run."""
    return not get_current_context()["params"]["dry_run"]


@task(task_display_name="重新列入发送")
def requeue() -> int:
    """Put the chosen deliveries back into the queue, as one job with one audit entry however often it is tried; returns how many."""
    from include.delivery import rerun

    context = get_current_context()
    with stage_run() as run, run.engine.begin() as connection:
        started = rerun.rerun(
            connection,
            _selection(),
            actor=context["dag_run"].triggering_user_name or run.run_id,
            reason=context["params"]["reason"],
            now=run.now,
            request_key=run.run_id,
        )
        return started.number if started else 0


@dag(
    schedule=None,
    dag_display_name="重新发送 rerun_deliveries",
    description="重新发送未送达的内容（默认只预览）",
    doc_md=__doc__,
    params={
        "quarter": quarter_param(),
        "departments": departments_param(),
        "error_class": error_class_param(),
        "delivery_ids": Param(
            None,
            type=["null", "array"],
            items={"type": "integer"},
            title="发送编号",
            description="只重发这些编号；不填为按以上条件。",
        ),
        "failed_since": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="失败时间不早于",
            description="例如 2026-10-09T09:00:00+08:00；不填则不限。",
        ),
        "reason": Param(type="string", minLength=4, title="重发原因", description="必填，记入审计。"),
        "dry_run": Param(True, type="boolean", title="仅预览", description="默认只预览；关闭后才真正重发。"),
    },
    **dag_defaults("发送", "人工"),
)
def rerun_deliveries():
    first = wire_delivery()
    preview() >> wanted() >> requeue() >> first


rerun_deliveries()

"""Runs that make up for missed quarters, as a trigger takes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context, timezone
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from green_finance.run import stage_run


def runs_that_make_up(intake_dag_id: str) -> list[dict[str, Any]]:
    """One run for each missed quarter, the oldest first, for the departments that nobody has read.

    Skips the task if nothing was missed, or while a run of the intake waits or works. Fails it, naming the quarters,
    while the intake is paused.
    """
    from include.store.missed_quarters import missed_quarters

    context = get_current_context()
    given = {name: value for name, value in (context["dag_run"].conf or {}).items() if name == "now"}
    with stage_run() as run, run.engine.connect() as connection:
        found = missed_quarters(connection, run.day)
    if not found:
        raise AirflowSkipException("没有漏办的季度，无需补办。")
    names = "、".join(one.quarter for one in found)
    ti = context["ti"]
    if ti.get_dag(intake_dag_id).is_paused:
        raise AirflowFailException(
            f"{names} 漏办，而 {intake_dag_id} 处于暂停状态。请在 Airflow 中启用 {intake_dag_id}。"
        )
    if ti.get_dr_count(intake_dag_id, states=["queued", "running"]):
        raise AirflowSkipException(f"{names} 尚未办理；{intake_dag_id} 有运行正在等待或进行，结束后再核对。")
    now = timezone.utcnow()
    return [
        {
            "trigger_run_id": f"missed__{one.quarter}",
            "conf": {
                "quarter": one.quarter,
                **({"departments": list(one.unread)} if one.is_partial else {}),
                **given,
            },
            # Runs that wait start in the order of this moment.
            "run_after": (now + timedelta(milliseconds=position)).isoformat(),
        }
        for position, one in enumerate(found)
    ]

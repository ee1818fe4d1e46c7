"""
### 决定暂停地区 decide_stopped_department

Asks a person whether the pushes of a department go on, of which too large a share was returned (B08). Until then its passed needs
wait; the other departments go on. 继续推送 queues all that wait, for `deliver` to send; 维持暂停 goes on waiting.

**When**: the intakes trigger it once for each department that they stopped. The question is under 待办 (Required Actions) in
Airflow's menu, with the figures; a reason is required and goes into the audit trail with the name of who answered. If nobody answers
within the days of `hold_decision_working_days`, the stop is kept: silence releases nothing.

**By hand**: to decide on a kept stop, trigger again with `{"quarter": "2026Q3", "department": "330000"}`.

**Triage**: `look_up` skips what is decided already, and is red where the department was never stopped. An answer without a reason,
or one given in the very second in which the question appeared, is asked for again. What was continued cannot be stopped again:
withdraw single needs instead.
"""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from green_finance.defaults import dag_defaults
from green_finance.department_decision import ALL_AT_ONCE, DepartmentDecision, as_decision
from green_finance.run import stage_run


@task
def look_up() -> dict[str, object]:
    """The figures of the stop; skips where the department was continued already."""
    from include.gate import breaker
    from include.reference import departments

    params = get_current_context()["params"]
    with stage_run() as run, run.engine.connect() as connection:
        stop = breaker.stop_of(connection, quarter=params["quarter"], department_code=params["department"])
    if stop.state == "continued":
        raise AirflowSkipException("已决定继续推送，无需再决定。")
    return {
        **asdict(stop),
        "opened_at": stop.opened_at.strftime("%Y-%m-%d %H:%M"),
        "department": departments()[stop.department_code].name,
        "share": f"{100 * stop.returned / stop.judged:.1f}%",
    }


@task
def record_decision(answer: dict[str, object]) -> int:
    """Record who decided what and why; returns how many pushes were queued."""
    from include.gate import breaker

    params = get_current_context()["params"]
    with stage_run() as run, run.engine.begin() as connection:
        return breaker.decide(
            connection,
            quarter=params["quarter"],
            department_code=params["department"],
            now=run.now,
            **as_decision(answer),
        )


@dag(
    schedule=None,
    dag_display_name="决定暂停地区 decide_stopped_department",
    doc_md=__doc__,
    params={
        "quarter": Param(type="string", pattern="^20[0-9]{2}Q[1-4]$", title="季度", description="形如 2026Q3。"),
        "department": Param(
            type="string", pattern="^[1-9][0-9]{5}$", title="受理主管部门", description="六位代码，例如 330000。"
        ),
    },
    **{**dag_defaults("征集", "人工"), "max_active_runs": ALL_AT_ONCE},
)
def decide_stopped_department():
    stop = look_up()
    decision = DepartmentDecision(
        task_id="decision",
        subject="{% set stop = ti.xcom_pull(task_ids='look_up') %}"
        "{{ stop['department'] }} {{ stop['quarter'] }} 退回比例过高，是否继续推送？",
        body="{% set stop = ti.xcom_pull(task_ids='look_up') %}"
        "已审核 **{{ stop['judged'] }}** 条，退回 **{{ stop['returned'] }}** 条（{{ stop['share'] }}），"
        "{{ stop['opened_at'] }} 起暂停推送。现有 **{{ stop['waiting'] }}** 条通过的需求等待推送。\n\n"
        "选择“继续推送”后这些需求随即进入发件箱；选择“维持暂停”则继续等待，以后可再次决定。须填写理由，并记入审计。",
    )
    stop >> decision
    record_decision(decision.output)


decide_stopped_department()
